"""Windows over series that are split at the same moments in time, and how they are written."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seqarena.data.store import SPLITS, Array, write_split
from seqarena.data.timeline import Timeline
from seqarena.errors import InputError, InputWarning, few

WEEK = pd.Timedelta(weeks=1)


@dataclass(frozen=True)
class Shape:
    """What a window is, in steps."""

    lookback: int
    horizon: int
    stride: int  # between the origins of valid and of test; train has every origin


@dataclass(frozen=True)
class Member:
    """One series, and where its splits begin: steps of train, valid, test, and the end."""

    name: str  # "" where the table holds no other
    timeline: Timeline
    bounds: tuple[int, int, int, int]
    shape: Shape
    season: int  # steps; the seasonal naive forecast that scales MASE

    @classmethod
    def cut(
        cls,
        name: str,
        timeline: Timeline,
        valid: pd.Timestamp,
        test: pd.Timestamp,
        shape: Shape,
        season: int,
    ) -> Member:
        """Cut a series where valid and test begin."""
        inner = (int(timeline.times.searchsorted(moment)) for moment in (valid, test))
        first, second = inner
        return cls(name, timeline, (0, first, second, len(timeline.times)), shape, season)

    @property
    def train(self) -> Array:
        """The values of train ``(S, C)``, which all that is learned is learned from."""
        return self.timeline.values[: self.bounds[1]]

    @cached_property
    def naive_mae(self) -> float:
        """The in-sample error of the seasonal naive forecast, in the data's unit; nan for none."""
        target = self.train[:, 0]
        errors = np.abs(target[self.season :] - target[: -self.season])
        return float(np.nanmean(errors)) if np.isfinite(errors).any() else np.nan

    @cached_property
    def origins(self) -> dict[str, Array]:
        """The first target steps of the windows of each split.

        A window of valid or test may look back into the split before; its targets lie in its own.
        """
        pairs = zip(SPLITS, self.bounds[:-1], self.bounds[1:], strict=True)
        return {split: self._origins(begin, end, split != "train") for split, begin, end in pairs}

    def _origins(self, begin: int, end: int, scored: bool) -> Array:
        """List the first target steps of the windows whose targets all lie in ``[begin, end)``.

        Windows that touch a longer gap are left out. An interpolated step knows the value after it,
        so none may stand last in the lookback or last in the horizon: what a window knows would
        come from beyond it. Where the windows are `scored` none stands in the horizon at all.
        """
        timeline, lookback, horizon = self.timeline, self.shape.lookback, self.shape.horizon
        stride = self.shape.stride if scored else 1
        first = np.arange(max(begin, lookback), end - horizon + 1, stride)
        gaps = np.concatenate([[0], np.cumsum(~timeline.complete)])
        whole = gaps[first + horizon] == gaps[first - lookback]
        observed = timeline.observed[first - 1] & timeline.observed[first + horizon - 1]
        if scored:
            made_up = np.concatenate([[0], np.cumsum(~timeline.observed)])
            observed &= made_up[first + horizon] == made_up[first]
        return np.asarray(first[whole & observed])

    def moments(self, split: str) -> pd.DatetimeIndex:
        """List the forecast origins of the windows of a split: the times of their last steps."""
        return self.timeline.times[self.origins[split] - 1]

    def longest_horizon(self, split: str) -> pd.Timedelta:
        """Return the most time from an origin to the last target: months are not alike.

        Of 95 windows in 100: where rows come at any time, one pause is not the rule.
        """
        last = self.timeline.times[self.origins[split] + self.shape.horizon - 1]
        spans = (last - self.moments(split)).to_numpy()
        return pd.Timedelta(np.quantile(spans, 0.95, method="higher") if len(spans) else 0)

    def examples(self, split: str, runs: Runs) -> Iterator[dict[str, Any]]:
        """Tell people what each window of a split is, and with which others it is one draw."""
        own = {"series": self.name} if self.name else {}
        for moment in self.moments(split):
            yield {"id": named(self.name, moment), "group": runs.named(moment), **own}


@dataclass(frozen=True)
class Runs:
    """Stretches of the calendar whose windows count as one draw where examples are resampled.

    What happens in one week happens to all series, and windows whose targets overlap err alike. Of
    runs of twice the horizon only neighbours share a target, and the windows of a run vary by five
    sixths of what they would if none did: intervals meant to hold 95 % hold 93, where with runs of
    one horizon they hold 89 (docs/statistics.md). Longer runs gain less than their number costs.
    """

    first: int  # the week in which the first of them begins, counted from the year 1
    weeks: int  # how long each is

    @classmethod
    def of(cls, members: Sequence[Member], split: str) -> Runs:
        """Return the runs of a split of all series, which begin with its first origin."""
        first = min(_week(m.moments(split)[0]) for m in members if len(m.origins[split]))
        horizon = max(m.longest_horizon(split) for m in members)
        return cls(first, max(1, math.ceil(2 * horizon / WEEK)))

    def named(self, moment: pd.Timestamp) -> str:
        """Name the run of an origin by its first week."""
        week = _week(moment)
        monday = date.fromordinal(7 * (week - (week - self.first) % self.weeks) + 1)
        year, number, _ = monday.isocalendar()
        return f"{year}-W{number}"


def _week(moment: pd.Timestamp) -> int:
    return (moment.toordinal() - 1) // 7  # the year 1 begins on a Monday


def named(series: str, origin: pd.Timestamp) -> str:
    """Name a window by its series, if it is one of several, and its origin."""
    return f"{series} {origin.isoformat()}".strip()


def with_train(path: Path, members: list[Member]) -> list[Member]:
    """Leave out what has too little train to learn from, and tell; all stay where all have."""
    kept, short = (
        [m for m in members if (len(m.origins["train"]) > 0 and m.naive_mae >= 0) == enough]
        for enough in (True, False)
    )
    if kept and short:
        shape = members[0].shape
        needed = f"a window of {shape.lookback} + {shape.horizon} steps, or of a season"
        names = few(f"'{m.name}'" for m in short)
        message = f"{path}: too little train for {needed}, and left out: {names}"
        warnings.warn(message, InputWarning, stacklevel=3)
    return kept or members


def check_windows(path: Path, members: Sequence[Member]) -> None:
    """Raise `InputError` where a split has no window, or train no season."""
    shape, season = members[0].shape, members[0].season
    for split, begin, end in zip(SPLITS, (0, 1, 2), (1, 2, 3), strict=True):
        if not any(len(m.origins[split]) for m in members):
            needed = f"{shape.lookback} + {shape.horizon} steps without a long gap"
            steps = max(m.bounds[end] - m.bounds[begin] for m in members)
            raise InputError(f"{path}: no window of {needed} for {split} ({steps} steps)")
    for member in members:
        if np.isnan(member.naive_mae):
            found = f"{len(member.train)} steps, no two a season of {season} apart"
            raise InputError(f"{where(path, member.name)}: train has {found}")


def where(path: Path, series: str, part: str = "") -> str:
    """Say where something is wrong, also in which series where there are several."""
    return ": ".join(filter(None, [str(path), f"series '{series}'" if series else "", part]))


def write_windows(
    folder: Path,
    members: Sequence[Member],
    features: Sequence[Array],
    scales: Array | None,
) -> None:
    """Write the steps of a split once for each series; its windows are overlapping views of them.

    `features` are ``(S, D)`` of each member, the scaled target first; `scales` ``(M, 3)`` its scale
    where they have their own.
    """
    split, written = folder.name, 0
    inputs, starts, targets = [], [], []
    for member, steps in zip(members, features, strict=True):
        origins, shape = member.origins[split], member.shape
        if not len(origins):
            continue
        first = origins[0] - shape.lookback
        inputs.append(steps[first : origins[-1]])
        starts.append(origins - shape.lookback - first + written)
        ahead = np.lib.stride_tricks.sliding_window_view(steps[:, 0], shape.horizon)
        targets.append(ahead[origins])
        written += len(inputs[-1])
    counts, runs = [len(member.origins[split]) for member in members], Runs.of(members, split)
    write_split(
        folder,
        # No window touches a gap, so what stands there is never seen; NaN would alarm who looks.
        np.nan_to_num(np.concatenate(inputs), nan=0.0),
        np.concatenate(starts),
        np.full(sum(counts), members[0].shape.lookback),
        np.concatenate(targets),
        (example for member in members for example in member.examples(split, runs)),
        None if scales is None else np.repeat(scales, counts, axis=0),
    )
