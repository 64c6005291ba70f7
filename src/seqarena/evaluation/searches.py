"""What the searches of an experiment show, kept and drawn."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seqarena.config import Dimension, Range, Scalar
from seqarena.evaluation.places import EDGE, searched, share
from seqarena.evaluation.tuning import Spaces, tuning_of
from seqarena.evaluation.tuning_record import FILE, Tuning
from seqarena.experiments import ResolvedExperiment
from seqarena.plots.parallel import Scale, parallel
from seqarena.plots.tuning import Curve, Strip, best_of_n, best_places, importance_bars
from seqarena.runs import Final, SearchResult, StudyResult, TriedTrial
from seqarena.spaces import in_order, space_of
from seqarena.tasks import task_for

Ticks = list[tuple[float, str]]


class Scored(NamedTuple):
    """A trial that came to a score."""

    variant: str
    trial: TriedTrial
    score: float


def show_searches(
    experiment: ResolvedExperiment,
    finals: Sequence[Final],
    plots: Path,
    plot_pool: Callable[..., None],
) -> Tuning:
    """Write ``tuning.json`` and have its pictures drawn into `plots`."""
    config = experiment.config
    studies = SearchResult.read(experiment.results / "search.json").studies
    spaces = {v: space_of(config, v, experiment.where) for v in config.variants}
    bounds = task_for(config.task).metrics[config.metric].bounds
    tuning = tuning_of(studies, finals, spaces, config.metric, bounds)
    tuning.write(experiment.results / FILE)
    draw_tuning(plots, tuning, studies, spaces, bounds.greater, plot_pool)
    return tuning


def draw_tuning(
    plots: Path,
    tuning: Tuning,
    studies: Sequence[StudyResult],
    spaces: Spaces,
    greater: bool,
    plot_pool: Callable[..., None],
) -> None:
    """Have drawn what was tried, the expected best of n, what mattered and where the best lie."""
    trials = [
        Scored(study.variant, trial, trial.score)
        for study in studies
        for trial in study.tried
        if trial.score is not None
    ]
    merged = merge(spaces)
    if trials and merged:
        scales = [*_variant_scale(trials, greater), *_scales(merged, trials)]
        scores = np.array([each.score for each in trials])
        plot_pool(parallel, scales, scores, tuning.metric, greater, plots / "tried.png")
    if tuning.expected:
        curves = {
            each.variant: Curve(*map(np.array, (each.expected, each.low, each.high)))
            for each in tuning.expected
        }
        path = plots / "tuning.png"
        plot_pool(best_of_n, curves, tuning.trials, tuning.metric, path)
    if tuning.importances:
        shares: dict[str, dict[str, float]] = {}
        for each in tuning.importances:
            shares.setdefault(each.hyperparameter, {})[each.variant] = each.share
        plot_pool(importance_bars, shares, plots / "importances.png")
    _draw_places(plots / "places.png", tuning, merged, plot_pool)


def _draw_places(
    path: Path, tuning: Tuning, merged: Mapping[str, Dimension], plot_pool: Callable[..., None]
) -> None:
    strips: dict[str, dict[str, Strip]] = {name: {} for name in merged}
    for place in tuning.places:
        strips[place.hyperparameter][place.variant] = Strip(place.shares, bool(place.end))
    strips = {name: of for name, of in strips.items() if of}
    if strips:
        ticks = {name: ticks_of(merged[name]) for name in strips}
        plot_pool(best_places, strips, ticks, EDGE, path)


def merge(spaces: Spaces) -> dict[str, Dimension]:
    """Return every searched dimension, what most variants have first.

    Of a dimension that variants search differently, the first one's: values are shown by it.
    """
    found: dict[str, list[Dimension]] = {}
    for space in spaces.values():
        for name, dimension in searched(space).items():
            found.setdefault(name, []).append(dimension)
    names = sorted(found, key=lambda name: -len(found[name]))  # stable
    return {name: _union(found[name]) for name in names}


def _union(dimensions: Sequence[Dimension]) -> Dimension:
    """Hold all values that any of the dimensions holds."""
    first = dimensions[0]
    if isinstance(first, Range):
        ranges = [each for each in dimensions if isinstance(each, Range)]
        low, high = min(each.low for each in ranges), max(each.high for each in ranges)
        return first.model_copy(update={"low": low, "high": high})
    return in_order(value for each in dimensions if isinstance(each, list) for value in each)


def ticks_of(dimension: Dimension) -> Ticks:
    """Label the ends of a range and what lies between, or every value of a list."""
    if isinstance(dimension, list):
        return [(share(dimension, value), _label(value)) for value in dimension]
    assert isinstance(dimension, Range)
    low, high = dimension.low, dimension.high
    middle = math.sqrt(low * high) if dimension.log else (low + high) / 2
    middle = round(middle) if dimension.integer else float(f"{middle:.2g}")
    return [(share(dimension, value), f"{value:g}") for value in dict.fromkeys((low, middle, high))]


def _label(value: Scalar) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _variant_scale(trials: Sequence[Scored], greater: bool) -> list[Scale]:
    """Give the variants an axis, that with the best trial on top, where there are several."""
    best: dict[str, float] = {}
    for each in sorted(trials, key=lambda each: each.score, reverse=not greater):
        best[each.variant] = each.score
    order = sorted(best, key=lambda variant: best[variant], reverse=greater)
    if len(order) == 1:
        return []
    heights = {name: 1 - place / (len(order) - 1) for place, name in enumerate(order)}
    shares = np.array([heights[each.variant] for each in trials])
    return [Scale("variant", shares, [(height, name) for name, height in heights.items()], True)]


def _scales(merged: Mapping[str, Dimension], trials: Sequence[Scored]) -> list[Scale]:
    return [
        Scale(
            name,
            np.array([_at(dimension, name, each.trial) for each in trials]),
            ticks_of(dimension),
            isinstance(dimension, list) or (isinstance(dimension, Range) and dimension.integer),
        )
        for name, dimension in merged.items()
    ]


def _at(dimension: Dimension, name: str, trial: TriedTrial) -> float:
    value = trial.hyperparameters.get(name)
    return math.nan if value is None else share(dimension, value)
