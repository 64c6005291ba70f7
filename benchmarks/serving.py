"""A model over HTTP, as `mlflow models serve` answers, beside bare PyTorch with the same model."""

from __future__ import annotations

import base64
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import wave
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

import numpy as np
import torch

from benchmarks.turns import Turns, interleave, tell
from seqarena.data.batches import collate
from seqarena.data.store import DataSpec
from seqarena.models.variants import added_space
from seqarena.predict import Predictor, save_model
from seqarena.tasks import task_for
from seqarena.tracking.mlflow.logged_model import save_served
from seqarena.tracking.mlflow.projection import SERVE
from seqarena.tracking.mlflow.raw import read

MODALITIES = ("text", "audio")
REQUESTS = 40  # of a round
CLIENTS = 4  # that ask side by side, for requests per second
WORDS = tuple(f"word{number}" for number in range(5000))
VARIANT = "lstm_attention"
START = 120.0  # seconds that a server may take to begin


def main(rounds: int = 5) -> None:
    """A sentence and a recording of a second, asked for one by one and by several clients."""
    for modality in MODALITIES:
        contenders = {
            "bare": (bare, modality),
            "alone": (served, modality, 1),
            "together": (served, modality, CLIENTS),
        }
        seconds = interleave(contenders, rounds)
        each = {name: 1000 * median(found) / REQUESTS for name, found in seconds.items()}
        rate = 1000 / each["together"]
        print(
            f"serving: {modality}: {each['alone']:.1f} ms a request, {rate:.0f} requests a second "
            f"of {CLIENTS} clients; bare PyTorch {each['bare']:.2f} ms",
            flush=True,
        )
        tell(f"serving: {modality}: bare over a request", seconds["alone"], seconds["bare"])


def bare(turns: Turns, folder: Path, modality: str) -> None:
    """Call the network with the steps, that are read already, as a batch of one."""
    predictor = Predictor(model(folder / "model", modality))
    (asked,) = read([[question(modality)]], predictor.spec)

    def ask() -> None:
        with torch.inference_mode():
            predictor.model(collate([asked.steps]))

    rounds(turns, ask, 1)


def served(turns: Turns, folder: Path, modality: str, clients: int) -> None:
    """Ask a server on loopback, each client over a connection of its own."""
    save_served(folder / "served", model(folder / "model", modality), SERVE, folder)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local"]
    command += ["--model-uri", str(folder / "served"), "--port", str(port)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet, start_new_session=True) as server:
        try:
            connections = [await_server(port) for _ in range(clients)]
            body = json.dumps({"inputs": [question(modality)]})
            together(turns, connections, body)
        finally:
            os.killpg(server.pid, signal.SIGTERM)  # MLflow starts the server below itself


def together(turns: Turns, connections: list[HTTPConnection], body: str) -> None:
    """Let every connection ask its part of a round."""
    with ThreadPoolExecutor(len(connections)) as pool:

        def part(connection: HTTPConnection) -> None:
            connection.close()  # the server did, while it was another's turn
            for _ in range(REQUESTS // len(connections)):
                post(connection, body)

        rounds(turns, lambda: list(pool.map(part, connections)), REQUESTS)


def rounds(turns: Turns, ask: Callable[[], object], asked: int) -> None:
    """Take turns: calls that come to `REQUESTS`, of `asked` each."""
    while True:
        turns.wait()
        began = time.perf_counter()
        for _ in range(REQUESTS // asked):
            ask()
        turns.report(time.perf_counter() - began)


def post(connection: HTTPConnection, body: str) -> None:
    """Ask once, and take the answer."""
    connection.request("POST", "/invocations", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    told = answer.read()
    if answer.status != 200:
        raise RuntimeError(told.decode())


def await_server(port: int) -> HTTPConnection:
    """Return a connection once the server answers."""
    until = time.monotonic() + START
    while time.monotonic() < until:
        connection = HTTPConnection("127.0.0.1", port)
        with suppress(OSError):
            connection.request("GET", "/ping")
            connection.getresponse().read()
            return connection
        time.sleep(0.5)
    raise RuntimeError(f"no server in {START:g} s")


def model(folder: Path, modality: str) -> Path:
    """Save a network of random weights, of the size that a search finds."""
    text = modality == "text"
    encoding = (
        {"lowercase": True, "max_length": 60, "targets": "label"}
        if text
        else {"targets": "label", "cmn": True, "mean": [0.0] * 40, "std": [1.0] * 40}
        | {"sample_rate": 8000, "mels": 40, "window": 0.025, "shift": 0.01, "max_seconds": 30.0}
    )
    spec = DataSpec(
        modality=modality,
        dtype="int32" if text else "float32",
        feature_shape=() if text else (40,),
        max_length=60,
        step="token" if text else "second",
        step_size=1.0,
        vocabulary=("<pad>", "<unk>", *WORDS) if text else (),
        classes=("no", "yes"),
        options=encoding,
    )
    chosen = {"width": 64, "dropout": 0.0} | {
        name: choice[-1] if isinstance(choice, list) else choice
        for name, choice in added_space(VARIANT, modality).items()
    }
    torch.manual_seed(0)
    task = task_for("classification")
    about = {"task": "classification", "variant": VARIANT, "hyperparameters": chosen}
    save_model(folder, task.model(VARIANT, spec, chosen).state_dict(), spec, about)
    return folder


def question(modality: str) -> str:
    """Return a sentence of twenty words, or a second of noise as a WAV in base64."""
    if modality == "text":
        return " ".join(WORDS[::250])
    noise = np.random.default_rng(0).integers(-9000, 9000, 8000).astype("<i2")
    packed = io.BytesIO()
    with wave.open(packed, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(noise.tobytes())
    return base64.b64encode(packed.getvalue()).decode()
