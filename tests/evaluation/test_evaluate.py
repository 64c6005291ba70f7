"""Two tiny finals of each variant meet the test split: what is written, told and recorded."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
import torch
import yaml
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    log_loss,
    recall_score,
    roc_auc_score,
)

from seqarena.baselines.judging import Judge
from seqarena.baselines.registry import BASELINES
from seqarena.data.store import DataSpec, Prepared
from seqarena.errors import InputWarning
from seqarena.evaluation.evaluate import evaluate_finals, headline
from seqarena.evaluation.tuning_record import FILE, Tuning
from seqarena.experiments import ResolvedExperiment, load
from seqarena.figures import FIGURES
from seqarena.figures.pool import PlotPool
from seqarena.fit import fit
from seqarena.predict import Predictor, save_model
from seqarena.records import ComparisonRecord, Headline, Summary
from seqarena.report.learned import curves_of
from seqarena.runs import DESIGNED, Final, Finals, SearchResult
from seqarena.search.design import Design
from seqarena.spaces import space_of
from seqarena.tasks import TASKS
from seqarena.tracking.champions import BEST, last_crowning
from seqarena.tracking.ledger import Ledger
from seqarena.tracking.recorder import Recorder
from support import final_of, study_of, tried

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
            recorder = Recorder(self.ledger, {"data.digest": "d"})
            return evaluate_finals(self.experiment, recorder, plot_pool)


@pytest.fixture
def trained(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    specs: dict[str, DataSpec],
    prepare: Callable[..., Path],
    hyperparameters: Choose,
    ray_here: None,
) -> Trained:
    monkeypatch.chdir(tmp_path)
    entry = {
        "data": "movie_reviews",
        "modality": "text",
        "task": "classification",
        "metric": "accuracy",
        "variants": list(VARIANTS),
        "baselines": ["majority", "tfidf_logistic"],
        "protocol": {"epochs": 3, "batch_size": 8, "repetitions": len(SEEDS)},
    }
    Path("params.yaml").write_text(yaml.safe_dump({"experiments": {"toy": entry}}))
    experiment = load("toy")
    experiment.prepared.parent.mkdir(parents=True)
    prepare(experiment.prepared, specs["text"], (24, 8, TESTED))
    ledger = Ledger(experiment.ledger, "toy")
    finals = [
        train(experiment, ledger, v, s, hyperparameters(v, "text")) for v in VARIANTS for s in SEEDS
    ]
    Finals(finals=tuple(finals)).write(experiment.models / "finals.json")
    searches(experiment).write(experiment.results / "search.json")
    return Trained(experiment, ledger)


def searches(experiment: ResolvedExperiment) -> SearchResult:
    """Make a search of what its first points would have come to, the more the greater the rate."""
    studies = []
    for variant in VARIANTS:
        space = space_of(experiment.config, variant, "toy")
        fixed = {name: d for name, d in space.items() if isinstance(d, (int, float, str))}
        for repetition in range(1, len(SEEDS) + 1):
            points = [Design(0, repetition).point(space, n) for n in range(1, DESIGNED + 1)]
            trials = [tried(float(p["learning_rate"]), chosen={**fixed, **p}) for p in points]
            studies.append(study_of(variant, repetition, tuple(trials)))
    return SearchResult(studies=tuple(studies))


def train(
    experiment: ResolvedExperiment, ledger: Ledger, variant: str, seed: int, chosen: dict[str, Any]
) -> Final:
    """Leave one final as `train_finals` does."""
    training, epochs = fit(experiment.config, experiment.prepared, variant, chosen, seed)
    about = {
        "experiment": "toy",
        "task": "classification",
        "variant": variant,
        "hyperparameters": chosen,
        "seed": seed,
    }
    repetition = SEEDS.index(seed) + 1
    folder = experiment.model_of(variant, repetition)
    save_model(folder, training.model.state_dict(), training.spec, about)
    with ledger.running("final", f"{variant} seed {seed}", params={"variant": variant}) as run:
        for epoch in epochs:
            ledger.metrics(run, epoch.epoch, epoch.values())
    return final_of(training, epochs, variant, repetition, seed, run)


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
    for final in Finals.read(experiment.models / "finals.json").finals:
        variant, place = final.variant, final.repetition - 1
        predictor = Predictor(experiment.model_of(variant, final.repetition))
        answers = predictor.predict([test.sequence(index) for index in range(TESTED)])
        said = [predictor.spec.classes.index(answer["label"]) for answer in answers]
        chances = [answer["probabilities"][predictor.spec.classes[1]] for answer in answers]
        present = np.unique(truth)
        right = {
            "accuracy": pytest.approx(accuracy_score(truth, said)),
            "macro_f1": pytest.approx(f1_score(truth, said, average="macro", labels=present)),
            "auroc": pytest.approx(roc_auc_score(truth, chances)),
            "auprc": pytest.approx(average_precision_score(truth, chances)),
            "balanced_accuracy": pytest.approx(
                recall_score(truth, said, average="macro", labels=present)
            ),
            "log_loss": pytest.approx(log_loss(truth, chances, labels=[0, 1])),
        }
        assert summary.variants[variant].values[place] == right["accuracy"]
        told = comparison.metrics.variants[variant][place]
        assert {name: told[name] for name in right} == right
        assert told.keys() - right.keys() == {"calibration_error"}
        recorded = ledger.runs("final")[final.run].metrics
        assert {n: recorded[f"test_{n}"] for n in right} == right

    crowning = last_crowning(ledger)
    assert crowning is not None
    finals = ledger.runs("final").values()
    best = [final.id for final in finals if final.tags[BEST] == "true"]
    assert len(best) == len(VARIANTS)
    assert crowning.champion.final in best

    means = {name: np.mean(entry.values) for name, entry in summary.variants.items()}
    assert comparison.best == max(VARIANTS, key=lambda name: means[name])
    (verdict,) = ledger.runs("verdict").values()
    assert (verdict.status, verdict.tags["description"]) == ("FINISHED", summary.sentences)
    assert verdict.metrics == {
        "test_accuracy": pytest.approx(means[comparison.best]),
        "test_accuracy_baseline": pytest.approx(max(summary.references.values())),
    }
    with (experiment.results / "variants.csv").open(newline="") as file:
        table = {row["competitor"]: row for row in csv.DictReader(file)}
    assert list(table) == [comparison.best, *comparison.pairs, *summary.baselines]
    for name, value in {**means, **summary.references}.items():
        assert float(table[name]["test_accuracy"]) == pytest.approx(value)
    for variant, known in summary.variants.items():
        assert int(table[variant]["parameters"]) == known.parameters
        for final in ledger.runs("final").values():
            if final.params["variant"] == variant:
                ends = (final.metrics["ci95_low"], final.metrics["ci95_high"])
                assert ends == known.ci95
                assert final.metrics["milliseconds"] == known.milliseconds
    drawn = {path.name for path in (experiment.results / "plots").iterdir()}
    assert {"scores.png", "pairs.png", "costs.png", "curves.png", "lengths.png"} <= drawn
    assert {"tried.png", "tuning.png", "places.png", "importances.png"} <= drawn
    finals = Finals.read(experiment.models / "finals.json").finals
    curves = curves_of(experiment.results / "curves.csv")
    learned = [list(zip(each.epochs, each.scores, strict=True)) for each in curves]
    assert learned == [list(final.curve) for final in finals]
    for variant in VARIANTS:
        path = experiment.results / "finals" / f"{variant}-{SEEDS[0]}" / "predictions.csv"
        with path.open() as file:
            alone = [float(line["score"]) for line in csv.DictReader(file)]
        assert set(alone) <= {0.0, 1.0}
        assert np.mean(alone) == pytest.approx(summary.variants[variant].values[0])
    tuning = Tuning.read(experiment.results / FILE)
    for spent in tuning.spent:
        assert (spent.trials, spent.final_seconds) == (DESIGNED * len(SEEDS), len(SEEDS))
        assert float(table[spent.variant]["search_seconds"]) == spent.search_seconds
    assert {path.name for path in (experiment.results / "finals").iterdir()} == {
        f"{variant}-{SEEDS[0]}" for variant in VARIANTS
    }


def test_finals_do_not_wait_for_cores_that_a_search_holds(trained: Trained) -> None:
    class Search:
        def ready(self) -> None:
            pass

    cores = ray.cluster_resources()["CPU"]
    search = ray.remote(Search).options(num_cpus=cores).remote()
    ray.get(search.ready.remote())
    try:
        assert trained.evaluate().variants.keys() == set(VARIANTS)
        assert not ray.available_resources().get("CPU")
    finally:
        ray.kill(search)


def test_a_baseline_that_cannot_be_fitted_is_told_and_left_out(trained: Trained) -> None:
    for split in ("train", "valid", "test"):
        path = trained.experiment.prepared / split / "examples.jsonl"
        lines = path.read_text().splitlines()
        path.write_text("".join(json.dumps({**json.loads(x), "text": " "}) + "\n" for x in lines))
    told = r"baselines: tfidf_logistic cannot be fitted, and is left out: empty vocabulary[^\n]*$"
    with pytest.warns(InputWarning, match=told):
        summary = trained.evaluate()
    assert summary.baselines.keys() == {"majority"}
    path = trained.experiment.results / "comparison.json"
    unfitted = ComparisonRecord.read(path).metrics.unfitted
    assert unfitted.keys() == {"tfidf_logistic"}
    assert "empty vocabulary" in unfitted["tfidf_logistic"]
    assert summary.verdict.endswith(" The baseline tfidf_logistic could not be fitted.")


def test_what_the_verdict_lacks_stands_below_it(trained: Trained) -> None:
    """Of 12 test sentences, and of finals that stood still from their first epoch on."""
    protocol = trained.experiment.config.protocol.model_copy(update={"name": "preview"})
    config = trained.experiment.config.model_copy(update={"protocol": protocol, "baselines": ()})
    experiment = replace(trained.experiment, config=config)
    for final in Finals.read(experiment.models / "finals.json").finals:
        for epoch in range(1, protocol.epochs + 1):
            trained.ledger.metrics(final.run, epoch, {"train_loss": 0.7, "valid_loss": 0.7})
    summary = replace(trained, experiment=experiment).evaluate()
    assert Summary.read(experiment.results / "summary.json").remarks == summary.remarks
    first, second, *others = summary.remarks
    assert first.startswith(f"This is a preview ({len(SEEDS)} repetitions of 4 trials): ")
    assert second.startswith("Both finals of conv1d and both finals of gru did no better than")
    assert any(f"has {TESTED} independent groups" in remark for remark in others)
    (verdict,) = trained.ledger.runs("verdict").values()
    assert verdict.tags["description"].split("\n- ")[1:] == list(summary.remarks)


def test_a_mistake_of_a_baseline_is_not_taken_for_the_datas(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(prepared: Prepared, judge: Judge) -> Any:
        raise KeyError("classes")

    monkeypatch.setitem(BASELINES, "majority", replace(BASELINES["majority"], predict=broken))
    with pytest.raises(KeyError, match="classes"):
        trained.evaluate()


def test_what_was_trained_in_bfloat16_is_tested_where_there_is_none(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    protocol = trained.experiment.config.protocol.model_copy(update={"precision": "bfloat16"})
    config = trained.experiment.config.model_copy(update={"protocol": protocol})
    told = r"protocol\.precision: bfloat16, but this cpu does not .*; float32 is used$"
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    with pytest.warns(InputWarning, match=told) as warned:
        summary = replace(trained, experiment=replace(trained.experiment, config=config)).evaluate()
    assert len([one for one in warned if one.category is InputWarning]) == 1
    again = trained.evaluate()  # in float32
    assert (summary.means, summary.verdict) == (again.means, again.verdict)


def test_every_task_has_figures() -> None:
    assert FIGURES.keys() == TASKS.keys()
