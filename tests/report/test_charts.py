"""Charts hold the numbers of the records, in colours that a variant has everywhere."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.comparisons import CURVES, TUNING

from seqarena.errors import InputError
from seqarena.report.charts import Chart, Colours, charts_of
from seqarena.report.charts.costs import places_of
from seqarena.report.learned import Curve, curves_of
from seqarena.report.palette import PALETTE, colours_of


@pytest.fixture
def charts(contest: Any) -> dict[str, list[Chart]]:
    summary, comparison = contest({"gru": 0.9, "<b>": 0.7}, {"majority": 0.8, "far": 0.01})
    colours = Colours({"gru": "variant0", "<b>": "variant1"})
    return charts_of(summary, comparison, CURVES, TUNING, colours)


def test_every_chart_is_json_that_names_only_known_colours(charts: dict[str, list[Chart]]) -> None:
    kinds = ["scores", "curves", "pairs", "costs", "spent", "tuning", "importances"]
    assert list(charts) == kinds and len(charts["costs"]) == 3
    for chart in (each for found in charts.values() for each in found):
        text = json.dumps(chart.figure, allow_nan=False)
        used = set(re.findall(r'"@(\w+)(?:/[0-9a-f]{2})?"', text))
        assert used and used <= PALETTE.keys(), chart.kind
        assert "<b><b>" not in text, "a name is no markup"
        assert re.search(r"\d|gru", chart.says), chart.kind


def test_scores_hold_each_repetition_interval_and_baseline(
    charts: dict[str, list[Chart]], contest: Any
) -> None:
    summary, _ = contest({"gru": 0.9, "<b>": 0.7}, {"majority": 0.8, "far": 0.01})
    (chart,) = charts["scores"]
    rows: dict[str, list[list[float]]] = {}
    for trace in chart.traces:
        rows.setdefault(trace["y"][0], []).append(trace["x"])
    assert list(rows) == ["gru", "&lt;b&gt;", "majority", "far"]
    for name, variant in zip(("gru", "&lt;b&gt;"), summary.variants.values(), strict=True):
        interval, values, mean = rows[name]
        assert interval == pytest.approx(variant.ci95, rel=1e-4)
        assert values == pytest.approx(variant.values, rel=1e-4)
        assert mean == pytest.approx([variant.mean], rel=1e-4)
    bands = [(s["x0"], s["x1"]) for s in chart.layout["shapes"] if s["type"] == "rect"]
    assert bands == [pytest.approx(summary.baselines["majority"].ci95)]
    told = [note["text"] for note in chart.layout["annotations"]]
    assert told.count("◂ beyond") == 1, "far"


def test_pairs_leave_out_only_whom_one_would_meet_oneself(charts: dict[str, list[Chart]]) -> None:
    (chart,) = charts["pairs"]
    z = chart.traces[0]["z"]
    assert [[chance is None for chance in row] for row in z] == [
        [n == m for m in range(4)] for n in range(4)
    ]
    assert chart.traces[0]["text"][0][-1] == ">99"


def test_a_curve_per_final_has_one_name_in_the_legend(charts: dict[str, list[Chart]]) -> None:
    (chart,) = charts["curves"]
    assert [trace["showlegend"] for trace in chart.traces] == [True, False, True]
    assert [trace["y"] for trace in chart.traces] == [[0.5, 0.75], [0.25, 0.5], [0.125]]
    assert chart.traces[2]["mode"] == "markers", "one epoch is no line"


def test_without_records_there_are_fewer_charts(contest: Any) -> None:
    summary, _ = contest({"gru": 0.9}, {})
    found = charts_of(summary, None, [], None, Colours())
    assert list(found) == ["scores", "costs"]


def test_curves_are_read_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "curves.csv"
    head = "variant,repetition,epoch,value\n"
    path.write_text(head + "gru,1,1,0.5\ngru,1,2,0.75\ngru,2,1,0.25\n")
    assert curves_of(path) == [Curve("gru", 1, [1, 2], [0.5, 0.75]), Curve("gru", 2, [1], [0.25])]
    path.write_text(head + "gru,1,1,high\n")
    with pytest.raises(InputError, match=r"curves\.csv: line 2: .*found gru,1,1,high"):
        curves_of(path)
    assert curves_of(tmp_path / "other.csv") == []


def test_a_variant_has_the_same_colour_in_all_experiments() -> None:
    first, second = colours_of([["rnn", "gru"], ["gru", "lstm"]])
    assert first["gru"] == second["gru"]
    assert len({*first.values(), *second.values()}) == 3


def test_no_two_variants_of_an_experiment_share_a_colour_while_there_are_enough() -> None:
    many = [f"v{n}" for n in range(8)]
    *_, found = colours_of([many, ["w", "v0", "v1"]])
    assert len(set(found.values())) == 3
    assert colours_of([[f"v{n}" for n in range(20)]])[0]["v19"] in PALETTE


def test_names_beside_dots_do_not_cover_each_other() -> None:
    dots = {"lstm_attention": (0.5, 0.5), "bilstm": (0.52, 0.5), "gru": (0.48, 0.5)}
    assert len(set(places_of(dots).values())) == 3
    assert places_of({"window_mlp": (0.99, 0.99)}) == {"window_mlp": "bottom left"}
