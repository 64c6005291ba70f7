"""What the report tells of the searches of an experiment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seqarena.evaluation.tuning_record import FEWEST, FILE, ExpectedBest, Tuning
from seqarena.plots.formats import Format, listed


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
    remarks: tuple[str, ...]


def searched(folder: Path) -> Searched | None:
    """Read what the searches showed; None where nothing is kept of it."""
    path = folder / FILE
    if not path.is_file():
        return None
    tuning = Tuning.read(path)
    return Searched(tuning.trials, tuple(_rows(tuning)), tuple(remarks(tuning)))


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


def remarks(tuning: Tuning) -> Iterator[str]:
    """Say which ranges are too narrow, and what too few trials leave open."""
    for (name, of_list, end), variants in tuning.at_end.items():
        having = [each.variant for each in tuning.places if each.hyperparameter == name]
        every = len(having) > 1 and having == variants
        where = "every variant" if every else listed(variants)
        what = f"The best values of {name.replace('_', ' ')} in {where}"
        high = end == "high"
        if of_list:
            size = "largest" if high else "smallest"
            yield f"{what} are the {size} of the list: add {'larger' if high else 'smaller'} ones."
        else:
            yield f"{what} lie at the {'upper' if high else 'lower'} end of the range: widen it."
    if tuning.spent and not tuning.importances:
        needed = f"{FEWEST} trials of a variant that differ in score"
        yield f"Which hyperparameters mattered is not shown: it takes {needed}."
