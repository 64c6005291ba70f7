"""The search stage: every variant under the same budget, in every repetition, at the same time."""

from __future__ import annotations

from functools import partial

from seqarena.cluster.pool import memory_of
from seqarena.data.store import Prepared
from seqarena.errors import RunError
from seqarena.experiments import ResolvedExperiment
from seqarena.progress import Progress
from seqarena.runs import SearchResult, StudyResult
from seqarena.search.disk import warn_of_little_disk
from seqarena.search.execute import NOT_FINITE, Execution
from seqarena.search.matching import with_matched_size
from seqarena.search.memory import check_memory
from seqarena.search.records import Records
from seqarena.search.rehearsal import rehearse
from seqarena.search.study import Study
from seqarena.search.training_pool import training_pool
from seqarena.spaces import space_of
from seqarena.tasks import task_for
from seqarena.tasks.metric import Bounds
from seqarena.tracking.recorder import Recorder


class SearchError(RunError):
    """No trial of a study has a score."""


def search(experiment: ResolvedExperiment, recorder: Recorder) -> SearchResult:
    """Search every variant in every repetition; return the best trial of each.

    Raises `SearchError` when a study has no trial with a score, `InputError` when the data is
    missing or a variant does not fit.
    """
    config, protocol = experiment.config, experiment.config.protocol
    spaces = {variant: space_of(config, variant, experiment.where) for variant in config.variants}
    prepared = Prepared(experiment.prepared)
    bounds = task_for(config.task).metrics[config.metric].bounds
    records = Records(experiment, recorder, bounds)
    sizes = {
        variant: partial(with_matched_size, config, prepared.spec, variant)
        for variant in config.variants
    }
    studies = [
        Study(variant, repetition, spaces[variant], bounds, protocol, sizes[variant])
        for variant in config.variants
        for repetition in range(1, protocol.searches + 1)
    ]
    standing = Standing(config.metric, bounds, records)
    display = Progress(f"search {experiment.name}", protocol.trials * len(studies))
    execution = Execution(records, display, timeout=protocol.timeout, after=standing.take)
    with training_pool(experiment, recorder.tags["data.digest"]) as pool:
        pool.resize(len(studies))  # workers start meanwhile
        check_memory(config, prepared, spaces, memory_of(pool.slot), experiment.where)
        rehearse(config, prepared, spaces, experiment.where)
        warn_of_little_disk(config, prepared.spec, spaces, experiment.where)
        # The costliest variants stand last in params.yaml by custom, and begin: none waits for them
        with display:
            execution.run(studies[::-1], pool)
    trials = {run for study in studies for run, _, _ in study.results}
    searches = {recorder.ledger.run(run).parent or "" for run in trials}
    recorder.mark_current(trials | searches, "search", "trial")
    recorder.update()
    return SearchResult(studies=tuple(_best(experiment.name, study) for study in studies))


class Standing:
    """Which variant leads the search so far."""

    def __init__(self, metric_name: str, bounds: Bounds, records: Records) -> None:
        self.metric_name, self.bounds, self.records = metric_name, bounds, records
        self.leader: StudyResult | None = None

    def take(self, study: Study) -> str:
        """Take a study one of whose trials has ended; say who leads."""
        best = study.best()
        if not study.remaining:
            self.records.end_study(study.variant, study.repetition, best)
        known = [result for result in (self.leader, best) if result is not None]
        if not known:
            return ""
        order = self.bounds.order
        self.leader = leader = max(known, key=lambda result: order(result.score, result.loss))
        return f"best {leader.variant} {self.metric_name} {leader.score:.4g}"


def _best(name: str, study: Study) -> StudyResult:
    best = study.best()
    if best is None:
        reasons = {result.reason or NOT_FINITE for _, _, result in study.results}
        place = f"{study.variant} in repetition {study.repetition}"
        trials = f"all {len(study.results)} trials of {place} failed"
        raise SearchError(f"{name}: {trials}: {'; '.join(sorted(reasons))}")
    return best
