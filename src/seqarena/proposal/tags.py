"""Tables whose rows hold tokens and as many tags: labels of steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from seqarena.config import Reading
from seqarena.data.tables import TableRow, spaced
from seqarena.data.targets import NO_LABEL
from seqarena.datasets.own.tables import rows_of
from seqarena.errors import InputError
from seqarena.proposal.asked import Asked, Question, one
from seqarena.proposal.columns import MOST_CLASSES, MOSTLY, ROWS_OF_A_CLASS, Column
from seqarena.proposal.section import METRICS
from seqarena.proposal.units import FEWEST
from seqarena.tasks.spans import OUTSIDE

MARKS = ("B-", "I-", "E-", "S-")  # with which a tag of a span begins


@dataclass
class Parts:
    """What stands between the blanks of a column's cells."""

    lengths: list[int] = field(default_factory=list)  # by row
    items: Counter[str] = field(default_factory=Counter)

    @property
    def are_tags(self) -> bool:
        """Whether they may label steps: a few that recur, several in a cell, not always as many."""
        most = min(MOST_CLASSES, self.items.total() / ROWS_OF_A_CLASS)
        several = np.median(self.lengths) > 1 and len(set(self.lengths)) > 1
        return 1 < len(self.items) <= most and bool(several)

    def fit(self, other: Parts) -> bool:
        """Tell whether most cells hold as many of them as the cell of another column beside."""
        return float(np.mean(np.equal(self.lengths, other.lengths))) > MOSTLY


def question_of_steps(
    path: Path, rows: Sequence[TableRow], columns: Sequence[Column], asked: Asked
) -> Question | None:
    """Find the tokens and the tags of a table, by some of its rows.

    None where it has none or something else is asked.
    Raises `InputError` where it is not clear which they are, and for a row that has not as many
    of both.
    """
    if asked.task not in (None, "labelling"):
        return None
    parts = _parts(rows, columns)
    name = _text(parts, asked)
    if name is None and asked.task is None:
        return None
    text = one(path, [c for c in columns if c.name == name], name, "input", "the tokens").name
    fitting = [c for c in columns if c.name in _tags_of(text, parts)]
    if asked.task is None and asked.target and asked.target not in [c.name for c in fitting]:
        return None
    if asked.input and asked.target:  # then what does not fit is told by its row
        fitting = [c for c in columns if c.name == asked.target]
    tags = one(path, fitting, asked.target, "target", "their tags").name
    _check(path, text, tags, asked.reading)
    longest = max(FEWEST, *parts[text].lengths)  # of what is cut no tag would be judged
    prepare = {"targets": "labels", "units": asked.units or "tokens", "max_length": longest}
    return Question("labelling", text, tags, metric_of_tags(parts[tags].items), prepare)


def metric_of_tags(tags: Iterable[str]) -> str:
    """Return what judges tags: those of spans by spans, others one by one."""
    marks = [tag.startswith(MARKS) for tag in tags if tag not in (OUTSIDE, NO_LABEL)]
    return "span_f1" if marks and all(marks) else METRICS["labelling"]


def _parts(rows: Sequence[TableRow], columns: Sequence[Column]) -> dict[str, Parts]:
    parts = {column.name: Parts() for column in columns}
    for row in rows:
        for name, found in parts.items():
            items = spaced(row.cells[name]).split()
            found.lengths.append(len(items))
            found.items.update(items)
    return parts


def _text(parts: dict[str, Parts], asked: Asked) -> str | None:
    """Return the column that has tags beside it: of several that with the most different items."""
    if asked.input is not None:
        return asked.input if asked.target or _tags_of(asked.input, parts) else None
    texts = [name for name in parts if _tags_of(name, parts)]
    return max(texts, key=lambda name: len(parts[name].items), default=None)


def _tags_of(text: str, parts: dict[str, Parts]) -> list[str]:
    """List the columns of as many tags as a text has tokens, of which there are more."""
    tokens = parts[text]
    return [
        name
        for name, found in parts.items()
        if found.are_tags and len(found.items) < len(tokens.items) and found.fit(tokens)
    ]


def _check(path: Path, text: str, tags: str, reading: Reading) -> None:
    for row in rows_of(path, reading):
        tokens, found = (len(spaced(row.cells[name]).split()) for name in (text, tags))
        if tokens != found:
            counts = f"{found} tags in '{tags}' for {tokens} tokens in '{text}'"
            raise InputError(f"{row.place}: {counts}; expected one each")
