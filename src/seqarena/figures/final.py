"""What every `DrawFigures` function gets, and the captions that it returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from seqarena.data.store import DataSpec, Split
from seqarena.files import write_csv
from seqarena.records import SCORE


class Caption(NamedTuple):
    """What stands beside an attention map."""

    title: str
    rows: Sequence[str] | None = None  # what each query was about: tokens written, steps labelled
    of_steps: bool = False  # whether the queries are the steps themselves


@dataclass(frozen=True)
class Final:
    """One final over the test split."""

    out: Path
    spec: DataSpec
    test: Split
    variant: str
    predictions: list[Any]  # per test example, as `Task.predictions` has it
    drawn: list[int]  # the examples that every final is drawn on
    scores: Sequence[float] | None = None  # the metric of each test example alone

    def write_rows(self, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Write ``predictions.csv``, a row per test example; its score stands last."""
        if self.scores is not None:
            header = [*header, SCORE]
            rows = [[*row, f"{s:.6g}"] for row, s in zip(rows, self.scores, strict=True)]
        write_csv(self.out / "predictions.csv", header, rows)


# Draws one final; the function that it returns captions the attention of a test example.
DrawFigures = Callable[[Final], Callable[[int], Caption]]


def item_of(example: dict[str, Any]) -> str:
    """Return what people know an example by: its text or its file."""
    return str(example.get("text") or example.get("file") or example["id"])
