"""The charts of MLflow's compare page, as its saved views hold them.

MLflow documents no format; this is what the browser of MLflow 3.17.2 writes (its classes of chart
cards), and `tests/tracking/test_views.py` opens each view in a browser.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

RUNS = 100  # as many as MLflow has on a page


@dataclass(frozen=True)
class Chart:
    """One card, which MLflow titles by its metrics: its type, its metric, what else a type has."""

    type: str
    metric: str  # empty where MLflow does not look for a card of it
    more: Mapping[str, Any]


@dataclass(frozen=True)
class Section:
    """Cards below a title, so many to a row."""

    title: str
    columns: int
    charts: Sequence[Chart]
    height: int = 360  # pixels of a card


@dataclass(frozen=True)
class SavedView:
    """What a view shows: which runs, in which order and groups, and sections of charts."""

    name: str
    filter: str  # in MLflow's search syntax
    order: str  # a column, such as metrics.`test_mae`
    ascending: bool
    columns: Sequence[str]
    sections: Sequence[Section]
    group: str | None = None  # the parameter whose runs are shown as one, by their mean
    hidden: Sequence[str] = ()  # metrics without a chart: MLflow would add one of each


def bars(*metrics: str) -> Chart:
    """A bar per run or group, or one for each of several metrics."""
    several = {"selectedMetricKeys": metrics} if len(metrics) > 1 else {}
    return Chart("BAR", metrics[0], {"runsCountToCompare": RUNS, **several})


def lines(metric: str) -> Chart:
    """A metric by epoch."""
    more = {"selectedMetricKeys": [metric], "xAxisKey": "step", "scaleType": "linear"}
    return Chart("LINE", metric, {"runsCountToCompare": RUNS, "lineSmoothness": 0, **more})


def dots(x: str, y: str, *, parameter: bool = False) -> Chart:
    """A dot per run or group: a metric against another, or against a parameter."""
    axis = {"key": x, "type": "PARAM" if parameter else "METRIC"}
    axes = {"xaxis": axis, "yaxis": {"key": y, "type": "METRIC"}}
    return Chart("SCATTER", "", {"runsCountToCompare": RUNS, **axes})


def parallel(parameters: Sequence[str], metric: str) -> Chart:
    """A line per run through its parameters, to a metric."""
    axes = {"selectedParams": parameters, "selectedMetrics": [metric], "showAllRuns": False}
    return Chart("PARALLEL", "", {"runsCountToCompare": RUNS, **axes})


def images(key: str, step: int) -> Chart:
    """The image of each run, at the step of a slider."""
    more = {"imageKeys": [key], "step": step, "showRunParams": False}
    return Chart("IMAGE", "", {"runsCountToCompare": RUNS, **more})


def state_of(view: SavedView) -> str:
    """Return the state of a page that shows a view, packed as MLflow packs it."""
    sections = [
        {
            "uuid": f"section-{number}",
            "name": section.title,
            "columns": section.columns,
            "cardHeight": section.height,
            "display": True,
            "isReordered": True,
        }
        for number, section in enumerate(view.sections)
    ]
    charts = [
        _card(chart, f"section-{number}", f"chart-{number}-{place}", deleted=False)
        for number, section in enumerate(view.sections)
        for place, chart in enumerate(section.charts)
    ]
    group = [{"mode": "param", "groupByData": view.group}]
    state = {
        "searchFilter": view.filter,
        "orderByKey": view.order,
        "orderByAsc": view.ascending,
        "selectedColumns": view.columns,
        "runsHiddenMode": "SHOW_ALL",
        "groupBy": {"aggregateFunction": "average", "groupByKeys": group} if view.group else None,
        "compareRunCharts": [*charts, *_deleted(view.hidden)],
        "compareRunSections": sections,
        "isAccordionReordered": True,  # or the sections are sorted by name
        "hideEmptyCharts": True,
        "viewMaximized": False,
    }
    packed = base64.b64encode(zlib.compress(json.dumps(state).encode(), 9)).decode()
    return f"deflate;{packed}"


def _deleted(metrics: Iterable[str]) -> list[dict[str, Any]]:
    """Return a deleted card of each metric: MLflow shows one of any that it finds no card of."""
    return [
        _card(bars(metric), "section-0", f"hidden-{number}", deleted=True)
        for number, metric in enumerate(metrics)
    ]


def _card(chart: Chart, section: str, uuid: str, *, deleted: bool) -> dict[str, Any]:
    where = {"uuid": uuid, "metricSectionId": section, "deleted": deleted, "isGenerated": False}
    metric = {"metricKey": chart.metric} if chart.metric else {}
    return {"type": chart.type, **where, **metric, **chart.more}
