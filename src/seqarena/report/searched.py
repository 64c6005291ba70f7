"""What the report tells of the searches of an experiment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from seqarena.evaluation.tuning_record import FEWEST, ExpectedBest, Tuning
from seqarena.plots.formats import Format


@dataclass(frozen=True)
class Row:
    """One variant's line of the table: what it spent, and the expected best of so many trials."""

    variant: str
    trials: str
    outcomes: str  # finished, pruned, failed
    epochs: str
    steps: str
    search_seconds: str
    final_seconds: str
    best: str  # of as many trials as a study has
    best_of_twice: str


@dataclass(frozen=True)
class Searched:
    """The table of an experiment's searches, and what is to be said beside it."""

    trials: int  # of a study
    rows: tuple[Row, ...]
    note: str  # on what is not shown


def searched(tuning: Tuning) -> Searched:
    """Return what the searches showed."""
    return Searched(tuning.trials, tuple(_rows(tuning)), _note(tuning))


def _rows(tuning: Tuning) -> Iterator[Row]:
    curves = {each.variant: each for each in tuning.expected}
    form = Format(value for each in tuning.expected for value in each.expected)
    for spent in tuning.spent:
        curve = curves.get(spent.variant)
        yield Row(
            variant=spent.variant,
            trials=f"{spent.trials:,}",
            outcomes=f"{spent.finished:,} / {spent.pruned:,} / {spent.failed:,}",
            epochs=f"{spent.epochs:,}",
            steps=f"{spent.steps:,}",
            search_seconds=f"{spent.search_seconds:,.0f}",
            final_seconds=f"{spent.final_seconds:,.0f}",
            best=_best_of(curve, tuning.trials, form),
            best_of_twice=_best_of(curve, 2 * tuning.trials, form),
        )


def _best_of(curve: ExpectedBest | None, count: int, form: Format) -> str:
    known = curve.expected if curve else ()
    return form(known[count - 1]) if count <= len(known) else "–"


def _note(tuning: Tuning) -> str:
    """Say why no importances are shown, where there are none."""
    if tuning.importances or not tuning.spent:
        return ""
    needed = f"{FEWEST} trials of a variant that differ in score"
    return f"Which hyperparameters mattered is not shown: it takes {needed}."
