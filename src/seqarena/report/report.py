"""The report: every experiment's verdict, with the numbers and pictures it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from importlib.resources import files
from io import StringIO
from pathlib import Path
from typing import TypeVar

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from seqarena.config import Record
from seqarena.evaluation.tuning_record import FILE, Tuning
from seqarena.files import new_folder
from seqarena.plots.formats import metric_name
from seqarena.records import ComparisonRecord, MlflowPlace, Summary, best_of, write_summaries
from seqarena.report.charts import Chart, Colours, charts_of
from seqarena.report.learned import curves_of
from seqarena.report.palette import PALETTE, colours_of
from seqarena.report.pictures import GALLERIES, Picture, pictures_of
from seqarena.report.rows import Overview, Row, overview_of, rows_of, series_of
from seqarena.report.samples import Samples, samples_of
from seqarena.report.searched import Searched, searched

Known = TypeVar("Known", bound=Record)


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
    charts: dict[str, list[Chart]]  # by the kind of picture that each stands for
    samples: Samples | None
    mlflow: MlflowPlace | None


def write_report(results: Path, experiments: Sequence[str], out: Path) -> dict[str, Summary]:
    """Gather ``results/<experiment>`` into ``summary.json``, ``report.md`` and ``index.html``.

    The page holds all that it shows; the pictures are copied too, for ``report.md``. An experiment
    without results is named as not run and left out of the summaries, which are returned. Raises
    `InputError` naming a file and the key in it that is wrong.
    """
    with new_folder(out) as partial:
        summaries = {
            name: Summary.read(path)
            for name in experiments
            if (path := results / name / "summary.json").is_file()
        }
        colours = colours_of(summary.variants for summary in summaries.values())
        sections = [
            _section(results / name, partial / "plots" / name, summary, Colours(own))
            for (name, summary), own in zip(summaries.items(), colours, strict=True)
        ]
        missing = [name for name in experiments if name not in summaries]
        for template, file in (("index.html.j2", "index.html"), ("report.md.j2", "report.md")):
            page = templates().get_template(template)
            text = page.render(
                sections=sections, missing=missing, galleries=GALLERIES, plotly=_plotly
            )
            (partial / file).write_text(text, encoding="utf-8")
        write_summaries(partial / "summary.json", summaries)
    return summaries


def _plotly() -> str:
    """Return plotly's JavaScript, which stands in the page."""
    return (files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")


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
    environment = Environment(
        loader=PackageLoader("seqarena.report"),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["palette"] = PALETTE
    return environment


def _section(folder: Path, pictures: Path, summary: Summary, colours: Colours) -> Section:
    """Read one experiment's results and copy its pictures."""
    comparison = _read(ComparisonRecord, folder / "comparison.json")
    tuning = _read(Tuning, folder / FILE)
    best = comparison.best if comparison else best_of(summary.means, summary.greater_is_better)
    learned = curves_of(folder / "curves.csv")
    return Section(
        name=folder.name,
        summary=summary,
        metric=metric_name(summary.metric),
        overview=overview_of(summary),
        rows=rows_of(summary, comparison),
        series=series_of(summary),
        searched=searched(tuning) if tuning else None,
        pictures=pictures_of(folder / "plots", pictures),
        charts=charts_of(summary, comparison, learned, tuning, colours),
        samples=samples_of(folder / "finals", best, summary),
        mlflow=_read(MlflowPlace, folder / "mlflow.json"),
    )


def _read(kind: type[Known], path: Path) -> Known | None:
    return kind.read(path) if path.is_file() else None
