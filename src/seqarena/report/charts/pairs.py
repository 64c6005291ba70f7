"""How likely each competitor beats each other one, as a matrix."""

from __future__ import annotations

from seqarena.plots.formats import per_cent
from seqarena.records import Comparison, Summary
from seqarena.report.charts.chart import Chart, plain

CELL, AROUND = 30, 150  # pixels


def pairs(summary: Summary, comparison: Comparison | None) -> Chart | None:
    """Draw P(row beats column): variants, then baselines; None where there is no pair."""
    if comparison is None or len(comparison.chances) < 2:
        return None
    names = [
        name
        for values in (summary.means, summary.references)
        for name in sorted(values, key=lambda n: values[n], reverse=summary.greater_is_better)
    ]
    chances = [[comparison.chances[row].get(column) for column in names] for row in names]
    labels = [_label(name, summary, comparison) for name in names]
    axis = {"tickvals": list(range(len(names))), "ticktext": labels, "showgrid": False}
    return Chart(
        kind="pairs",
        says="How likely the row beats the column in one more repetition, in per cent: "
        + "; ".join(_told(name, names, comparison) for name in names[:-1])
        + ".",
        height=CELL * len(names) + AROUND,
        traces=[
            {
                "type": "heatmap",
                "z": chances,
                "zmin": 0,
                "zmax": 1,
                "colorscale": [[0, "@behind"], [0.5, "@card"], [1, "@ahead"]],
                "showscale": False,
                "text": [
                    ["" if c is None else per_cent(c).rstrip("%") for c in row] for row in chances
                ],
                "texttemplate": "%{text}",
                "textfont": {"color": "@ink", "size": 11},
                "customdata": [[f"{plain(a)} beats {plain(b)}" for b in names] for a in names],
                "hovertemplate": "%{customdata} in %{text}% of repetitions<extra></extra>",
                "hoverongaps": False,
                "xgap": 1,
                "ygap": 1,
            }
        ],
        layout={
            "xaxis": {**axis, "side": "top", "tickangle": -90},
            "yaxis": {**axis, "autorange": "reversed"},
        },
        note="In how many of 100 tries, were all done once more, the row is ahead of the column: "
        "50 is a coin. Bold names may be the best, those in italics are baselines.",
    )


def _short(chance: float | None) -> str:
    return "" if chance is None else per_cent(chance).removesuffix("%")


def _label(name: str, summary: Summary, comparison: Comparison) -> str:
    if name in comparison.best_set:
        return f"<b>{plain(name)}</b>"
    return plain(name) if name in summary.variants else f"<i>{plain(name)}</i>"


def _told(name: str, names: list[str], comparison: Comparison) -> str:
    others = names[names.index(name) + 1 :]
    chances = comparison.chances[name]
    told = [f"{other} {per_cent(chances[other])}" for other in others if other in chances]
    return f"{name} over {', '.join(told)}"
