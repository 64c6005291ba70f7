"""What the user says of own files, and what was found in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqarena.config import TIME, Reading
from seqarena.errors import InputError, few
from seqarena.proposal.columns import Column
from seqarena.proposal.section import Proposal


@dataclass(frozen=True)
class Asked:
    """What the user says of the columns."""

    task: str | None = None
    inputs: tuple[str, ...] = ()  # one; it may be several that say the time of a series together
    targets: tuple[str, ...] = ()  # one; of series it may be several
    split: str | None = None
    group: str | None = None
    series: str | None = None  # names the series of a row, where a table holds several
    known: tuple[str, ...] = ()  # columns of a series whose values over the horizon are known
    time_format: str | None = None  # in which times are written
    timezone: str | None = None  # of times without an offset
    encoding: str = "utf-8"
    header: bool = True
    quotes: bool = True
    names: str | None = None  # what the names of files say
    units: str | None = None  # what texts are read by, and written

    @property
    def input(self) -> str | None:
        """The input, where it is said, by its name when it is read."""
        return TIME if self.in_parts else next(iter(self.inputs), None)

    @property
    def in_parts(self) -> bool:
        """Whether the time stands in several columns."""
        return len(self.inputs) > 1

    @property
    def target(self) -> str | None:
        """The answer, where one is said."""
        return self.targets[0] if self.targets else None

    @property
    def reading(self) -> Reading:
        """How a table is read."""
        return Reading(
            encoding=self.encoding,
            header=self.header,
            quotes=self.quotes,
            columns={TIME: self.inputs} if self.in_parts else {},
        )


@dataclass(frozen=True)
class Question:
    """What is asked of the texts of a table, by which columns."""

    task: str
    text: str
    target: str | None  # where something answers
    metric: str
    prepare: dict[str, Any]


@dataclass(frozen=True)
class Look:
    """What was found, line by line, and what it suggests."""

    found: list[str]
    proposal: Proposal
    warnings: list[str] = field(default_factory=list)


def one(path: Path, columns: Sequence[Column], name: str | None, option: str, what: str) -> Column:
    """Return the one column that may be meant; raises `InputError` naming the option otherwise."""
    if name is not None:
        chosen = [column for column in columns if column.name == name]
        if not chosen:
            fitting = few(c.name for c in columns) or "none"
            raise InputError(f"{path}: --{option} {name}: not {what}; that could be: {fitting}")
        return chosen[0]
    if len(columns) != 1:
        found = f"{few(c.name for c in columns)} could be" if columns else "no column is"
        raise InputError(f"{path}: {found} {what}; say which with --{option} COLUMN")
    return columns[0]
