"""What the report reads of how the finals learned."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

from seqarena.errors import InputError


@dataclass(frozen=True)
class Curve:
    """A final of one repetition, epoch by epoch."""

    variant: str
    repetition: int
    epochs: list[int] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)  # on valid


def curves_of(path: Path) -> list[Curve]:
    """Read ``curves.csv``; empty where it is not there.

    Raises `InputError` naming the file and the line that is not as it was written.
    """
    if not path.is_file():
        return []
    found: dict[tuple[str, int], Curve] = {}
    with path.open(newline="", encoding="utf-8") as file:
        lines = csv.reader(file)
        next(lines, None)
        for line in lines:
            try:
                variant, repetition, epoch, score = line
                key = variant, int(repetition)
                curve = found.setdefault(key, Curve(*key))
                curve.epochs.append(int(epoch))
                curve.scores.append(float(score))
            except ValueError as error:
                expected = "expected variant, repetition, epoch, value"
                message = f"{path}: line {lines.line_num}: {expected}, found {','.join(line)}"
                raise InputError(message) from error
    return list(found.values())
