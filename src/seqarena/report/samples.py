"""Predictions for single test examples: the worst mistakes first, then some typical ones."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqarena.plots.formats import Format, metric_name, per_cent
from seqarena.records import SCORE, Summary

WORST, TYPICAL = 12, 4
LONGEST = 240  # characters of a text
WIDE, HIGH = 132, 34  # of a line of numbers, in pixels
SERIES = re.compile(r"(truth|forecast)\+\d+")
HEADINGS = {  # columns of predictions.csv that are shown, and what stands over them
    "id": "example",
    "input": "example",
    "truth": "truth",
    "predicted": "answer",
    "probability": "how sure",
    "log_probability": "log P",
    "lower": "from",
    "upper": "to",
    "steps": "steps",
    "nll": "nats a step",
}
Line = Mapping[str, str]


@dataclass(frozen=True)
class Drawn:
    """Numbers that came and that were forecast, as points of SVG polylines."""

    truth: str
    forecast: str
    says: str


@dataclass(frozen=True)
class Sample:
    """One example, with a cell for each column."""

    cells: tuple[str, ...]
    wrong: bool
    drawn: Drawn | None


@dataclass(frozen=True)
class Samples:
    """Some examples of the test split, as the first final of a variant answered them."""

    variant: str
    columns: tuple[str, ...]
    worst: list[Sample]
    typical: list[Sample]

    @property
    def drawn(self) -> bool:
        """Whether there is a column of lines."""
        return any(sample.drawn for sample in self.worst)


def samples_of(finals: Path, variant: str, summary: Summary) -> Samples | None:
    """Read ``predictions.csv`` of a variant's first final; None where there is none."""
    folders = [path.parent for path in finals.glob(f"{variant}-*/predictions.csv")]
    if not folders:
        return None
    first = min(folders, key=lambda path: int(path.name.rpartition("-")[2]))
    with (first / "predictions.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    if not lines:
        return None
    order = sorted(lines, key=lambda line: _mildness(line, summary.greater_is_better))
    worst = min(WORST, len(order))
    start = max(worst, (len(order) - TYPICAL) // 2)
    known = _columns(lines[0])
    form = Format(value for line in lines if math.isfinite(value := _number(line, SCORE)))
    return Samples(
        variant,
        tuple(metric_name(summary.metric) if n == SCORE else HEADINGS.get(n, n) for n in known),
        [_sample(line, known, form) for line in order[:worst]],
        [_sample(line, known, form) for line in order[start : start + TYPICAL]],
    )


def _mildness(line: Line, greater: bool) -> tuple[float, bool, float]:
    """Return what is smaller for the worse mistake: by score, wrong or not, and how sure."""
    score = _number(line, SCORE)
    if math.isnan(score):  # of one example alone some metrics say nothing
        mild = math.inf if SCORE in line else 0.0
    else:
        mild = score if greater else -score
    sure = (_number(line, name) for name in ("probability", "log_probability"))
    surest = max((value for value in sure if not math.isnan(value)), default=0.0)
    return mild, not _wrong(line), -surest


def _wrong(line: Line) -> bool:
    return line.get("truth") != line.get("predicted") and "upper" not in line


def _number(line: Line, name: str) -> float:
    try:
        return float(line.get(name) or "nan")
    except ValueError:
        return math.nan


def _columns(line: Line) -> list[str]:
    hidden = "id" if "input" in line else ""
    return [name for name in (*HEADINGS, SCORE) if name in line and name != hidden]


def _sample(line: Line, columns: Sequence[str], form: Format) -> Sample:
    return Sample(tuple(_cell(line, name, form) for name in columns), _wrong(line), _drawn(line))


def _cell(line: Line, name: str, form: Format) -> str:
    text = line[name] or ""
    if name == SCORE:
        value = _number(line, name)
        return form(value) if math.isfinite(value) else "–"
    if name == "probability":
        return per_cent(_number(line, name))
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "…"


def _drawn(line: Line) -> Drawn | None:
    """Draw what came and what was forecast on one scale."""
    series: dict[str, list[float]] = {"truth": [], "forecast": []}
    for name in line:
        if found := SERIES.fullmatch(name):
            series[found[1]].append(_number(line, name))
    both = [value for values in series.values() for value in values if math.isfinite(value)]
    if not both:
        return None
    low, high = min(both), max(both)
    span = (high - low) or 1.0

    def points(values: Sequence[float]) -> str:
        across = WIDE / max(1, len(values) - 1)
        return " ".join(
            f"{n * across:.1f},{HIGH - (value - low) / span * HIGH:.1f}"
            for n, value in enumerate(values)
            if math.isfinite(value)
        )

    says = f"{len(series['truth'])} steps between {low:.4g} and {high:.4g}: truth and forecast"
    return Drawn(points(series["truth"]), points(series["forecast"]), says)
