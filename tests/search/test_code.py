"""A training is named by the code that it runs: by all of it, and by little else."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from seqarena.config import Experiment, parse
from seqarena.data.store import DataSpec, Prepared
from seqarena.fit import Training
from seqarena.models.recurrent.encoders import recurrent
from seqarena.models.variants import VARIANTS
from seqarena.search import code
from seqarena.search.code import APART, REGISTRIES, SOURCE, training_code

Choose = Callable[..., dict[str, Any]]
KINDS = {  # of task: data, and what it is labelled with
    "classification": ("audio", "label", "accuracy"),
    "multi_label_classification": ("image", "label_set", "micro_f1"),
    "labelling": ("text", "labels", "macro_f1"),
    "regression": ("signal", "number", "mse"),
    "transduction": ("text", "words", "wer"),
    "language_modelling": ("text", "next", "perplexity"),
    "music_modelling": ("music", "next", "nll"),
    "forecasting": ("series", "", "mae"),
    "quantile_forecasting": ("series", "", "crps"),
}


def modules_run(call: Callable[[], object]) -> set[str]:
    """Return the modules of the package that hold a function that a call runs."""
    found = set[str]()

    def profile(frame: FrameType, event: str, argument: object) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(SOURCE / "seqarena"):
            found.add(".".join(path.relative_to(SOURCE).with_suffix("").parts))

    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.setprofile(None)
    return {module.removesuffix(".__init__") for module in found}


def training_of(
    task: str, variant: str, folder: Path, spec: DataSpec, chosen: dict[str, Any]
) -> Training:
    _, _, metric = KINDS[task]
    raw = {
        "data": "movie_reviews",
        "modality": spec.modality,
        "task": task,
        "metric": metric,
        "variants": [variant],
        "protocol": {"epochs": 1, "batch_size": 8},
    }
    return Training(parse(Experiment, raw, "test"), Prepared(folder), variant, chosen, seed=1)


def held(task: str, variant: str) -> set[str]:
    """Return the modules whose change would name a training anew, and what is never looked at."""
    return code.modules_of(task, variant) | {*APART, *REGISTRIES}


@pytest.mark.parametrize("task", KINDS)
def test_all_code_that_a_task_runs_is_in_its_name(
    task: str, specs: dict[str, DataSpec], prepare: Callable[..., Path], tmp_path: Path,
    hyperparameters: Choose,
) -> None:  # fmt: skip
    modality, targets, _ = KINDS[task]
    spec = specs[modality]
    if targets == "number":
        spec = replace(spec, target={"mean": 0.0, "std": 1.0})
    if targets == "words":
        spec = replace(spec, target_vocabulary=("<pad>", "<unk>", "<end>", "no", "yes"),
                       max_target_length=3, target_unit="words")  # fmt: skip
    folder = prepare(tmp_path / "data", spec, targets=targets)
    variant = "gru" if task.endswith("modelling") else "lstm_attention"
    run = training_of(task, variant, folder, spec, hyperparameters(variant, modality))
    assert modules_run(lambda: list(run.epochs())) <= held(task, variant)


@pytest.mark.parametrize("variant", VARIANTS)
def test_all_code_that_a_variant_runs_is_in_its_name(
    variant: str, specs: dict[str, DataSpec], prepared: dict[str, Path], hyperparameters: Choose
) -> None:
    entry = VARIANTS[variant]
    taken = (name for name in ("audio", "text", "video", "series") if name in entry.modalities)
    modality = next(taken)
    task = "forecasting" if modality == "series" else "classification"
    chosen = hyperparameters(variant, modality)

    def train() -> None:
        run = training_of(task, variant, prepared[modality], specs[modality], chosen)
        list(run.epochs())

    assert modules_run(train) <= held(task, variant)


def test_what_another_variant_or_task_is_made_of_is_not_in_it() -> None:
    gru = {module.removeprefix("seqarena.") for module in code.modules_of("classification", "gru")}
    assert {
        "fit",
        "models.recurrent.layers",
        "models.recurrent.cells",
        "tasks.classification",
    } <= gru
    others = {
        "models.attention.transformer",
        "models.feedforward",
        "models.writing.decoder",
        "tasks.forecasting",
    }
    assert not others & gru


def test_of_a_registry_only_the_entry_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    before = training_code("classification", "gru")
    drawn = replace(VARIANTS["gru"], space={"layers": [1, 2]}, rate=0.5)
    monkeypatch.setitem(VARIANTS, "gru", drawn)
    assert training_code("classification", "gru") == before, "what is drawn is named by its values"
    others = [
        replace(drawn, encoder=partial(recurrent, kind="lstm")),
        replace(drawn, encoder=partial(recurrent, kind="gru", residual=True)),
        replace(drawn, attention="dot"),
        replace(drawn, drops_inputs=True),
    ]
    names = {before, training_code("labelling", "gru")}
    for other in others:
        monkeypatch.setitem(VARIANTS, "gru", other)
        names.add(training_code("classification", "gru"))
    assert len(names) == 2 + len(others)


def test_a_changed_file_names_what_runs_it_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pairs = [("classification", "gru"), ("classification", "transformer"), ("forecasting", "gru")]
    before = [training_code(*pair) for pair in pairs]
    changed = tmp_path / "changed.py"
    original = code._file

    def moved(module: str) -> Path:
        return changed if module == "seqarena.models.recurrent.layers" else original(module)

    changed.write_text(original("seqarena.models.recurrent.layers").read_text() + "\n# a change\n")
    monkeypatch.setattr(code, "_file", moved)
    after = [training_code(*pair) for pair in pairs]
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, True, False]
