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

LIMIT = 20_000  # characters of a state that MLflow's page takes


@dataclass(frozen=True)
class Chart:
    """One card: its type, its title, the metric that it is of, and what else its type has."""

    type: str
    title: str
    metric: str
    more: Mapping[str, Any]


@dataclass(frozen=True)
class SavedView:
    """What a view shows: which runs, in which order and groups, and sections of charts."""

    name: str
    filter: str  # in MLflow's search syntax
    order: str  # a column, such as metrics.`test_mae`
    ascending: bool
    columns: Sequence[str]
    sections: Mapping[str, Sequence[Chart]]
    group: str | None = None  # the parameter whose runs are shown as one, by their mean
    hidden: Sequence[str] = ()  # metrics without a chart: MLflow would add one of each


def bars(title: str, *metrics: str) -> Chart:
    """A bar per run or group, or one for each of several metrics."""
    several = {"selectedMetricKeys": metrics} if len(metrics) > 1 else {}
    return Chart("BAR", title, metrics[0], {"runsCountToCompare": 100, **several})


def lines(title: str, metric: str) -> Chart:
    """A metric by epoch."""
    more = {"selectedMetricKeys": [metric], "xAxisKey": "step", "scaleType": "linear"}
    return Chart("LINE", title, metric, {"runsCountToCompare": 100, "lineSmoothness": 0, **more})


def dots(title: str, x: str, y: str, *, parameter: bool = False) -> Chart:
    """A dot per run or group: a metric against another, or against a parameter."""
    axis = {"key": x, "type": "PARAM" if parameter else "METRIC"}
    axes = {"xaxis": axis, "yaxis": {"key": y, "type": "METRIC"}}
    return Chart("SCATTER", title, "", {"runsCountToCompare": 100, **axes})


def parallel(title: str, parameters: Sequence[str], metric: str) -> Chart:
    """A line per run through its parameters, to a metric."""
    axes = {"selectedParams": parameters, "selectedMetrics": [metric], "showAllRuns": False}
    return Chart("PARALLEL", title, "", {"runsCountToCompare": 100, **axes})


def images(title: str, key: str, step: int) -> Chart:
    """The image of each run, at the step of a slider."""
    more = {"imageKeys": [key], "step": step, "showRunParams": False}
    return Chart("IMAGE", title, "", {"runsCountToCompare": 20, **more})


def state_of(view: SavedView) -> str:
    """Return the state of a page that shows a view, packed as MLflow packs it."""
    sections = [
        {"uuid": f"section-{number}", "name": name, "display": True, "isReordered": True}
        for number, name in enumerate(view.sections)
    ]
    charts = [
        _card(chart, f"section-{number}", f"chart-{number}-{place}", deleted=False)
        for number, group in enumerate(view.sections.values())
        for place, chart in enumerate(group)
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
        _card(bars(metric, metric), "section-0", f"hidden-{number}", deleted=True)
        for number, metric in enumerate(metrics)
    ]


def _card(chart: Chart, section: str, uuid: str, *, deleted: bool) -> dict[str, Any]:
    where = {"uuid": uuid, "metricSectionId": section, "deleted": deleted, "isGenerated": False}
    metric = {"metricKey": chart.metric} if chart.metric else {}
    return {"type": chart.type, "displayName": chart.title, **where, **metric, **chart.more}
