"""A request that a logged model answers: a small example of the test split, as people have it."""

from __future__ import annotations

import base64
import csv
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from seqarena.data.store import DataSpec
from seqarena.errors import InputError
from seqarena.tracking.mlflow import raw

LOOKED_AT = 200  # examples, of which the smallest is taken
LARGEST = 1 << 20  # bytes of a file; a larger one is no example to look at


def example_of(root: Path, experiment: str, spec: DataSpec) -> list[Any] | None:
    """Return a request of one row, or None where the data are not at hand, or all too large."""
    folder, prepared = root / "data/raw" / experiment, root / "data/prepared" / experiment
    try:
        examples = list(islice(_examples(prepared / "test/examples.jsonl"), LOOKED_AT))
        if spec.modality == "text":
            return [min((each["text"] for each in examples), key=len)]
        if spec.modality == "series":
            return [_series(folder / "series.csv", spec)]
        path = min((folder / each["file"] for each in examples), key=lambda p: p.stat().st_size)
        if path.stat().st_size > LARGEST:
            return None
        columns = raw.columns_of(spec)
        if columns:
            return [raw.table_of(columns, _lines(path))]
        return [base64.b64encode(path.read_bytes()).decode()]
    except (OSError, KeyError, ValueError, InputError):
        return None  # made for people alone: a model is as good without


def _examples(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def _lines(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)


def _series(path: Path, spec: DataSpec) -> dict[str, Any]:
    """Return the last steps of the first series, as many as a forecast goes on from."""
    by, needed = spec.options.get("series"), spec.options["lookback"] + spec.horizon
    lines = list(_lines(path))
    own = [line for line in lines if by is None or line[by] == lines[0][by]]
    row = raw.table_of(raw.columns_of(spec), own[-needed:])
    raw.read([list(row.values())], spec)
    return row
