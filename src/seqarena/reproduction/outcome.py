"""What was recorded beside what came of it again."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from seqarena.errors import few
from seqarena.tracking.environment import installed

TIMES = ("seconds", "train_seconds", "epoch_seconds", "examples_per_second")
SYSTEM = "system/"  # of the machine, as times are: no result


@dataclass(frozen=True)
class Row:
    """One number, twice."""

    name: str
    recorded: float
    reproduced: float
    allowed: float | None = None  # half the verdict's interval of it, where it has one

    @property
    def difference(self) -> float:
        """Reproduced minus recorded; 0 where neither is a number, or both are infinite."""
        both_nan = math.isnan(self.recorded) and math.isnan(self.reproduced)
        same = both_nan or self.recorded == self.reproduced
        return 0.0 if same else self.reproduced - self.recorded

    @property
    def within(self) -> bool:
        """Whether the difference is smaller than what the verdict does not know."""
        return self.allowed is not None and abs(self.difference) <= self.allowed


@dataclass(frozen=True)
class Outcome:
    """All numbers, and what may have made them differ."""

    rows: list[Row]
    machines: tuple[str, str]  # that recorded, and this
    packages: list[str]  # what is installed otherwise
    words: tuple[str, str] = ("", "")  # of the verdict
    notes: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return self.words[0] == self.words[1] and not any(row.difference for row in self.rows)

    @property
    def elsewhere(self) -> str:
        """Say what is another than it was; empty where nothing is, and all must be the same."""
        was, now = self.machines
        machine = "" if was == now and was else f"{now}, recorded on {was or 'an unknown machine'}"
        return "; ".join(filter(None, [machine, few(self.packages, 3)]))

    @property
    def within(self) -> bool:
        """Whether what the verdict has intervals of is in them."""
        known = [row for row in self.rows if row.allowed is not None]
        return bool(known) and all(row.within for row in known)

    @property
    def expected(self) -> bool:
        """Whether it is as one has to expect here."""
        return self.equal or (bool(self.elsewhere) and self.within)

    @property
    def conclusion(self) -> str:
        """Say in a sentence what it came to."""
        if self.equal:
            return "Equal: every number is the same to the last digit."
        if not self.elsewhere:
            return "NOT equal, though machine and packages are the same: it cannot be made again."
        if self.within:
            told = "the verdict's interval is wider than the difference"
            return f"Within what is to be expected elsewhere ({self.elsewhere}): {told}."
        known = any(row.allowed is not None for row in self.rows)
        told = "more than the verdict's interval allows" if known else "and no interval to judge by"
        return f"NOT equal, elsewhere ({self.elsewhere}): {told}."


def rows_of(
    recorded: Mapping[str, float],
    reproduced: Mapping[str, float],
    allowed: Mapping[str, float] = {},
) -> list[Row]:
    """Put results side by side that both have; times and what the machine did are none."""
    names = [name for name in recorded if name not in TIMES and not name.startswith(SYSTEM)]
    return [
        Row(name, recorded[name], reproduced[name], allowed.get(name))
        for name in names
        if name in reproduced
    ]


def changed_packages(recorded: Mapping[str, str]) -> list[str]:
    """Name each distribution that is of another version here; none where none was recorded."""
    here = installed() if recorded else {}
    return [
        f"{name} {recorded.get(name, 'missing')}, here {here.get(name, 'missing')}"
        for name in sorted(recorded.keys() | here.keys())
        if recorded.get(name) != here.get(name)
    ]


def print_outcome(name: str, outcome: Outcome, about: Iterable[str]) -> None:
    """Print all numbers as a table, what they rest on, and the conclusion."""
    judged = any(row.allowed is not None for row in outcome.rows)
    table = Table(title=name, title_justify="left")
    table.add_column("", overflow="fold")
    for column in ("recorded", "reproduced", "difference", *(["± verdict"] if judged else [])):
        table.add_column(column, justify="right")
    for row in outcome.rows:
        numbers = [f"{value:.10g}" for value in (row.recorded, row.reproduced)]
        allowed = "" if row.allowed is None else f"{row.allowed:.3g}"
        table.add_row(row.name, *numbers, f"{row.difference:.3g}", *([allowed] if judged else []))
    Console(width=None if sys.stdout.isatty() else 120, markup=False).print(table)
    for line in (*about, *(f"installed otherwise: {each}" for each in outcome.packages)):
        print(line)
    if outcome.words[0] != outcome.words[1]:
        print(f"recorded verdict:   {outcome.words[0]}")
        print(f"reproduced verdict: {outcome.words[1]}")
    elif outcome.words[0]:
        print(f"The verdict, word for word: {outcome.words[0]}")
    for line in outcome.notes:
        print(line)
    print(outcome.conclusion)
