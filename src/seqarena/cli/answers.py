"""Answers about whole files: read, asked and written as they come, in bounded memory."""

from __future__ import annotations

import csv
import json
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from seqarena.data.modalities.base import Asked, Input, Unread, as_read
from seqarena.data.tables import spaced
from seqarena.decode import Decoding
from seqarena.errors import InputError, InputWarning
from seqarena.files import new_file
from seqarena.predict import BATCH, Predictor, stacked
from seqarena.progress import Progress

DELIMITERS = {".csv": ",", ".tsv": "\t"}
BY_NAME = ("probabilities", "quantiles")  # of an answer: the same names in each, a column of each
HIDDEN = ("attention", "tokens", "n_best", "alternatives")  # too much for a cell
PREFIX = "predicted."  # of the columns that are added: what was there keeps its name


class Answer(NamedTuple):
    """What was asked, and what a model says of it; nothing where it could not be read."""

    asked: Asked
    prediction: dict[str, Any]

    @property
    def read(self) -> Input:
        """What was asked; raises the `InputError` of what could not be read."""
        return as_read(self.asked)


def answered(
    predictor: Predictor, asked: Iterator[Asked], decoding: Decoding | None
) -> Iterator[Answer]:
    """Answer in batches, in order."""
    while chunk := list(islice(asked, BATCH)):
        inputs = [each for each in chunk if isinstance(each, Input)]
        scales = stacked(each.scale for each in inputs)
        found = iter(predictor.predict([each.steps for each in inputs], decoding, scales))
        yield from (Answer(e, next(found) if isinstance(e, Input) else {}) for e in chunk)


def strictly(answers: Iterable[Answer]) -> list[dict[str, Any]]:
    """Return all answers, without what was looked at; raises where an input cannot be read."""
    return [
        {"input": read.name, **{k: v for k, v in prediction.items() if k != "attention"}}
        for read, prediction in ((answer.read, answer.prediction) for answer in answers)
    ]


def write_table(
    path: Path, answers: Iterator[Answer], names: Mapping[str, str], source: str
) -> None:
    """Write a row for each input, a row for each step of a forecast: its cells, then the answer.

    Cells have the `names` that the user's table gives them. An input that cannot be read is told,
    and its answer is empty; raises `InputError` where none can.
    """
    rows = unread = 0
    with new_file(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=DELIMITERS[path.suffix.lower()])
        with Progress(f"predict {source}") as progress:
            leading = _leading(answers, source)
            own = [names.get(name, name) for name in _cells(leading[-1])[0]]
            header = list(_columns(leading[-1].prediction))
            _check_new(source, own, header)
            writer.writerow([*own, *header])
            for answer in chain(leading, answers):
                written = list(_rows(answer, header))
                writer.writerows(written)
                rows, unread = rows + len(written), unread + _told(answer.asked)
                progress.advance()
    left = f", {unread} of them without an answer" if unread else ""
    print(f"{rows:,} rows in {path}{left}")


def _leading(answers: Iterator[Answer], source: str) -> list[Answer]:
    """Take answers up to the first that says something: of it one knows which columns there are."""
    taken = list[Answer]()
    for answer in answers:
        taken.append(answer)
        if isinstance(answer.asked, Input):
            return taken
    first = taken[0].asked
    assert isinstance(first, Unread)
    raise InputError(f"{source}: none of {len(taken)} inputs can be read: {first.error}")


def _told(asked: Asked) -> bool:
    """Tell of an input that cannot be read, if it is one."""
    if isinstance(asked, Unread):
        warnings.warn(f"{asked.error}; its answer is left empty", InputWarning, stacklevel=3)
    return isinstance(asked, Unread)


def _cells(answer: Answer) -> Sequence[Mapping[str, str]]:
    return answer.asked.cells or ({"input": answer.asked.name},)


def _columns(prediction: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said of an input by its columns."""
    columns: dict[str, Any] = {}
    for key, value in prediction.items():
        if key in BY_NAME and isinstance(value, dict):
            columns |= {f"{PREFIX}{key}.{name}": each for name, each in value.items()}
        elif key not in HIDDEN:
            columns[f"{PREFIX}{key}"] = value
    return columns


def _check_new(source: str, own: Sequence[str], header: Sequence[str]) -> None:
    for name in header:
        if name in own:
            raise InputError(f"{source}: has a column '{name}' already; rename or remove it")


def _rows(answer: Answer, header: Sequence[str]) -> Iterator[list[str]]:
    """Yield the rows of an answer; lists that are as long as these are parted among them."""
    cells, said = _cells(answer), _columns(answer.prediction)
    for place, row in enumerate(cells):
        values = (said.get(name, "") for name in header)
        whole = (
            value[place] if len(cells) > 1 and isinstance(value, list) else value
            for value in values
        )
        yield [*map(spaced, row.values()), *map(_cell, whole)]


def _cell(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)
