"""Prepared data of the shapes of the experiments, drawn at random: speed does not look at it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seqarena.config import Experiment, Protocol
from seqarena.data.store import Array, DataSpec, Prepared, write_sequences, write_spec

VOCABULARY = 8_918  # of the real sentiment data, as are the lengths and the size
SIZE = 8_454
LENGTHS = {"mean": 21.25, "deviation": 9.5, "shortest": 2, "longest": 58}


def sentences(folder: Path, train: int = 2_560, valid: int = 64) -> Prepared:
    """Write token sequences of the lengths and the vocabulary of the sentiment experiment."""
    generator = np.random.default_rng(0)

    def draw(count: int) -> list[Array]:
        lengths = generator.normal(LENGTHS["mean"], LENGTHS["deviation"], count).round()
        lengths = lengths.clip(LENGTHS["shortest"], LENGTHS["longest"]).astype(int)
        return [generator.integers(2, VOCABULARY, n).astype(np.int32) for n in lengths]

    spec = DataSpec(
        modality="text",
        feature_shape=(),
        max_length=int(LENGTHS["longest"]),
        step="token",
        step_size=1.0,
        vocabulary=tuple(map(str, range(VOCABULARY))),
        classes=("negative", "positive"),
    )
    return _write(folder, spec, draw(train), draw(valid))


def clips(folder: Path, train: int = 128, valid: int = 16) -> Prepared:
    """Write uint8 clips of the shape of the video experiment."""
    generator = np.random.default_rng(0)

    def draw(count: int) -> list[Array]:
        return [generator.integers(0, 256, (16, 1, 32, 32), np.uint8) for _ in range(count)]

    spec = DataSpec(
        modality="video",
        feature_shape=(1, 32, 32),
        pixel_stats={"mean": [127.5], "std": [73.9]},
        max_length=16,
        step="frame",
        step_size=1.0,
        classes=tuple(map(str, range(8))),
    )
    return _write(folder, spec, draw(train), draw(valid))


def experiment(modality: str, **protocol: int) -> Experiment:
    """Return an experiment of the real protocol's sizes; `protocol` changes them."""
    sizes = {"batch_size": {"text": 64, "video": 32}[modality], "epochs": 1000, "patience": 1000}
    return Experiment(
        data=modality,
        modality=modality,
        task="classification",
        metric="accuracy",
        variants=("window_mlp", "conv1d"),
        protocol=Protocol(**{**sizes, **protocol}),
    )


def _write(folder: Path, spec: DataSpec, train: list[Array], valid: list[Array]) -> Prepared:
    generator = np.random.default_rng(1)
    for name, sequences in (("train", train), ("valid", valid), ("test", valid)):
        targets = generator.integers(0, len(spec.classes), len(sequences))
        write_sequences(folder / name, sequences, targets, ({} for _ in sequences))
    write_spec(folder / "spec.json", spec)
    return Prepared(folder)
