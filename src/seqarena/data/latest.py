"""The latest window of a new series, which is what a forecast goes on from."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from seqarena.data.features import features_of
from seqarena.data.grids import ANY_TIME, times_of
from seqarena.data.modalities.base import Cells, Input
from seqarena.data.scaling import Standard, standard_of
from seqarena.data.store import DataSpec
from seqarena.data.timeline import Timeline
from seqarena.data.windows import named, where
from seqarena.errors import InputError, InputWarning, few


def latest_window(path: Path, name: str, timeline: Timeline, spec: DataSpec) -> Input:
    """Return the last window of a series, scaled as in training or by what there is of it.

    Where columns are known ahead the steps of the horizon come after it, without a target. Raises
    `InputError` where a step is missing that the forecast needs.
    """
    encoding, place = spec.options, where(path, name)
    whole = timeline
    if encoding.get("known"):
        timeline = whole.with_targets
        _check_known(place, whole, len(timeline.times), spec)
    found, needed = len(timeline.times), encoding["lookback"]
    if found < needed:
        raise InputError(f"{place}: {found} steps; the forecast needs the last {needed}")
    there = timeline.complete[-needed:]
    there[-1] &= timeline.observed[-1]  # made up, it would know what comes after it
    gaps = np.flatnonzero(~there)
    if len(gaps):
        when = timeline.times[found - needed + gaps[0]].isoformat()
        raise InputError(f"{place}: a gap at {when}; the last {needed} steps must be there")
    filled = needed - int(timeline.observed[-needed:].sum())
    if filled:
        message = f"{filled} of the last {needed} steps were missing and are interpolated"
        warnings.warn(f"{place}: {message}", InputWarning, stacklevel=3)
    standard = standard_of(name, encoding) or Standard.of(timeline.values, place)
    features = features_of(whole, encoding, standard, place)[found - needed : found]
    origin = named(name, timeline.times[-1])
    scale = standard.of_target if "series" in encoding else None
    return Input(origin, features, scale, _ahead(name, timeline, spec))


def _ahead(name: str, timeline: Timeline, spec: DataSpec) -> Cells:
    """Say of each step of the horizon of which series it is, and when; irregular ones by number."""
    column = spec.options.get("series") or "series"
    series = {column: name} if name else {}
    if timeline.step == ANY_TIME:
        return tuple({**series, "step": str(n)} for n in range(1, spec.horizon + 1))
    last = int(timeline.times.as_unit("us").asi8[-1])
    ends = bool(timeline.times.is_month_end.all())
    ahead = times_of(last, spec.horizon + 1, timeline.step, ends)[1:]
    return tuple({**series, spec.options["time"]: time.isoformat()} for time in ahead)


def _check_known(place: str, timeline: Timeline, end: int, spec: DataSpec) -> None:
    """Raise `InputError` unless all that is known ahead stands in the steps of the horizon."""
    names, target = spec.options["known"], spec.options["target"]
    values = timeline.values[end:][: spec.horizon, -len(names) :]
    told = int(np.isfinite(values).all(axis=1).sum())
    if told < spec.horizon:
        after = f"the {spec.horizon} steps after {timeline.times[end - 1].isoformat()}"
        rows = f"rows that hold {few(map(repr, names))}, and no '{target}'"
        raise InputError(f"{place}: {told} of {after} have {rows}; the forecast needs all")
