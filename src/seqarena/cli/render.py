"""How answers are shown: as a table, as JSON, as music."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqarena.files import new_file

if TYPE_CHECKING:
    from seqarena.predict import Predictor


def write_music(rows: list[dict[str, Any]], predictor: Predictor, output: Path) -> None:
    """Write every continuation as MIDI and as sound, numbered where there are several."""
    from seqarena.data.sound import write_midi, write_wav

    steps = predictor.spec.options["steps_per_quarter"]
    rolls = [prediction.pop("roll") for row in rows for prediction in (row, *row.get("n_best", ()))]
    for number, roll in enumerate(rolls, start=1):
        stem = (
            output.with_suffix("")
            if len(rolls) == 1
            else output.with_name(f"{output.stem}-{number}")
        )
        for suffix, write in ((".mid", write_midi), (".wav", write_wav)):
            with new_file(stem.with_suffix(suffix)) as partial:
                write(partial, roll, steps)
            print(stem.with_suffix(suffix))
    show(rows, predictor, None)


def show(rows: list[dict[str, Any]], predictor: Predictor, output: Path | None) -> None:
    """Print answers as a table, or write them as JSON."""
    if output is None:
        _print(rows, predictor.about)
        return
    with new_file(output) as partial:
        partial.write_text(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
    print(f"{len(rows)} answer{'s' if len(rows) > 1 else ''} in {output}")


def _numbers(values: Any) -> str:
    return " ".join(f"{value:.1f}" for value in values)


def _number(value: Any) -> str:
    return f"{value:.4g}"


def _outer(quantiles: Any) -> str:
    low, high = min(quantiles, key=float), max(quantiles, key=float)
    return f"{low}: {_numbers(quantiles[low])}\n{high}: {_numbers(quantiles[high])}"


def _shares(likely: Any, most: int = 10) -> str:
    return "  ".join(f"{name} {share:.3f}" for name, share in list(likely.items())[:most])


def _alternatives(by_step: Any) -> str:
    return "\n".join(f"step {step}: {_shares(likely, 5)}" for step, likely in by_step.items())


def _terms(terms: Any) -> str:
    return "  ".join(f"{name} {math.exp(term):.2g}" for name, term in terms)


SHOWN: dict[str, Callable[[Any], str]] = {
    "forecast": _numbers,
    "quantiles": _outer,
    "value": _number,
    "lower": _number,
    "upper": _number,
    "frames": str,
    "label": str,
    "label_set": lambda likely: _shares(likely) or "(none)",
    "labels": " ".join,
    "alternatives": _alternatives,
    "probability": lambda value: f"{value:.3f}",
    "next": _shares,
    "text": lambda text: text or "(nothing)",
    "score": lambda score: f"{score:.2f}",
    "log_probability": lambda value: f"{value:.2f}",
    "perplexity": lambda value: f"{value:.1f}",
    "terms": _terms,
}


def _print(rows: list[dict[str, Any]], about: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table()
    columns = [name for name in SHOWN if name in rows[0]]
    shown = [prediction for row in rows for prediction in (row, *row.get("n_best", ()))]
    if all(prediction.get("score") == prediction.get("log_probability") for prediction in shown):
        columns = [name for name in columns if name != "score"]
    if "alternatives" in columns:
        columns.remove("labels")  # they are the first of the alternatives
    for column in ("input", *columns):
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        for number, prediction in enumerate([row, *row.get("n_best", [])]):
            source = "" if number else row["input"]
            table.add_row(source, *(SHOWN[name](prediction[name]) for name in columns))
    print(f"{about['experiment']}: {about['variant']}, seed {about['seed']}")
    Console(width=None if sys.stdout.isatty() else 120, markup=False).print(table)
