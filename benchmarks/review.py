"""How long a reviewer waits for each saved view, of an experiment with many runs."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import numpy as np
from PIL import Image
from playwright.sync_api import BrowserContext, sync_playwright

from seqarena.records import BaselineSummary, MlflowPlace, Summary, VariantSummary, View
from seqarena.tracking.events import Kind
from seqarena.tracking.ledger import Ledger
from seqarena.tracking.mlflow.projection import sync

VARIANTS = ("bilstm", "conv1d", "gru", "lstm", "lstm_attention", "window_mlp")
REPETITIONS, TRIALS, EPOCHS = 10, 10, 10  # 60 finals and 600 trials
CARD = "[data-testid='experiment-view-compare-runs-card']"
DRAWN = "svg.main-svg, .wrapper-parcoord, .parcoords, img"


def main() -> None:
    """Print the seconds from a link to the charts that a screen of 1440 x 900 shows."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        random = np.random.default_rng(0)
        ledger = Ledger(Path("results/many/ledger.jsonl"), "many")
        for variant in VARIANTS:
            for repetition in range(1, REPETITIONS + 1):
                for number in range(1, TRIALS + 1):
                    _trained(ledger, "trial", variant, repetition, number, random)
                _trained(ledger, "final", variant, repetition, 0, random)
        _verdict(ledger)
        store = f"sqlite:///{Path.cwd() / 'mlflow.db'}"
        begin = time.perf_counter()
        sync(Path("results"), ["many"], store)
        print(f"written in {time.perf_counter() - begin:.0f} s\n\n| view | s |\n|---|---|")
        with _server(store) as address, sync_playwright() as playwright:
            program = shutil.which("chromium")
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            window = browser.new_context(viewport={"width": 1440, "height": 900})
            place = MlflowPlace.read(Path("results/many/mlflow.json"))
            urls = {
                view: place.model_copy(update={"address": address}).view(view)
                for view in get_args(View)
            }
            print(f"| the first page of a browser | {_opened(window, urls['verdict']):.1f} |")
            for view, url in urls.items():
                print(f"| {view} | {_opened(window, url):.1f} |")
            browser.close()


def _trained(
    ledger: Ledger,
    kind: Kind,
    variant: str,
    repetition: int,
    number: int,
    random: np.random.Generator,
) -> None:
    chosen = {"learning_rate": float(10 ** random.uniform(-4, -2)), "width": 32 * (1 + number % 4)}
    params = {"variant": variant, "repetition": repetition, "trial": number, **chosen}
    name = f"{variant} repetition {repetition} {kind} {number}"
    score = float(random.uniform(0.6, 0.9))
    with ledger.running(kind, name, params=params, tags={"current": "true"}) as run:
        for epoch in range(1, EPOCHS + 1):
            reached = {"valid_accuracy": score * epoch / EPOCHS, "valid_loss": 1 / epoch}
            ledger.metrics(run, epoch, {**reached, "train_loss": 0.9 / epoch, "gradient_norm": 1.0})
        if kind == "trial":
            ledger.metrics(run, EPOCHS, {"objective": score, "seconds": 10 * score})
            return
        cost = {"train_seconds": 10.0, "milliseconds": 1.5, "parameters": 1e5}
        interval = {"ci95_low": score - 0.05, "ci95_high": score + 0.05}
        ledger.metrics(run, EPOCHS, {"test_accuracy": score, **interval, **cost})
        for drawn in ("attention-1", "attention-2", "confusion") if repetition == 1 else ():
            path = ledger.path.parent / "finals" / f"{variant}-1" / f"{drawn}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(random.integers(0, 255, (400, 600, 3), dtype=np.uint8)).save(path)
            ledger.artifact(run, path)


def _verdict(ledger: Ledger) -> None:
    found = VariantSummary(
        values=(0.75,) * REPETITIONS,
        mean=0.75,
        ci95=(0.7, 0.8),
        parameters=100_000,
        train_seconds=10.0,
        milliseconds=1.5,
        test_examples=1000,
    )
    baseline = BaselineSummary(value=0.5, ci95=(0.45, 0.55), seconds=1.0)
    summary = Summary(
        metric="accuracy",
        greater_is_better=True,
        baselines={"majority": baseline},
        variants=dict.fromkeys(VARIANTS, found),
        verdict="The 6 variants are not separated.",
        ending="not separated",
        cost="",
    )
    path = ledger.path.parent / "summary.json"
    with ledger.running("verdict", "verdict", tags={"current": "true"}) as run:
        summary.write(path)
        ledger.artifact(run, path)


@contextmanager
def _server(store: str) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    where = ["--backend-store-uri", store, "--port", str(port), "--workers", "1"]
    command = [sys.executable, "-m", "mlflow", "server", *where]
    quiet = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with Path("server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=quiet)
    try:
        while not _answers(address):
            assert process.poll() is None, Path("server.log").read_text()
            time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


def _opened(window: BrowserContext, url: str) -> float:
    page = window.new_page()
    begin = time.perf_counter()
    page.goto(url)
    cards = page.locator(CARD)
    cards.first.wait_for(timeout=120_000)
    for card in cards.all():
        card.locator(DRAWN).first.wait_for(timeout=120_000)
    took = time.perf_counter() - begin
    page.close()
    return took


if __name__ == "__main__":
    main()
