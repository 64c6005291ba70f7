"""The events of a ledger, and the runs that they come to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from seqarena.errors import InputError

Kind = Literal["search", "trial", "final", "verdict"]
End = Literal["FINISHED", "FAILED", "KILLED"]


class Event(NamedTuple):
    """One line of the ledger; `end` is the offset of the line after it."""

    end: int
    data: dict[str, Any]


@dataclass
class Run:
    """What the ledger knows about one run; times are milliseconds since the epoch."""

    id: str
    kind: Kind
    name: str
    parent: str | None
    params: dict[str, Any]
    tags: dict[str, str]
    started: int
    driver: tuple[int, float]  # pid and when that process started
    status: Literal["RUNNING", "FINISHED", "FAILED", "KILLED"] = "RUNNING"
    message: str = ""
    ended: int | None = None
    key: str = ""  # of what it trains: the same key, the same result
    result: dict[str, Any] | None = None  # what came of it, as its kind of run has it
    metrics: dict[str, float] = field(default_factory=dict)  # the last value of each
    curve: dict[int, dict[str, float]] = field(default_factory=dict)  # step -> its values


def apply(data: dict[str, Any], runs: dict[str, Run], path: Path) -> None:
    """Fold one event into the runs; raises `InputError` where its run never started."""
    kind, run = data["event"], data["run"]
    if kind == "start":
        keys = ("kind", "name", "parent", "params", "tags")
        driver = (int(data["driver"][0]), float(data["driver"][1]))
        known = {key: data[key] for key in keys}
        found = Run(id=run, started=data["time"], driver=driver, key=data.get("key", ""), **known)
        runs[run] = found
    elif run not in runs:
        raise InputError(f"{path}: a '{kind}' event of run {run}, which never started")
    elif kind == "metrics":
        values = {name: float(value) for name, value in data["values"].items()}
        runs[run].metrics.update(values)
        runs[run].curve.setdefault(data["step"], {}).update(values)
    elif kind == "tag":
        runs[run].tags.update(data["tags"])
    elif kind == "end":
        runs[run].status, runs[run].message = data["status"], data["message"]
        runs[run].ended, runs[run].result = data["time"], data.get("result")
    elif kind == "resume":
        runs[run].status, runs[run].message, runs[run].ended = "RUNNING", "", None
        runs[run].driver = (int(data["driver"][0]), float(data["driver"][1]))


def plain(value: Any) -> Any:
    """Turn any value into what JSON holds; NaN and infinities become what float() reads back."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else repr(float(value))
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return plain(value.item()) if hasattr(value, "item") else str(value)
