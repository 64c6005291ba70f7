"""Sentences with a token and its tags in each line, as the shared tasks of CoNLL have them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, groupby, islice
from pathlib import Path

from seqarena.data.tables import TableRow, opened_to_read
from seqarena.errors import InputError

CONLL = (".conll", ".bio", ".iob")
DOCUMENT = "-DOCSTART-"  # in place of a token: a document begins
LOOKED_AT = 500  # lines


def are_sentences(path: Path, encoding: str) -> bool:
    """Tell whether the first lines of a text are such: as many cells in each, blank ones between.

    Cells are separated by blanks or tabs.
    """
    with opened_to_read(path, encoding) as file:
        widths = [len(line.split()) for line in islice(file, LOOKED_AT)]
    sentences = [list(lines) for is_one, lines in groupby(widths, key=bool) if is_one]
    different = set(chain(*sentences))
    several = len(sentences) > 1 and any(len(lines) > 1 for lines in sentences)
    return several and len(different) == 1 and max(different) > 1


def sentence_rows(path: Path, encoding: str) -> Iterator[TableRow]:
    """Yield a row for each sentence; its columns are called ``1``, ``2`` and on.

    A cell holds what stands below one another in that column, with blanks between. Raises
    `InputError` naming the line that has more or fewer cells than those before.
    """
    width = 0
    for begins, lines in _sentences(path, encoding):
        width = width or len(lines[0])
        for number, cells in enumerate(lines, start=begins):
            if len(cells) != width or width < 2:
                expected = f"{width} cells, as before" if width > 1 else "a token and its tag"
                raise InputError(f"{path} line {number}: expected {expected}, found {len(cells)}")
        columns = map(" ".join, zip(*lines, strict=True))
        named = {str(number): column for number, column in enumerate(columns, start=1)}
        yield TableRow(begins, f"{path} line {begins}", named)


def _sentences(path: Path, encoding: str) -> Iterator[tuple[int, list[list[str]]]]:
    """Yield the line at which each sentence begins, and the cells of its lines."""
    with opened_to_read(path, encoding) as file:
        lines = ((number, line.split()) for number, line in enumerate(file, start=1))
        for is_one, found in groupby(lines, key=lambda line: _is_of_sentence(line[1])):
            if is_one:
                numbers, cells = zip(*found, strict=True)
                yield numbers[0], list(cells)


def _is_of_sentence(cells: list[str]) -> bool:
    return bool(cells) and cells[0] != DOCUMENT
