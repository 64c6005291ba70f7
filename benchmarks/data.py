"""Prepared data of the shapes of the experiments, drawn at random: speed does not look at it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from seqarena.data.store import Array, DataSpec, Prepared, write_spec, write_split
from seqarena.data.tokens import END
from seqarena.data.writing import write_sequences

if TYPE_CHECKING:  # so that a GPU machine with only torch can take part
    from seqarena.config import Experiment

VOCABULARY = 8_918  # of the real sentiment data, as are the lengths and the size
SIZE = 8_454
LENGTHS = {"mean": 21.25, "deviation": 9.5, "shortest": 2, "longest": 58}
HOURS = 62_736  # of the training split of the forecast experiment, as are the next two
LOOKBACK, HORIZON = 168, 24
FEATURES = 8  # the target, three covariates, hour and weekday as sine and cosine


class Section(NamedTuple):
    """What an experiment of a modality says of its task and its batches."""

    task: str
    metric: str
    batch_size: int
    epoch_examples: int | None = None


SECTIONS = {
    "text": Section("classification", "accuracy", 64),
    "video": Section("classification", "accuracy", 32),
    "series": Section("forecasting", "mae", 32, 2_560),
    "pairs": Section("transduction", "perplexity", 64),
}


def section_of(spec: DataSpec) -> Section:
    """Return the section that such data is for."""
    return SECTIONS["pairs" if spec.target_vocabulary else spec.modality]


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


def pairs(folder: Path, train: int = 2_560, valid: int = 64) -> Prepared:
    """Write token sequences, and as targets others of such lengths over the same words."""
    prepared = sentences(folder, train, valid)
    words = prepared.spec.vocabulary
    spec = replace(
        prepared.spec,
        classes=(),
        target_vocabulary=("<pad>", "<unk>", "<end>", *words[3:]),
        max_target_length=int(LENGTHS["longest"]),
        target_unit="words",
    )
    for name in ("train", "valid", "test"):
        split = prepared.split(name)
        inputs = np.split(split.inputs[:], split.starts[1:])
        targets = [np.append(each[::-1] % (len(words) - 3) + 3, END) for each in inputs]
        write_sequences(folder / "pairs" / name, inputs, targets, ({} for _ in inputs))
    write_spec(folder / "pairs" / "spec.json", spec)
    return Prepared(folder / "pairs")


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


def hours(folder: Path, train: int = HOURS, valid: int = 512) -> Prepared:
    """Write windows of hourly series of the shape of the forecast experiment: of so many hours."""
    spec = DataSpec(
        modality="series",
        feature_shape=(FEATURES,),
        max_length=LOOKBACK,
        step="hour",
        step_size=1.0,
        horizon=HORIZON,
        target={"mean": 0.0, "std": 1.0, "naive_mae": 1.0},
    )
    for name, steps in (("train", train), ("valid", valid), ("test", valid)):
        series = measured(steps)
        starts = np.arange(steps - LOOKBACK - HORIZON + 1)
        ahead = np.lib.stride_tricks.sliding_window_view(series[:, 0], HORIZON)[LOOKBACK:]
        lengths = np.full(len(starts), LOOKBACK)
        write_split(folder / name, series, starts, lengths, ahead, ({} for _ in starts))
    write_spec(folder / "spec.json", spec)
    return Prepared(folder)


def measured(steps: int) -> Array:
    """Draw a series ``(steps, FEATURES)`` float32, already scaled; its target is feature 0."""
    return np.random.default_rng(0).standard_normal((steps, FEATURES), np.float32)


def experiment(modality: str, **protocol: int) -> Experiment:
    """Return an experiment of the real protocol's sizes; `protocol` changes them."""
    from seqarena.config import Experiment, Protocol

    section = SECTIONS[modality]
    sizes = {"batch_size": section.batch_size, "epoch_examples": section.epoch_examples}
    return Experiment(
        data=modality,
        modality=modality,
        task=section.task,
        metric=section.metric,
        variants=("window_mlp", "conv1d"),
        protocol=Protocol(**{**sizes, "epochs": 1000, "patience": 1000, **protocol}),
    )


def _write(folder: Path, spec: DataSpec, train: list[Array], valid: list[Array]) -> Prepared:
    generator = np.random.default_rng(1)
    for name, sequences in (("train", train), ("valid", valid), ("test", valid)):
        targets = generator.integers(0, len(spec.classes), len(sequences))
        write_sequences(folder / name, sequences, targets, ({} for _ in sequences))
    write_spec(folder / "spec.json", spec)
    return Prepared(folder)
