"""Tables each row of which is a signal, as archives of classified time series are published."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, count
from pathlib import Path

from seqarena.config import KNOWN_COLUMNS
from seqarena.data.tables import TableRow, is_number, items_of
from seqarena.data.timeline import MISSING
from seqarena.errors import InputError, unknown

TO = ".."  # between the first and the last column of a channel


def files_of_rows(
    rows: Iterator[TableRow], channels: Sequence[str], folder: Path
) -> Iterator[TableRow]:
    """Write the signal of each row as a file; yield rows that list the files.

    Each channel is a column of lists, or columns of numbers from one to another, ``t0..t139``; of
    these, cells that are empty at the end are no steps. Raises `InputError` naming the row and
    column of what is no number, and where channels are not of one length.
    """
    for number, row in zip(count(1), rows, strict=False):
        steps = [_steps(row, channel) for channel in channels]
        for channel, found in zip(channels, steps, strict=True):
            if len(found) != len(steps[0]):
                told = f"{len(found)} steps in {channel}, {len(steps[0])} in {channels[0]}"
                raise InputError(f"{row.place}: {told}; expected as many")
        name = f"row-{number}.csv"
        lines = chain([channels], zip(*steps, strict=True))
        (folder / name).write_text("".join(f"{','.join(line)}\n" for line in lines))
        known = {column: cell for column, cell in row.cells.items() if column in KNOWN_COLUMNS}
        yield row._replace(cells={**known, "file": name})


def _steps(row: TableRow, channel: str) -> list[str]:
    first, to, last = channel.partition(TO)
    names, cells = list(row.cells), list(row.cells.values())
    for name in (first, last) if to else (channel,):
        if name not in row.cells:
            raise unknown(f"{row.place}: in_rows", "column", name, names)
    if to:
        begin, end = names.index(first), names.index(last) + 1
        steps = cells[begin:end]
        while steps and steps[-1].lower() in MISSING:
            steps.pop()
        places = names[begin:end]
    else:
        steps = items_of(row.cells[channel]) or []
        places = [channel] * len(steps)
    if not steps:
        raise InputError(f"{row.place}: column '{first}': expected numbers, found none")
    for name, step in zip(places, steps, strict=False):
        if not is_number(step):
            raise InputError(f"{row.place}: column '{name}': expected a number, found '{step}'")
    return steps
