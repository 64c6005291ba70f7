"""The report: every experiment's verdict, with the numbers and pictures it rests on."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from io import StringIO
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from seqarena.files import new_folder
from seqarena.plots.formats import metric_name
from seqarena.records import ComparisonRecord, Summary, write_summaries
from seqarena.report.rows import Overview, Row, overview_of, rows_of, series_of
from seqarena.report.searched import Searched, searched

GALLERIES = {  # pictures, <kind>[-<variant>[-<example>]], and what stands over them
    "pairs": "How likely one beats another",
    "costs": "Quality against cost",
    "attention": "What it attended to",
    "forecasts": "Forecasts",
    "steps": "Step by step",
    "scatter": "Predicted and true",
    "confusion": "What it confused",
    "reliability": "How often it is right when it is sure",
    "found_labels": "Which labels it found",
    "lengths": "Quality by length",
    "decoding": "Ways of writing, the best variant’s",
    "gates": "Gates over one sequence",
    "transitions": "Which label follows which",
    "gradients": "How far back gradients reach",
    "curves": "Learning curves",
    "tuning": "Would more trials help?",
    "importances": "Which hyperparameters mattered",
    "places": "Where the best values lie",
    "tried": "What was tried",
}


@dataclass(frozen=True)
class Picture:
    """One picture of a page, and what stands below it."""

    src: str  # from the folder of the report
    caption: str


@dataclass(frozen=True)
class Section:
    """All that the templates need of one experiment."""

    name: str
    summary: Summary
    metric: str
    overview: Overview
    rows: list[Row]  # best first
    series: list[list[str]]  # the metric by series, its head first
    searched: Searched | None
    pictures: dict[str, list[Picture]]  # of each kind


def write_report(results: Path, experiments: Sequence[str], out: Path) -> dict[str, Summary]:
    """Gather ``results/<experiment>`` into ``summary.json``, ``report.md`` and ``index.html``.

    Pictures are copied, so that the folder `out` can be moved or served as it is. An experiment
    without results is named as not run and left out of the summaries, which are returned. Raises
    `InputError` naming a file and the key in it that is wrong.
    """
    with new_folder(out) as partial:
        found = [name for name in experiments if (results / name / "summary.json").is_file()]
        sections = [_section(results / name, partial / "plots" / name) for name in found]
        summaries = {section.name: section.summary for section in sections}
        missing = [name for name in experiments if name not in summaries]
        for template, file in (("index.html.j2", "index.html"), ("report.md.j2", "report.md")):
            page = templates().get_template(template)
            text = page.render(sections=sections, missing=missing, galleries=GALLERIES)
            (partial / file).write_text(text)
        write_summaries(partial / "summary.json", summaries)
    return summaries


def verdict_table(
    summaries: Mapping[str, Summary], experiments: Sequence[str] = (), width: int = 100
) -> str:
    """Lay the summaries out for a terminal; `experiments` names those that ought to be there."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("experiment", "how it ended", "best by mean", "test score", "best baseline"):
        table.add_column(heading)
    sentences = Table.grid(padding=(0, 3, 1, 0))
    for name in dict.fromkeys([*experiments, *summaries]):
        summary = summaries.get(name)
        overview = overview_of(summary) if summary else Overview("not run yet")
        table.add_row(name, *astuple(overview))
        sentences.add_row(name, summary.sentences if summary else "Not run yet: try dvc repro.")
    text = StringIO()
    console = Console(file=text, width=width, highlight=False, markup=False)
    console.print(table, Padding(sentences, (0, 0, 0, 1)))
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()).strip("\n")


def templates() -> Environment:
    """Return the pages, as jinja knows them."""
    return Environment(
        loader=PackageLoader("seqarena.report"),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _section(folder: Path, pictures: Path) -> Section:
    """Read one experiment's results and copy its pictures."""
    summary = Summary.read(folder / "summary.json")
    path = folder / "comparison.json"
    comparison = ComparisonRecord.read(path) if path.is_file() else None
    return Section(
        name=folder.name,
        summary=summary,
        metric=metric_name(summary.metric),
        overview=overview_of(summary),
        rows=rows_of(summary, comparison),
        series=series_of(summary),
        searched=searched(folder),
        pictures=_pictures(folder / "plots", pictures),
    )


def _pictures(source: Path, target: Path) -> dict[str, list[Picture]]:
    """Copy the pictures and list them by kind, each with its caption."""
    found: dict[str, list[Picture]] = {kind: [] for kind in ("scores", *GALLERIES)}
    for path in sorted(source.glob("*.png")):
        kind, _, rest = path.stem.partition("-")
        if kind not in found:
            continue
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target / path.name)
        src = f"plots/{target.name}/{path.name}"
        found[kind].append(Picture(src, rest.replace("-", ", ")))
    return found
