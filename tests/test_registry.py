"""What the user wrote stands where a name of the package may, and is told where it does not fit."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from seqarena.baselines.registry import BASELINES, baseline_for
from seqarena.config import Experiment, parse
from seqarena.data.store import DataSpec, Prepared
from seqarena.datasets import dataset
from seqarena.errors import InputError
from seqarena.fit import fit
from seqarena.models.variants import VARIANTS, variant_for
from seqarena.search.code import modules_of, training_code
from seqarena.search.rehearsal import rehearse
from seqarena.spaces import space_of

MODELS = """
from functools import partial

import torch
from own.parts import mean_over_time
from seqarena.models.recurrent.layers import layer_of
from seqarena.models.recurrent.encoders import RecurrentEncoder, recurrent
from seqarena.models.variant import Variant


class Mean(RecurrentEncoder):
    def summary(self, states, lengths):
        return mean_over_time(states, lengths)


def gru_mean(shape, steps, h):
    return Mean(layer_of("gru", shape[0], h["width"]))


class Careless(RecurrentEncoder):
    def summary(self, states, lengths):
        return states.mean(1)


def careless(shape, steps, h):
    return Careless(layer_of("gru", shape[0], h["width"]))


ahead = Variant(encoder=partial(recurrent, kind="gru", bidirectional=True))


class Idle(RecurrentEncoder):
    def __init__(self, layer):
        super().__init__(layer)
        self.spare = torch.nn.Parameter(torch.ones(3))


def idle(shape, steps, h):
    return Idle(layer_of("gru", shape[0], h["width"]))


number = 3
"""
PARTS = """
import torch


def mean_over_time(states, lengths):
    real = torch.arange(states.shape[1], device=states.device) < lengths[:, None]
    return (states * real.unsqueeze(-1)).sum(1) / lengths[:, None]
"""
OTHERS = """
import numpy as np
from seqarena.baselines.judging import untuned
from seqarena.baselines.registry import Baseline
from seqarena.datasets.base import Dataset


class Two(Dataset):
    modality, origin, licence = "text", "mine", "mine"

    def write(self, raw):
        (raw / "examples.csv").write_text("text,label\\nyes,a\\nno,b\\n")


def zeros(prepared):
    return np.zeros((len(prepared.split("test")), 2), np.float32)


undecided = Baseline(untuned(zeros), "classification", frozenset({"audio"}))
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project with modules of its own, none of which is left behind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    known = [dict(VARIANTS), dict(BASELINES)]
    for name, text in (("mine", MODELS), ("parts", PARTS), ("others", OTHERS)):
        path = tmp_path / "own" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(dedent(text))
    yield tmp_path
    for registry, before in zip((VARIANTS, BASELINES), known, strict=True):
        for name in registry.keys() - before.keys():
            del registry[name]
    for name in [name for name in sys.modules if name.split(".")[0] == "own"]:
        del sys.modules[name]


def experiment(variant: str) -> Experiment:
    raw = {
        "data": "spoken_digits",
        "modality": "audio",
        "task": "classification",
        "metric": "accuracy",
        "variants": ["gru", variant],
        "protocol": {"epochs": 2, "batch_size": 8},
    }
    return parse(Experiment, raw, "here")


def test_a_variant_of_ones_own_is_trained_and_known_by_its_code(
    project: Path, prepared: dict[str, Path], hyperparameters: Callable[..., dict[str, Any]]
) -> None:
    name = "own.mine.gru_mean"
    assert variant_for(name, "audio", "here") is VARIANTS[name]
    config = experiment(name)
    spaces = {variant: space_of(config, variant, "here") for variant in config.variants}
    rehearse(config, Prepared(prepared["audio"]), spaces, "here")
    _, epochs = fit(config, prepared["audio"], name, hyperparameters(name, "audio"), 1)
    assert epochs[-1].train_loss < epochs[0].train_loss
    assert {"own.mine", "own.parts"} <= modules_of("classification", name)
    before = training_code("classification", name)
    parts = project / "own" / "parts.py"
    parts.write_text(parts.read_text() + "\n# otherwise\n")
    assert training_code("classification", name) != before


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("careless", "padding changes what it makes of a sequence"),
        ("ahead", 'its states depend on later steps; expected `context="full"`'),
        ("idle", "its parameter 'spare' has no gradient"),
    ],
)
def test_a_variant_that_breaks_a_contract_is_told_before_a_search(
    name: str, told: str, project: Path, prepared: dict[str, Path]
) -> None:
    config = experiment(f"own.mine.{name}")
    spaces = {variant: space_of(config, variant, "here") for variant in config.variants}
    with pytest.raises(InputError, match=rf"^here\.variants: own\.mine\.{name} with .*: {told}"):
        rehearse(config, Prepared(prepared["audio"]), spaces, "here")


def test_a_data_set_and_a_baseline_of_ones_own(
    project: Path, prepared: dict[str, Path], specs: dict[str, DataSpec]
) -> None:
    (project / "raw").mkdir()
    dataset("own.others.Two").write(project / "raw")
    assert (project / "raw" / "examples.csv").read_text().endswith("no,b\n")
    found = baseline_for("own.others.undecided", "classification", "audio", "accuracy", "here")
    assert found.predict(Prepared(prepared["audio"]), lambda _: 0.0).shape == (8, 2)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("own.gone.x", r"'own\.gone\.x': no own/gone\.py in "),
        ("own.mine.gru_men", r"'own\.mine\.gru_men': no entry named 'gru_men'; did you mean"),
        ("own.mine.number", r"'own\.mine\.number': of another kind .*: int"),
        ("own.broken.x", r"'own\.broken\.x': own\.broken fails: ZeroDivisionError: division"),
        ("own.asking.x", r"'own\.asking\.x': no own/asking\.py .*, which asks for nowhere"),
        ("mine.gru_mean", r"here: no variant named 'mine\.gru_mean'"),
    ],
)
def test_what_cannot_be_found_is_told(name: str, told: str, project: Path) -> None:
    (project / "own" / "broken.py").write_text("1 / 0\n")
    (project / "own" / "asking.py").write_text("import nowhere\n")
    with pytest.raises(InputError, match=told):
        variant_for(name, "audio", "here")
