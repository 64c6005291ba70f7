"""The report: every experiment's verdict, with the numbers and pictures it rests on."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from seqarena.errors import InputError
from seqarena.evaluation.statistics import ALPHA, DRAWS, Comparison, Pair, best_of
from seqarena.files import new_folder, read_json, write_json
from seqarena.plots.formats import Format, format_of, listed, metric_name, p_value
from seqarena.report.searched import searched

Summary = dict[str, Any]
KEYS = {"metric", "greater_is_better", "baselines", "variants", "verdict"}
GALLERIES = {  # pictures, <kind>[-<variant>[-<example>]], and what stands over them
    "attention": "What it attended to",
    "forecasts": "Forecasts",
    "steps": "Step by step",
    "scatter": "Predicted and true",
    "confusion": "What it confused",
    "lengths": "Quality by length",
    "decoding": "Ways of writing, the best variant’s",
    "gates": "Gates over one sequence",
    "gradients": "How far back gradients reach",
    "curves": "Learning curves",
    "tuning": "Would more trials help?",
    "importances": "Which hyperparameters mattered",
    "places": "Where the best values lie",
    "tried": "What was tried",
}


def write_report(results: Path, experiments: Sequence[str], out: Path) -> Summary:
    """Gather ``results/<experiment>`` into ``summary.json``, ``report.md`` and ``index.html``.

    Pictures are copied, so that the folder `out` can be moved or served as it is. An experiment
    without results is named as not run and left out of the summary, which is returned. Raises
    `InputError` naming a summary that lacks a key.
    """
    with new_folder(out) as partial:
        found = [name for name in experiments if (results / name / "summary.json").is_file()]
        sections = [_section(results / name, partial / "plots" / name) for name in found]
        summary = {section["name"]: section["summary"] for section in sections}
        missing = [name for name in experiments if name not in summary]
        for template, file in (("index.html.j2", "index.html"), ("report.md.j2", "report.md")):
            page = _templates().get_template(template)
            text = page.render(
                sections=sections, missing=missing, alpha=ALPHA, draws=DRAWS, galleries=GALLERIES
            )
            (partial / file).write_text(text)
        write_json(partial / "summary.json", summary)
    return summary


def verdict_table(summary: Summary, experiments: Sequence[str] = (), width: int = 100) -> str:
    """Lay the summary out for a terminal; `experiments` names those that ought to be there."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("experiment", "best by mean", "test score", "95% interval", "best baseline"):
        table.add_column(heading)
    sentences = Table.grid(padding=(0, 3, 1, 0))
    for name in dict.fromkeys([*experiments, *summary]):
        cells = _cells(summary[name]) if name in summary else ["–", "not run yet", "–", "–"]
        sentence = summary[name]["verdict"] if name in summary else "Not run yet: try dvc repro."
        table.add_row(name, *cells)
        sentences.add_row(name, sentence)
    text = StringIO()
    console = Console(file=text, width=width, highlight=False, markup=False)
    console.print(table, Padding(sentences, (0, 0, 0, 1)))
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()).strip("\n")


def _cells(summary: Summary) -> list[str]:
    """The best variant, its score, its interval and the best baseline, for one line."""
    form, variants = format_of(summary), summary["variants"]
    baseline = " ".join(_best_baseline(summary, form)) or "–"
    if not variants:
        return ["no variant finished", "–", "–", baseline]
    means = {name: variant["mean"] for name, variant in variants.items()}
    best = best_of(means, summary["greater_is_better"])
    score = f"{metric_name(summary['metric'])} {form(variants[best]['mean'])}"
    return [best, score, form.interval(variants[best]["ci95"]), baseline]


def _best_baseline(summary: Summary, form: Format) -> list[str]:
    """Name the strongest baseline and its value; empty where there is none."""
    baselines: Mapping[str, float] = summary["baselines"]
    if not baselines:
        return []
    name = best_of(baselines, summary["greater_is_better"])
    return [name, form(baselines[name])]


def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("seqarena.report"),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _section(folder: Path, pictures: Path) -> dict[str, Any]:
    """Read one experiment's results and copy its pictures; all that a template needs of it."""
    summary = read_json(folder / "summary.json")
    if absent := KEYS - summary.keys():
        raise InputError(f"{folder / 'summary.json'}: lacks {listed(sorted(absent))}")
    path = folder / "comparison.json"
    comparison = Comparison.from_dict(read_json(path)) if path.is_file() else None
    return {
        "name": folder.name,
        "summary": summary,
        "metric": metric_name(summary["metric"]),
        "headline": _cells(summary),
        "rows": _rows(summary, comparison),
        "searched": searched(folder),
        "pictures": _pictures(folder / "plots", pictures),
    }


def _rows(summary: Summary, comparison: Comparison | None) -> list[dict[str, Any]]:
    """Variants and baselines in one table, best first."""
    form = format_of(summary)
    rows = [
        {"name": name, "baseline": True, "mean": value, "value": form(value)}
        for name, value in summary["baselines"].items()
    ]
    for name, variant in summary["variants"].items():
        rows.append(
            {
                "name": name,
                "baseline": False,
                "mean": variant["mean"],
                "value": form(variant["mean"]),
                "interval": form.interval(variant["ci95"]),
                "parameters": f"{variant['parameters']:,}",
                "seconds": f"{variant['train_seconds']:,.0f}",
                **_standing(name, summary, comparison, form),
            }
        )
    return sorted(rows, key=lambda row: row["mean"], reverse=summary["greater_is_better"])


def _standing(
    name: str, summary: Summary, comparison: Comparison | None, form: Format
) -> dict[str, Any]:
    """How a variant compares with the best one and with the strongest baseline."""
    if comparison is None:
        return {"best": False, "to_best": None, "to_baseline": None, "top": "–"}
    strongest = next(iter(_best_baseline(summary, form)), "")
    against = comparison.baselines.get(strongest, {}).get(name)
    pair = comparison.pairs.get(name)
    return {
        "best": name in comparison.best_set,
        "to_best": pair and _difference(pair, form),
        "to_baseline": against and _difference(against, form),
        "top": f"{comparison.top_share[name]:.0%}",
    }


def _difference(pair: Pair, form: Format) -> dict[str, Any]:
    size = "–" if pair.effect_size is None else f"{pair.effect_size:.1f}"
    return {
        "difference": form.signed(pair.difference),
        "p": p_value(pair.p_holm),
        "detectable": pair.detectable,
        "detail": (
            f"95% interval {form.signed(pair.ci95[0])} to {form.signed(pair.ci95[1])}; before "
            f"correction {p_value(pair.p)}; over seeds alone {p_value(pair.p_seeds)}, g {size}"
        ),
    }


def _pictures(source: Path, target: Path) -> dict[str, list[dict[str, str]]]:
    """Copy the pictures and list them by kind, each with its caption."""
    found: dict[str, list[dict[str, str]]] = {kind: [] for kind in ("scores", *GALLERIES)}
    for path in sorted(source.glob("*.png")):
        kind, _, rest = path.stem.partition("-")
        if kind not in found:
            continue
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target / path.name)
        src = f"plots/{target.name}/{path.name}"
        found[kind].append({"src": src, "caption": rest.replace("-", ", ")})
    return found
