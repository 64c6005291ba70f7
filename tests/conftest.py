"""Small prepared data of every modality, and experiments over it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import seqarena.cluster  # noqa: F401  # settles the environment of ray before any test imports it
from seqarena.config import Experiment, parse
from seqarena.data.store import Array, DataSpec, write_spec, write_split
from seqarena.data.tokens import END
from seqarena.data.writing import write_sequences
from seqarena.models.variants import added_space

pytest_plugins = ["tests.comparisons"]

ROOT = Path(__file__).parents[1]
SPECS = {
    "text": DataSpec(
        modality="text",
        dtype="int32",
        feature_shape=(),
        max_length=7,
        step="token",
        step_size=1.0,
        vocabulary=("<pad>", "<unk>", "good", "bad", *(f"word{n}" for n in range(12))),
        classes=("no", "yes"),
        options={"lowercase": True, "max_length": 7},
    ),
    "audio": DataSpec(
        modality="audio",
        feature_shape=(5,),
        max_length=7,
        step="second",
        step_size=0.01,
        classes=("no", "yes"),
    ),
    "video": DataSpec(
        modality="video",
        dtype="uint8",
        feature_shape=(1, 8, 8),
        max_length=7,
        step="frame",
        step_size=1.0,
        classes=("no", "yes"),
        pixel_stats={"mean": [127.5], "std": [73.9]},
    ),
    "signal": DataSpec(
        modality="signal",
        feature_shape=(4,),
        max_length=7,
        step="step",
        step_size=1.0,
        classes=("no", "yes"),
    ),
    "image": DataSpec(
        modality="image",
        dtype="uint8",
        feature_shape=(3, 9, 14),
        max_length=1,
        step="picture",
        step_size=1.0,
        classes=("no", "yes"),
        pixel_stats={"mean": [127.5] * 3, "std": [73.9] * 3},
        options={"regions": [2, 3]},
    ),
    "music": DataSpec(
        modality="music",
        feature_shape=(6,),
        max_length=7,
        step="beat",
        step_size=0.5,
        classes=("no", "yes"),  # not that music has any: models do not ask
    ),
    "series": DataSpec(
        modality="series",
        feature_shape=(3,),
        max_length=9,
        step="hour",
        step_size=1.0,
        horizon=2,
        target={"mean": 10.0, "std": 2.0, "naive_mae": 4.0},
        options={"season": 4, "covariates": ["warmth"]},
    ),
}
DATA = {"text": "movie_reviews", "audio": "spoken_digits", "video": "moving_digits"}


def pytest_configure() -> None:
    torch.set_num_threads(1)
    for name in ("RAY_ADDRESS", "MLFLOW_TRACKING_URI", "SEQARENA_MIRROR"):
        os.environ.pop(name, None)


def write_prepared(
    folder: Path,
    spec: DataSpec,
    sizes: tuple[int, int, int] = (24, 8, 8),
    seed: int = 0,
    targets: str = "label",
) -> Path:
    """Write random sequences whose label (or future) shows in them, so that it can be learned.

    `targets` are those of `seqarena.data.targets`.
    """
    random = np.random.default_rng(seed)
    for split, count in zip(("train", "valid", "test"), sizes, strict=True):
        if spec.modality == "series":
            _write_windows(folder / split, spec, count, random)
        else:
            _write_items(folder / split, spec, count, random, targets)
    sized = dict(zip(("train", "valid", "test"), sizes, strict=True))
    write_spec(folder / "spec.json", replace(spec, sizes=sized))
    return folder


def _write_items(
    folder: Path, spec: DataSpec, count: int, random: np.random.Generator, kind: str
) -> None:
    lengths = random.integers(min(2, spec.max_length), spec.max_length + 1, count)
    lengths[0] = spec.max_length
    labels = random.permutation(np.arange(count) % (len(spec.classes) or 2))
    sequences = [
        _steps(spec, length, label, random) for length, label in zip(lengths, labels, strict=True)
    ]
    column = "text" if spec.modality == "text" else "file"
    examples = [{"id": f"e{n}", column: f"example {n}"} for n in range(count)]
    if spec.target_vocabulary:
        kind = "words"
    targets = _targets(kind, spec, sequences, labels)
    if kind == "words":
        for example, target in zip(examples, targets, strict=True):
            example["target"] = " ".join(spec.target_vocabulary[token] for token in target[:-1])
    write_sequences(folder, sequences, targets, examples)


def _targets(
    kind: str, spec: DataSpec, sequences: list[Array], labels: Array
) -> Array | list[Array]:
    if kind == "number":
        return (labels - labels.mean()).astype(np.float32)[:, None]
    if kind == "labels":
        return [np.full(len(s), 1 + n, np.int32) for s, n in zip(sequences, labels, strict=True)]
    if kind == "label_set":  # the label, and in the second half of the sequences the last one too
        sets = np.eye(len(spec.classes), dtype=np.uint8)[labels]
        sets[len(sets) // 2 :, -1] = 1
        return sets
    if kind == "next" and spec.modality == "music":
        return [(steps > 0).astype(np.uint8) for steps in sequences]
    if kind == "next":
        return [np.append(steps[1:], np.int32(END)) for steps in sequences]
    if kind == "words":  # the label in words, of one length or another
        return [np.array([3 + label] * (1 + label) + [END], np.int32) for label in labels]
    return labels.astype(np.int64)


def _steps(spec: DataSpec, length: int, label: int, random: np.random.Generator) -> Array:
    if spec.modality == "text":
        tokens = random.integers(4, len(spec.vocabulary), length)
        tokens[random.integers(length)] = 2 + label
        return tokens.astype(np.int32)
    noise = random.normal(size=(length, *spec.feature_shape))
    if spec.modality in ("video", "image"):
        return (60 + 120 * (label % 2) + 20 * noise).clip(0, 255).astype(np.uint8)
    return (noise + 2 * label).astype(np.float32)


def _write_windows(folder: Path, spec: DataSpec, count: int, random: np.random.Generator) -> None:
    """Write overlapping windows of a wave, as the series modality does."""
    total = count + spec.max_length + spec.horizon
    wave = np.sin(np.arange(total) * 2 * np.pi / 8 + random.uniform(0, 6))
    series = random.normal(scale=0.1, size=(total, *spec.feature_shape)).astype(np.float32)
    series[:, 0] += wave
    starts = np.arange(count)
    ahead = np.lib.stride_tricks.sliding_window_view(series[:, 0], spec.horizon)
    targets = ahead[starts + spec.max_length]
    lengths = np.full(count, spec.max_length)
    write_split(folder, series, starts, lengths, targets, ({"id": f"t{n}"} for n in range(count)))


# What takes longest begins: it must not be what the others wait for.
LONGEST = (
    "test_pipeline.py",
    "test_interrupted.py",
    "test_services.py",
    "test_own_texts.py",
    "test_security.py",
    "test_workers.py",
    "test_jobs.py",
    "test_chaos.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, the longest of all first."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONGEST)))


@pytest.fixture(scope="session")
def specs() -> dict[str, DataSpec]:
    """A small spec of every modality."""
    return SPECS


@pytest.fixture(scope="session")
def prepare() -> Callable[..., Path]:
    """Give the function that writes prepared data for a spec."""
    return write_prepared


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Prepared data of every modality."""
    folder = tmp_path_factory.mktemp("prepared")
    return {name: write_prepared(folder / name, spec) for name, spec in SPECS.items()}


@pytest.fixture(scope="session")
def experiment() -> Callable[..., Experiment]:
    """Give the function that makes an experiment of one modality."""

    def make(modality: str, variants: tuple[str, ...] = ("gru",), **protocol: Any) -> Experiment:
        series = modality == "series"
        raw = {
            "data": DATA.get(modality, "bike_sharing"),
            "modality": modality,
            "task": "forecasting" if series else "classification",
            "metric": "mae" if series else "accuracy",
            "variants": variants,
            "protocol": {"epochs": 3, "batch_size": 8, **protocol},
        }
        return parse(Experiment, raw, "test")

    return make


@pytest.fixture(scope="session")
def hyperparameters() -> Callable[..., dict[str, Any]]:
    """Give the function that chooses hyperparameters for a variant: the first of each choice."""

    def choose(variant: str, modality: str, **chosen: Any) -> dict[str, Any]:
        own = {
            name: choice[0] if isinstance(choice, list) else choice
            for name, choice in added_space(variant, modality).items()
        }
        common = {"learning_rate": 1e-2, "width": 8, "dropout": 0.0, "weight_decay": 0.0}
        if modality == "series":
            own["patch"] = 2  # windows are short here
        return {**common, **own, **chosen}

    return choose


@pytest.fixture(scope="module")
def ray_here() -> Iterator[None]:
    """Start a Ray for the tests of a file."""
    from seqarena.cluster.session import cluster

    with cluster():
        yield
