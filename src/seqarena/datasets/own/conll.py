"""Sentences with a token and its tags in each line, as the shared tasks of CoNLL have them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, count, groupby, islice
from pathlib import Path

from seqarena.data.tables import TableRow, opened_to_read
from seqarena.errors import InputError

CONLL = (".conll", ".bio", ".iob")
CONLLU = ".conllu"  # https://universaldependencies.org/format.html
FIELDS = ("form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
PASSED_OVER = re.compile(r"#|\d+[-.]\d+\t")  # comments, several words in one, unwritten ones
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
    return _rows(path, encoding, str.split)


def universal_rows(path: Path, encoding: str) -> Iterator[TableRow]:
    """Yield a row for each sentence of a CoNLL-U file, its columns called as that format has them.

    Comments, words of several tokens and words that are not written are left out. Raises
    `InputError` naming the line that has not its nine cells after the number.
    """
    return _rows(path, encoding, _universal_cells, FIELDS)


Cells = Callable[[str], list[str] | None]  # of a line: none between sentences, None to skip it


def _rows(
    path: Path, encoding: str, cells_of: Cells, names: Sequence[str] = ()
) -> Iterator[TableRow]:
    width = len(names)
    for sentence in _sentences(path, encoding, cells_of):
        begins, first = sentence[0]
        width = width or len(first)
        for number, cells in sentence:
            if len(cells) != width or width < 2:
                reason = "after its number" if names else "as before"
                expected = f"{width} cells, {reason}" if width > 1 else "a token and its tag"
                raise InputError(f"{path} line {number}: expected {expected}, found {len(cells)}")
        columns = map(" ".join, zip(*(cells for _, cells in sentence), strict=True))
        named = dict(zip(names or map(str, count(1)), columns, strict=False))
        yield TableRow(begins, f"{path} line {begins}", named)


def _sentences(path: Path, encoding: str, cells_of: Cells) -> Iterator[list[tuple[int, list[str]]]]:
    """Yield the numbered lines of each sentence, as cells."""
    with opened_to_read(path, encoding) as file:
        lines = ((number, cells_of(line)) for number, line in enumerate(file, start=1))
        known = ((number, cells) for number, cells in lines if cells is not None)
        for is_one, found in groupby(known, key=lambda line: _is_of_sentence(line[1])):
            if is_one:
                yield list(found)


def _universal_cells(line: str) -> list[str] | None:
    """Return the cells of a word but for its number; a blank within one would part it in two."""
    if not line.strip():
        return []
    if PASSED_OVER.match(line):
        return None
    number, *cells = (cell.strip().replace(" ", "_") for cell in line.split("\t"))
    return cells if number.isdigit() and cells else [number]  # too few, and so refused


def _is_of_sentence(cells: list[str]) -> bool:
    return bool(cells) and cells[0] != DOCUMENT
