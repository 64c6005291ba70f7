"""What a table with times suggests: a series, or a panel of several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqarena.data.grids import BUSINESS_DAY, DAY, Step, index_of, step_of
from seqarena.data.moments import ISO, check_form, example, moments
from seqarena.data.store import Array
from seqarena.datasets.own.tables import rows_of
from seqarena.errors import InputError
from seqarena.proposal.asked import Asked, one
from seqarena.proposal.columns import Column
from seqarena.proposal.section import METRICS, Proposal

OF_SERIES = ("forecasting", "quantile_forecasting")  # tasks
OF_SEVERAL = {"forecasting": "mase", "quantile_forecasting": "scaled_crps"}  # targets: units differ
SHORT = 5_000  # steps of a series, below which every origin of valid and test is scored
VERY_SHORT = 500  # below which a tenth of it would hold hardly a window
FEWEST_LOOKBACKS = 6  # that a series is long: two seasons of twelve, which `ets` needs
HOUR = 3600.0
WEEK = 168  # hours
LOOKBACKS: dict[Step, tuple[int, int, int]] = {  # steps looked back on, ahead, of a season
    HOUR: (168, 24, 24),
    DAY: (28, 7, 7),
    BUSINESS_DAY: (20, 5, 5),
    7 * DAY: (52, 8, 52),
    "month": (24, 6, 12),
    "quarter": (12, 4, 4),
    "year": (8, 2, 1),
}
FALLS_BACK = 0.01  # of rows share their time, at most, where clocks were set back
MOSTLY = 0.5  # of rows lie beside the grid; how far gaps spread, against the usual one
OF_A_SERIES = ("class", "name", "text")  # kinds of columns that may name one


def propose_series(path: Path, columns: Sequence[Column], count: int, asked: Asked) -> Proposal:
    """Suggest to forecast a number of a table with times, of which there are `count` rows.

    Raises `InputError` where it is not clear which column is what, naming the option that says it.
    """
    time = one(path, times_of(columns), asked.input, "input", "a time")
    series = _series_of(path, columns, time, asked)
    own = [c for c in columns if c.name not in (time.name, series)]
    static = [] if series is None else _static(path, own, series, asked)
    numbers = [c for c in own if c.is_numeric and c.name not in static]
    targets, others = _roles(path, numbers, asked)
    form = _form(path, time, asked)
    ticks = _ticks(path, time, form)
    step, steps = step_of(ticks), count if series is None else len(time.values)
    lookback, horizon, season = LOOKBACKS.get(step, (24, 6, 12))
    lookback = min(lookback, max(season, steps // FEWEST_LOOKBACKS // season * season))
    target = targets if len(targets) > 1 else targets[0]
    prepare: dict[str, Any] = {"time": time.name, "target": target}
    if series is not None:
        prepare["series"] = series
    prepare |= {key: names for key, names in {**others, "static": static}.items() if names}
    if form != ISO:
        prepare["time_format"] = form
    if asked.timezone is not None:
        prepare["timezone"] = asked.timezone
    prepare |= {"lookback": lookback, "horizon": horizon, "season": season}
    if series is None and _is_irregular(ticks, step):
        prepare |= {"irregular": True, "season": 1}
    if steps < SHORT:
        prepare["stride"] = 1
    if steps < VERY_SHORT:
        prepare |= {"valid": 0.2, "test": 0.2}
    task = asked.task or OF_SERIES[0]
    return Proposal(
        data=str(path),
        modality="series",
        task=task,
        metric=(METRICS if len(targets) == 1 else OF_SEVERAL)[task],
        examples=count,
        reading=asked.reading,
        prepare=prepare,
        hourly=step == HOUR and lookback >= WEEK,
    )


def times_of(columns: Iterable[Column]) -> list[Column]:
    """Return the columns that may say when a row is: moments, or else years."""
    columns = list(columns)
    return [c for c in columns if c.kind == "time"] or [c for c in columns if c.is_years]


def _roles(
    path: Path, numbers: Sequence[Column], asked: Asked
) -> tuple[list[str], dict[str, list[str]]]:
    """Return what is forecast, and the covariates and known columns that it is forecast by."""
    said_of = {*asked.targets, *asked.known}
    numbers = [c for c in numbers if c.name in said_of or not c.counts_rows] or [*numbers]
    free = [c for c in numbers if c.name not in asked.known or c.name in asked.targets]
    said = asked.targets or (None,)
    targets = [one(path, free, name, "target", "what is forecast").name for name in said]
    others = [c for c in numbers if c.name not in targets and not c.missing]
    known = [one(path, others, name, "known", "a number at all times").name for name in asked.known]
    return targets, {"covariates": [c.name for c in others if c.name not in known], "known": known}


def _series_of(path: Path, columns: Sequence[Column], time: Column, asked: Asked) -> str | None:
    """Return the column that tells the rows of one time apart, or None where none has to."""
    if asked.series is None and (not time.repeated or asked.timezone is not None):
        return None
    names = (
        [asked.series]
        if asked.series is not None
        else [c.name for c in columns if c.kind in OF_A_SERIES and c.name not in asked.targets]
    )
    seen: dict[str, set[int]] = {name: set() for name in names}  # hashes: a table may be large
    for row in rows_of(path, asked.reading):
        for name in list(seen):
            key = hash((row.cells[name], row.cells[time.name]))
            if key in seen[name] or not row.cells[name]:
                del seen[name]
            else:
                seen[name].add(key)
    if asked.series is not None and not seen:
        problem = f"has empty cells, or rows of one '{time.name}' share its value"
        raise InputError(f"{path}: --series {asked.series}: {problem}")
    if not seen and time.repeated <= FALLS_BACK * time.values.total():
        twice = time.values.most_common(1)[0][0]
        told = f"{twice} stands twice in '{time.name}', as where summer ends"
        fix = "--timezone PLACE, such as Europe/Madrid, says whose clocks these are"
        raise InputError(f"{path}: {told}; {fix}, or --series COLUMN what tells the rows apart")
    if not seen:
        told = f"the same time in '{time.name}' stands in several rows, and no column tells them"
        raise InputError(f"{path}: {told} apart; --series COLUMN names the series of a row")
    found = [column for column in columns if column.name in seen]
    return one(path, found, asked.series, "series", "the name of a series").name


def _static(path: Path, columns: Sequence[Column], series: str, asked: Asked) -> list[str]:
    """Return the columns that are the same in all rows of a series, but not in all series.

    What names each series anew, as the series itself does, is left out.
    """
    candidates = [c for c in columns if c.kind in ("class", "number") and not c.missing]
    varying = (*asked.targets, *asked.known)
    constant = {c.name: dict[str, str]() for c in candidates if c.name not in varying}
    for row in rows_of(path, asked.reading):
        for name in list(constant):
            if constant[name].setdefault(row.cells[series], row.cells[name]) != row.cells[name]:
                del constant[name]
    numeric = {c.name for c in columns if c.is_numeric}
    different = {name: len(set(values.values())) for name, values in constant.items()}
    return [
        name
        for name, values in constant.items()
        if different[name] > 1 and (name in numeric or different[name] < len(values))
    ]


def _is_irregular(ticks: Array, step: Step) -> bool:
    """Tell whether rows come at any times: most are on no grid, and by no mere jitter."""
    low, usual, high = np.quantile(np.diff(ticks), [0.25, 0.5, 0.75])
    beside = index_of(ticks, step)[1]
    return bool(beside.mean() > MOSTLY and high - low > MOSTLY * usual)


def _form(path: Path, time: Column, asked: Asked) -> str:
    """Return how times are written; raises `InputError` where that is not clear."""
    if asked.time_format is not None:
        return asked.time_format
    forms = time.forms or (ISO,)  # of years
    if len(forms) > 1:
        first, known = next(iter(time.values)), " or ".join(forms)
        told = f"'{first}' in '{time.name}' may be {known}; say which with --time-format"
        raise InputError(f"{path}: {told}")
    return forms[0]


def _ticks(path: Path, time: Column, form: str) -> Array:
    """Return the different times in order, microseconds since 1970."""
    try:
        read = moments(list(time.values), check_form(form))
    except ValueError as error:
        raise InputError(f"{path}: --time-format {form}: {error}") from error
    if read.isna().any():
        odd = list(time.values)[int(read.isna().argmax())]
        told = f"expected a time such as {example(form)} in '{time.name}', found '{odd}'"
        raise InputError(f"{path}: --time-format {form}: {told}")
    ticks = read.dt.tz_localize(None).to_numpy("datetime64[us]").astype(np.int64)
    if len(ticks) < 2:
        raise InputError(f"{path}: one row; a series needs two at least")
    return np.sort(ticks)
