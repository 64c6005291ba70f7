"""The search over a real Ray: equal budgets, truthful runs, the losses of a local training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import ray
import torch

from seqarena.config import Experiment, Range, Resources
from seqarena.errors import InputError
from seqarena.fit import fit
from seqarena.runs import Result, SearchResult
from seqarena.search.search import SearchError, search
from seqarena.tracking.events import Run
from seqarena.tracking.ledger import Ledger

from .conftest import comparable, over, recorder_at

VARIANTS = ("window_mlp", "gru")
REPETITIONS, TRIALS, EPOCHS = 2, 5, 4
Make = Callable[..., Experiment]
pytestmark = [pytest.mark.whole, pytest.mark.usefixtures("ray_here")]


@dataclass
class Searched:
    result: SearchResult
    ledger: Ledger
    experiment: Experiment

    def trials(self, variant: str, repetition: int) -> list[Run]:
        return [
            run
            for run in self.ledger.runs("trial").values()
            if (run.params["variant"], run.params["repetition"]) == (variant, repetition)
        ]


@pytest.fixture(scope="module")
def config(experiment: Make) -> Experiment:
    protocol = {"repetitions": REPETITIONS, "trials": TRIALS, "epochs": EPOCHS, "grace": 1}
    return experiment("series", VARIANTS, **protocol)


@pytest.fixture(scope="module")
def searched(
    prepared: dict[str, Path], config: Experiment, tmp_path_factory: pytest.TempPathFactory
) -> Searched:
    """One search of two variants in two repetitions, harshly pruned."""
    root = tmp_path_factory.mktemp("search")
    recorder = recorder_at(root, **{"data.name": "toy"})
    result = search(over(config, prepared["series"], root), recorder)
    return Searched(result, recorder.ledger, config)


def test_studies_are_in_order_whichever_begins(searched: Searched) -> None:
    studies = [(study.variant, study.repetition) for study in searched.result.studies]
    assert studies == [(variant, r) for variant in VARIANTS for r in (1, 2)]
    begun = next(iter(searched.ledger.runs("search").values()))
    assert begun.params["variant"] == VARIANTS[-1], "the costliest variant begins"


def test_every_variant_has_the_same_budget_in_every_repetition(searched: Searched) -> None:
    for study in searched.result.studies:
        assert (study.trials, study.failed) == (TRIALS, 0)
        assert study.epochs <= TRIALS * EPOCHS
        mine = searched.trials(study.variant, study.repetition)
        assert [run.params["trial"] for run in mine] == list(range(1, TRIALS + 1))
        results = [Result.model_validate(run.result) for run in mine]
        assert study.steps == sum(result.steps for result in results) > 0
        assert study.seconds == pytest.approx(sum(result.seconds for result in results))


def test_runs_are_nested_and_ended(searched: Searched) -> None:
    parents, trials = searched.ledger.runs("search"), searched.ledger.runs("trial")
    assert len(parents) == len(VARIANTS) * REPETITIONS
    for trial in trials.values():
        parent = parents[trial.parent or ""]
        for name in ("variant", "repetition"):
            assert parent.params[name] == trial.params[name]
        assert trial.status == "FINISHED"
        assert trial.tags["data.name"] == "toy"
        assert int(trial.tags["parameters"]) > 0
    assert all(parent.status == "FINISHED" for parent in parents.values())
    assert not list(searched.ledger.path.parent.rglob("*.pt")), "no checkpoint is left"


def test_the_best_trial_is_the_result(searched: Searched) -> None:
    for study in searched.result.studies:
        mine = searched.trials(study.variant, study.repetition)
        scores = [trial.metrics["objective"] for trial in mine]
        winner = mine[scores.index(min(scores))]
        assert (study.score, study.run) == (min(scores), winner.id)
        assert study.hyperparameters.items() <= winner.params.items()
        assert study.score == min(values["valid_mae"] for values in _epochs(winner).values())


def test_a_trial_that_is_pruned_is_told_from_one_that_ended(searched: Searched) -> None:
    pruned = 0
    for study in searched.result.studies:
        outcomes = Counter()
        for trial in searched.trials(study.variant, study.repetition):
            epochs = len(_epochs(trial))
            assert trial.tags["outcome"] == ("finished" if epochs == EPOCHS else "pruned")
            outcomes[trial.tags["outcome"]] += 1
        assert study.pruned == outcomes["pruned"]
        pruned += study.pruned
    assert pruned > 0


def test_what_variants_share_is_tried_alike(searched: Searched) -> None:
    for repetition in (1, 2):
        one, other = (searched.trials(variant, repetition) for variant in VARIANTS)
        for name in ("learning_rate", "width", "dropout", "weight_decay"):
            values = [[run.params[name] for run in runs[:4]] for runs in (one, other)]
            assert values[0] == values[1], name
        assert [run.params["seed"] for run in one] == [run.params["seed"] for run in other]
    seeds = [run.params["seed"] for run in searched.ledger.runs("trial").values()]
    assert len(set(seeds)) == TRIALS * REPETITIONS


def test_local_and_ray_come_to_the_same_losses(
    searched: Searched, prepared: dict[str, Path]
) -> None:
    assert torch.get_num_threads() == 1, "as many as a trial has"
    for run in searched.trials("gru", 1):
        own = ("variant", "repetition", "trial", "seed")
        chosen = {name: value for name, value in run.params.items() if name not in own}
        seed = run.params["seed"]
        _, epochs = fit(searched.experiment, prepared["series"], "gru", chosen, seed)
        for number, values in _epochs(run).items():
            for key in ("train_loss", "valid_loss"):
                assert values[key] == getattr(epochs[number - 1], key)


def _epochs(run: Run) -> dict[int, dict[str, float]]:
    return {n: values for n, values in run.curve.items() if "valid_loss" in values}


@pytest.mark.parametrize("slots", [1, 3])
def test_the_result_is_the_same_for_any_number_of_workers(
    slots: int, searched: Searched, prepared: dict[str, Path], tmp_path: Path
) -> None:
    share = ray.cluster_resources()["CPU"] / (slots + 0.3)
    update = {"resources": Resources(cpus=min(share, 1.9), gpus=0)}
    config = searched.experiment.model_copy(update=update)
    result = search(over(config, prepared["series"], tmp_path), recorder_at(tmp_path))
    assert comparable(result) == comparable(searched.result)


def test_a_second_run_trains_nothing(searched: Searched, tmp_path: Path) -> None:
    root = searched.ledger.path.parent
    lines = searched.ledger.path.read_text().splitlines()
    experiment = over(searched.experiment, tmp_path, root)
    again = search(experiment, recorder_at(root))
    assert again == searched.result
    assert searched.ledger.path.read_text().splitlines() == lines


def test_a_larger_budget_runs_what_is_missing_and_nothing_else(
    prepared: dict[str, Path], experiment: Make, tmp_path: Path
) -> None:
    def run(root: Path, repetitions: int, trials: int, variants: tuple[str, ...]) -> SearchResult:
        root.mkdir(exist_ok=True)
        protocol = {"repetitions": repetitions, "trials": trials, "epochs": 2, "grace": 1}
        config = experiment("audio", variants, **protocol)
        return search(over(config, prepared["audio"], root), recorder_at(root))

    grown, whole = tmp_path / "grown", tmp_path / "whole"
    run(grown, 2, 2, ("gru",))
    before = Ledger(grown / "ledger.jsonl", "toy").runs("trial")
    result = run(grown, 3, 3, ("conv1d", "gru"))
    assert comparable(result) == comparable(run(whole, 3, 3, ("conv1d", "gru")))
    runs = Ledger(grown / "ledger.jsonl", "toy").runs("trial")
    assert len(before) == 4
    assert len(runs) == len(Ledger(whole / "ledger.jsonl", "toy").runs("trial")) == 18
    assert all(runs[run].ended == trial.ended for run, trial in before.items())
    searches = Ledger(grown / "ledger.jsonl", "toy").runs("search")
    assert len(searches) == 6
    assert {search.status for search in searches.values()} == {"FINISHED"}
    run(grown, 2, 3, ("gru",))
    kept = Ledger(grown / "ledger.jsonl", "toy").runs()
    current = [found for found in kept.values() if found.tags["current"] == "true"]
    assert {found.params["variant"] for found in current} == {"gru"}
    assert sorted(found.kind for found in current) == ["search"] * 2 + ["trial"] * 6


def test_a_shared_search_is_made_once(
    prepared: dict[str, Path], experiment: Make, tmp_path: Path
) -> None:
    protocol = {"repetitions": 3, "trials": 2, "epochs": 2, "search": "shared"}
    config = experiment("audio", ("gru",), **protocol)
    result = search(over(config, prepared["audio"], tmp_path), recorder_at(tmp_path))
    assert [study.repetition for study in result.studies] == [1]
    assert result.of("gru", 3) == result.of("gru", 1)


def test_what_fails_is_told_and_ends_failed(
    prepared: dict[str, Path], experiment: Make, tmp_path: Path
) -> None:
    """One variant dies in its worker in every trial, another's loss is not finite in some."""
    # A kernel of so many steps is more memory than any machine has, but for the smallest, which
    # all are rehearsed with.
    protocol = {"repetitions": 2, "trials": 4, "epochs": 2, "patience": 2}
    config = experiment("audio", ("gru", "conv1d"), **protocol)
    kernels = Range(low=3, high=10**15, integer=True)
    space = {"learning_rate": [1e-2, 1e30], "weight_decay": 1.0, "kernel": kernels}
    config = config.model_copy(update={"space": space})
    recorder = recorder_at(tmp_path)
    with pytest.raises(SearchError, match=r"toy: all 4 trials of conv1d in repetition") as error:
        search(over(config, prepared["audio"], tmp_path), recorder)
    assert "\n" not in str(error.value)

    def of(variant: str, kind: Any) -> list[Run]:
        runs = recorder.ledger.runs(kind).values()
        return [run for run in runs if run.params["variant"] == variant]

    assert [trial.status for trial in of("conv1d", "trial")] == ["FAILED"] * 8
    assert [parent.status for parent in of("conv1d", "search")] == ["FAILED"] * 2
    diverged = [trial for trial in of("gru", "trial") if trial.params["learning_rate"] == 1e30]
    assert len(diverged) == 4
    assert {trial.status for trial in diverged} == {"FAILED"}
    assert {trial.message for trial in diverged} == {"the loss is not finite"}
    assert recorder.ledger.open_runs() == []
    with pytest.raises(SearchError):
        search(over(config, prepared["audio"], tmp_path), recorder)
    assert len(of("conv1d", "trial")) == 8, "what failed by itself is not tried again"


def test_a_trial_that_takes_too_long_is_ended_and_tried_again_with_more_time(
    prepared: dict[str, Path], experiment: Make, tmp_path: Path
) -> None:
    recorder = recorder_at(tmp_path)

    def run(timeout: float | None) -> SearchResult:
        protocol = {"repetitions": 2, "trials": 1, "epochs": 40, "patience": 40, "batch_size": 1}
        config = experiment("audio", ("gru",), timeout=timeout, **protocol)
        return search(over(config, prepared["audio"], tmp_path), recorder)

    with pytest.raises(SearchError, match=r"it took more than 0\.2 s, protocol\.timeout"):
        run(0.2)
    first = recorder.ledger.runs("trial")
    assert {trial.status for trial in first.values()} == {"FAILED"}
    assert [study.failed for study in run(None).studies] == [0, 0]
    assert len(recorder.ledger.runs("trial")) == 4


def test_more_than_any_node_has_is_refused(
    searched: Searched, prepared: dict[str, Path], tmp_path: Path
) -> None:
    config = searched.experiment.model_copy(update={"resources": Resources(cpus=10_000)})
    expected = r"^params\.yaml: experiments\.toy\.resources\.cpus: 10000, but the largest node has"
    with pytest.raises(InputError, match=expected):
        search(over(config, prepared["series"], tmp_path), recorder_at(tmp_path))


def test_a_search_is_read_back_as_it_was_written(searched: Searched, tmp_path: Path) -> None:
    searched.result.write(tmp_path / "search.json")
    assert SearchResult.read(tmp_path / "search.json") == searched.result
