"""docs/published.md: ours beside theirs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.published.outcome import Ours
from benchmarks.published.tables import TABLES, Table

HEAD = """\
# Published tables, made again

The same data, split, size and measure as published, by `make published`; what is not said there is
searched on valid. *Ours* is the mean over repetitions of search and training, with its 95 %
interval by Student's t. A difference within the interval says that theirs may be ours; one beyond
it says better or worse, and below the table stands what is not as theirs.
"""
HEADINGS = ("variant", "theirs", "ours", "difference", "", "parameters", "seconds to train")


def write_page(path: Path, outcomes: Mapping[str, Mapping[str, Ours]]) -> None:
    """Write the page with a section for each table that has come to a verdict."""
    sections = ["\n".join(_section(name, TABLES[name], found)) for name, found in outcomes.items()]
    path.write_text("\n\n".join([HEAD.rstrip(), *sections]) + "\n", encoding="utf-8")


def _section(name: str, table: Table, ours: Mapping[str, Ours]) -> Iterator[str]:
    repetitions = max(len(found.values) for found in ours.values())
    yield f"## {table.title}"
    yield ""
    yield f"{table.source}. {table.unit[0].upper()}{table.unit[1:]}; {repetitions} repetitions."
    yield ""
    yield f"| {' | '.join(HEADINGS)} |"
    yield f"|{'---|' * len(HEADINGS)}"
    for variant, found in ours.items():
        yield f"| {' | '.join(_row(variant, table, found))} |"
    yield ""
    yield f"{table.apart} The experiment is `{name}`.".strip()


def _row(variant: str, table: Table, ours: Ours) -> Iterator[str]:
    theirs = table.figures.get(variant)
    yield variant
    yield "–" if theirs is None else f"{theirs:.3g}"
    yield f"{ours.mean:.3g} ± {ours.half:.2g}"
    yield "–" if theirs is None else f"{ours.mean - theirs:+.2g}"
    yield "" if theirs is None else _word(ours.mean - theirs, ours.half, table.smaller_is_better)
    yield f"{ours.parameters:,}"
    yield f"{ours.train_seconds:,.0f}"


def _word(difference: float, half: float, smaller_is_better: bool) -> str:
    if abs(difference) <= half:
        return "within"
    return "better" if (difference < 0) == smaller_is_better else "worse"
