"""Windows/s of training a forecaster: seqarena over NeuralForecast and over a bare PyTorch loop.

A week of hours back, a day ahead, as in the forecast experiment, whose models read a day as one
step (`patch`). NeuralForecast's read hour by hour: the models that do so too are compared as well.
"""

from __future__ import annotations

import logging
import statistics
import time
import warnings
from pathlib import Path
from typing import Any

import torch

from benchmarks import loops
from benchmarks.data import FEATURES, HORIZON, HOURS, LOOKBACK, experiment, measured
from benchmarks.turns import Turns, interleave, tell

COMMON = {"learning_rate": 3e-3, "weight_decay": 1e-2, "dropout": 0.0}
CASES = [("lstm", {"width": 64}), ("lstm", {"width": 128}), ("gru", {"width": 64})]
PATCHES = {"a day a step": 24, "an hour a step": 1}
TARGET = 4  # over NeuralForecast, by the models of the experiment


def main(rounds: int = 7) -> None:
    """Every case with one thread and with two."""
    for variant, own in CASES:
        for threads in (1, 2):
            seconds = interleave(_contenders(variant, COMMON | own), rounds, threads)
            what = f"forecast: {variant} {own['width']}, threads: {threads}"
            theirs = seconds["NeuralForecast"]
            for reading, patch in PATCHES.items():
                ours, bare = seconds[reading], seconds[f"bare, {reading}"]
                target = TARGET if patch > 1 else None
                tell(f"{what}, {reading}, over NeuralForecast", theirs, ours, target)
                tell(f"{what}, {reading}, over a bare loop", bare, ours)
            _rates(what, seconds)


def _contenders(variant: str, h: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    contenders: dict[str, tuple[Any, ...]] = {"NeuralForecast": (neuralforecast, variant, h)}
    for reading, patch in PATCHES.items():
        given = ("series", variant, h | {"patch": patch})
        contenders[reading] = (loops.seqarena, *given)
        contenders[f"bare, {reading}"] = (loops.bare, *given)
    return contenders


def _rates(what: str, seconds: dict[str, list[float]]) -> None:
    windows = experiment("series").protocol.epoch_examples
    assert windows is not None
    rates = [
        f"{name} {windows / statistics.median(times):,.0f}"
        for name, times in seconds.items()
        if times
    ]
    print(f"{what}, windows per second: {'; '.join(rates)}", flush=True)


def neuralforecast(turns: Turns, _: Path, variant: str, h: dict[str, Any]) -> None:
    """Train NeuralForecast's model of the same sizes on the same series.

    Its windows are not scaled one by one, as ours are not, and its optimiser has our settings.
    """
    import pandas as pd
    import pytorch_lightning as pl
    from neuralforecast import NeuralForecast
    from neuralforecast.models import GRU, LSTM

    logging.disable(logging.WARNING)
    warnings.filterwarnings("ignore")
    protocol = experiment("series").protocol
    assert protocol.epoch_examples is not None
    steps = protocol.epoch_examples // protocol.batch_size

    class Clock(pl.Callback):
        taken, began = 0, 0.0

        def on_train_batch_start(self, *_: Any) -> None:
            if self.taken % steps == 0:
                if self.taken:
                    turns.report(time.perf_counter() - self.began)
                turns.wait()
                self.began = time.perf_counter()
            self.taken += 1

    covariates = [f"x{number}" for number in range(1, FEATURES)]
    table = pd.DataFrame(measured(HOURS), columns=["y", *covariates])
    table["unique_id"] = "bikes"
    table["ds"] = pd.date_range("2010-09-01", periods=HOURS, freq="h")
    model = {"lstm": LSTM, "gru": GRU}[variant](
        h=HORIZON,
        input_size=LOOKBACK,
        encoder_n_layers=1,
        encoder_hidden_size=h["width"],
        decoder_layers=1,
        hist_exog_list=covariates,
        windows_batch_size=protocol.batch_size,
        scaler_type="identity",
        max_steps=1_000_000,
        learning_rate=h["learning_rate"],
        optimizer=torch.optim.AdamW,
        optimizer_kwargs={"weight_decay": h["weight_decay"]},
        val_check_steps=1_000_000,
        accelerator="cpu",
        gradient_clip_val=1.0,
        callbacks=[Clock()],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    NeuralForecast(models=[model], freq="h").fit(df=table)
