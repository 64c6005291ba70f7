"""Two tiny finals of each variant meet the test split: what is written, told and recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from sklearn.metrics import accuracy_score, f1_score

from seqarena.baselines.registry import BASELINES
from seqarena.data.store import DataSpec, Prepared
from seqarena.errors import InputWarning
from seqarena.evaluation.evaluate import evaluate_finals, headline
from seqarena.experiments import ResolvedExperiment, load
from seqarena.figures import FIGURES
from seqarena.figures.pool import PlotPool
from seqarena.files import read_json, write_json
from seqarena.fit import fit
from seqarena.predict import Predictor, save_model
from seqarena.records import ComparisonRecord, Headline, Summary
from seqarena.tasks import TASKS
from seqarena.tracking.ledger import Ledger
from seqarena.tracking.recorder import Recorder

VARIANTS = ("conv1d", "gru")
SEEDS = (1, 2)
TESTED = 12
Choose = Callable[..., dict[str, Any]]


@dataclass
class Trained:
    """An experiment up to its finals, in a folder of its own."""

    experiment: ResolvedExperiment
    ledger: Ledger

    def evaluate(self) -> Summary:
        with PlotPool() as plot_pool:
            return evaluate_finals(self.experiment, Recorder(self.ledger, {}), plot_pool)


@pytest.fixture
def trained(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    specs: dict[str, DataSpec],
    prepare: Callable[..., Path],
    hyperparameters: Choose,
) -> Trained:
    monkeypatch.chdir(tmp_path)
    entry = {
        "data": "movie_reviews",
        "modality": "text",
        "task": "classification",
        "metric": "accuracy",
        "variants": list(VARIANTS),
        "baselines": ["majority", "tfidf_logistic"],
        "protocol": {"epochs": 3, "batch_size": 8, "seeds": len(SEEDS)},
    }
    Path("params.yaml").write_text(yaml.safe_dump({"experiments": {"toy": entry}}))
    experiment = load("toy")
    experiment.prepared.parent.mkdir(parents=True)
    prepare(experiment.prepared, specs["text"], (24, 8, TESTED))
    ledger = Ledger(experiment.ledger, "toy")
    finals = [
        train(experiment, ledger, v, s, hyperparameters(v, "text")) for v in VARIANTS for s in SEEDS
    ]
    write_json(experiment.models / "finals.json", finals)
    return Trained(experiment, ledger)


def train(
    experiment: ResolvedExperiment, ledger: Ledger, variant: str, seed: int, chosen: dict[str, Any]
) -> dict[str, Any]:
    """Leave one final as `train_finals` does."""
    training, epochs = fit(experiment.config, experiment.prepared, variant, chosen, seed)
    about = {
        "experiment": "toy",
        "task": "classification",
        "variant": variant,
        "hyperparameters": chosen,
        "seed": seed,
    }
    folder = experiment.models / variant / str(seed)
    save_model(folder, training.model.state_dict(), training.spec, about)
    with ledger.running("final", f"{variant} seed {seed}", params={"variant": variant}) as run:
        pass
    return {
        "variant": variant,
        "seed": seed,
        "run": run,
        "parameters": training.parameters,
        "train_seconds": 1.0,
        "best_epoch": max(epoch.epoch for epoch in epochs if epoch.improved),
        "curve": [epoch.values() for epoch in epochs],
    }


def test_finals_and_baselines_are_scored_compared_and_recorded(trained: Trained) -> None:
    experiment, ledger = trained.experiment, trained.ledger
    summary = trained.evaluate()
    comparison = ComparisonRecord.read(experiment.results / "comparison.json")
    assert Summary.read(experiment.results / "summary.json") == summary
    assert Headline.read(experiment.results / "metrics.json") == headline(summary)
    assert summary.baselines.keys() == {"majority", "tfidf_logistic"}
    assert comparison.metrics.unfitted == {}

    test = Prepared(experiment.prepared).split("test")
    truth = np.asarray(test.targets)
    finals = read_json(experiment.models / "finals.json")
    for final in finals:
        variant, place = final["variant"], SEEDS.index(final["seed"])
        predictor = Predictor(experiment.models / variant / str(final["seed"]))
        predictions = predictor.predict([test.sequence(index) for index in range(TESTED)])
        predicted = [predictor.spec.classes.index(one["label"]) for one in predictions]
        right = {
            "accuracy": pytest.approx(accuracy_score(truth, predicted)),
            "macro_f1": pytest.approx(f1_score(truth, predicted, average="macro", zero_division=0)),
        }
        assert summary.variants[variant].values[place] == right["accuracy"]
        assert comparison.metrics.variants[variant][place] == right
        recorded = ledger.runs("final")[final["run"]].metrics
        assert {n: recorded[f"test_{n}"] for n in right} == right

    means = {name: np.mean(entry.values) for name, entry in summary.variants.items()}
    assert comparison.best == max(VARIANTS, key=lambda name: means[name])
    (verdict,) = ledger.runs("verdict").values()
    assert (verdict.status, verdict.tags["description"]) == ("FINISHED", summary.verdict)
    for name, value in {**means, **summary.baselines}.items():
        assert verdict.metrics[f"test_accuracy/{name}"] == pytest.approx(value)
    drawn = {path.name for path in (experiment.results / "plots").iterdir()}
    assert {"scores.png", "curves.png", "lengths.png"} <= drawn
    assert {path.name for path in (experiment.results / "finals").iterdir()} == {
        f"{variant}-{SEEDS[0]}" for variant in VARIANTS
    }


def test_a_baseline_that_cannot_be_fitted_is_told_and_left_out(trained: Trained) -> None:
    for split in ("train", "valid", "test"):
        path = trained.experiment.prepared / split / "examples.jsonl"
        lines = path.read_text().splitlines()
        path.write_text("".join(json.dumps({**json.loads(x), "text": "a b"}) + "\n" for x in lines))
    message = r"^baselines: tfidf_logistic cannot be fitted, and is left out: empty voc[^\n]*$"
    with pytest.warns(InputWarning, match=message):
        summary = trained.evaluate()
    assert summary.baselines.keys() == {"majority"}
    path = trained.experiment.results / "comparison.json"
    unfitted = ComparisonRecord.read(path).metrics.unfitted
    assert unfitted.keys() == {"tfidf_logistic"}
    assert "empty vocabulary" in unfitted["tfidf_logistic"]
    assert summary.verdict.endswith(" The baseline tfidf_logistic could not be fitted.")


def test_a_mistake_of_a_baseline_is_not_taken_for_the_datas(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(prepared: Prepared) -> Any:
        raise KeyError("classes")

    monkeypatch.setitem(BASELINES, "majority", replace(BASELINES["majority"], predict=broken))
    with pytest.raises(KeyError, match="classes"):
        trained.evaluate()


def test_what_was_trained_in_bfloat16_is_tested_where_there_is_none(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    protocol = trained.experiment.config.protocol.model_copy(update={"precision": "bfloat16"})
    config = trained.experiment.config.model_copy(update={"protocol": protocol})
    message = r"protocol\.precision: bfloat16, but this cpu does not .*; float32 is used$"
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    with pytest.warns(InputWarning, match=message) as warned:
        summary = replace(trained, experiment=replace(trained.experiment, config=config)).evaluate()
    assert len([one for one in warned if one.category is InputWarning]) == 1
    assert summary == trained.evaluate()  # in float32


def test_every_task_has_figures() -> None:
    assert FIGURES.keys() == TASKS.keys()
