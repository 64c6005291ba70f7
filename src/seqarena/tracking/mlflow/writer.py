"""Writes a ledger's events to MLflow, each once, however often it is asked.

Every MLflow run carries the tags ``seqarena.run``, by which it is found again, and
``seqarena.offset``, up to where the ledger is written; that tag goes last. What a crash before it
repeats is harmless: metrics keep the ledger's time, and MLflow stores equal ones once.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, LifecycleStage, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from seqarena.tracking.events import Event
from seqarena.tracking.ledger import Ledger
from seqarena.tracking.mlflow.database import make_database
from seqarena.tracking.mlflow.logged_model import Models, Shown
from seqarena.tracking.mlflow.made import is_as_made
from seqarena.tracking.mlflow.pictures import log_picture
from seqarena.tracking.mlflow.place import write_place
from seqarena.tracking.mlflow.registry import Registry
from seqarena.tracking.mlflow.review import write_review

logging.getLogger("mlflow").setLevel(logging.WARNING)  # it tells of every table it makes
OUTAGES = (MlflowException, SQLAlchemyError, OSError)
MANY, FEW = 900, 100  # metrics, and params or tags, in one request: MLflow takes 1,000 in all
PARAM, TAG, KEY, DIGEST = 6000, 8000, 250, 36  # and characters in each
T = TypeVar("T")


class Target(NamedTuple):
    """An MLflow run and the ledger offset up to which it is written."""

    id: str
    offset: int


class Writer:
    """One ledger's way into one MLflow experiment."""

    def __init__(self, ledger: Ledger, uri: str, serve: Path, root: Path) -> None:
        self._ledger, self._root = ledger, root
        make_database(uri)
        self._client = MlflowClient(uri)
        self._experiment = self._find_experiment(uri)
        self._models = Models(self._client, ledger.experiment, serve, root)
        self._registry = Registry(self._client, ledger, self._experiment)
        write_place(ledger.path.parent, uri, self._experiment)
        self._starts: dict[str, dict[str, Any]] = {}
        self._targets: dict[str, Target] = {}
        self._told: dict[str, dict[str, str]] = {}  # run -> the tags that the ledger gave it
        self._offset = 0

    def catch_up(self) -> int:
        """Write all events that MLflow lacks; return how many."""
        events: dict[str, list[Event]] = {}
        offset = self._offset
        for event in self._ledger.events(self._offset):
            offset = event.end
            self._models.see(event.data)
            events.setdefault(event.data["run"], []).append(event)
            if event.data["event"] == "start":
                self._starts[event.data["run"]] = event.data
        if unknown := events.keys() - self._targets.keys():
            self._recognise(min(self._starts[run]["time"] for run in unknown))
        written = sum(self._write(run, those) for run, those in events.items())
        self._registry.update(events)
        self._offset = offset
        if any(self._is_verdict(event) for those in events.values() for event in those):
            write_review(self._client, self._experiment, self._ledger, self._root)
        return written

    def _is_verdict(self, event: Event) -> bool:
        """Tell whether it ends the run of a verdict, which then holds all that a review is of."""
        kind = self._starts[event.data["run"]]["kind"]
        return bool(event.data["event"] == "end" and kind == "verdict")

    def _find_experiment(self, uri: str) -> str:
        name = self._ledger.experiment
        found = self._client.get_experiment_by_name(name)
        if found is None:
            # A database does not say where its artifacts lie; a server does.
            local = uri.startswith("sqlite:")
            place = (self._root / "mlartifacts" / name).as_uri() if local else None
            return str(self._client.create_experiment(name, artifact_location=place))
        if found.lifecycle_stage == LifecycleStage.DELETED:
            self._client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)

    def _recognise(self, since: int) -> None:
        """Find the runs that are there already, whoever wrote them."""
        token, young = None, f"attributes.start_time >= {since}"
        while True:
            page = self._client.search_runs(
                [self._experiment], young, max_results=1000, page_token=token
            )
            for run in page:
                tags = run.data.tags
                if "seqarena.run" in tags:
                    offset = int(tags.get("seqarena.offset", 0))
                    self._targets[tags["seqarena.run"]] = Target(run.info.run_id, offset)
            token = page.token
            if not token:
                return

    def _write(self, run: str, events: list[Event]) -> int:
        """Bring one run up to date; the offset goes last."""
        target = self._targets.get(run) or self._create(run)
        told = self._told.setdefault(run, self._first_tags(run))
        told |= _tags(event for event in events if event.end <= target.offset)
        new = [event for event in events if event.end > target.offset]
        if not new:
            return 0
        for event in new:
            self._write_event(target.id, event.data)
        wanted = _tags(new)
        ours = self._still_ours(target, told, wanted) if wanted and target.offset else wanted
        told |= wanted
        tags = [RunTag(*item) for item in {**ours, "seqarena.offset": str(new[-1].end)}.items()]
        for metrics, few in _requests(_metrics(new), tags):
            self._client.log_batch(target.id, metrics=metrics, tags=few)
        self._targets[run] = target._replace(offset=new[-1].end)
        return len(new)

    def _still_ours(
        self, target: Target, told: Mapping[str, str], wanted: Mapping[str, str]
    ) -> dict[str, str]:
        """Leave out the tags that a person has changed since the ledger gave them."""
        there = self._client.get_run(target.id).data.tags
        return {k: value for k, value in wanted.items() if there.get(k) == told.get(k)}

    def _first_tags(self, run: str) -> dict[str, str]:
        start = self._starts[run]
        tags = {**self._inherited(run, "tags"), "seqarena.run": run, "seqarena.kind": start["kind"]}
        return {_key(key): str(value)[:TAG] for key, value in tags.items()}

    def _create(self, run: str) -> Target:
        start = self._starts[run]
        tags = {**self._first_tags(run), "mlflow.source.name": "seqarena"}
        if start["parent"]:
            tags["mlflow.parentRunId"] = self._targets[start["parent"]].id
        if "git.commit" in tags:
            tags["mlflow.source.git.commit"] = tags["git.commit"]
        created = self._client.create_run(
            self._experiment,
            start_time=start["time"],
            run_name=start["name"],
            tags=tags,
        )
        self._targets[run] = Target(created.info.run_id, 0)
        return self._targets[run]

    def _inherited(self, run: str, what: str) -> dict[str, Any]:
        """A child shows its parent's params and tags too: the UI parts them across pages."""
        start = self._starts[run]
        above = self._inherited(start["parent"], what) if start["parent"] else {}
        return {**above, **start[what]}

    def _write_event(self, target: str, data: dict[str, Any]) -> None:
        """Write what does not go in batches."""
        if data["event"] == "start":
            self._write_start(target, data["run"])
        elif data["event"] == "resume":
            self._client.update_run(target, status="RUNNING")
        elif data["event"] == "end":
            self._client.set_terminated(target, status=data["status"], end_time=data["time"])
        elif data["event"] in ("artifact", "model"):
            self._write_file(target, data)

    def _write_file(self, target: str, data: dict[str, Any]) -> None:
        path = self._root / data["path"]
        there = is_as_made(path, data["sha256"], data["time"])
        if not there:
            # Another run's file by now, perhaps: showing it here would be a lie.
            print(f"warning: {path}: changed since run {data['run']} made it", file=sys.stderr)
        if data["event"] == "model":
            run = self._ledger.run(data["run"])
            shown = Shown(target, run, Path(data["path"]), data["sha256"], there)
            self._models.log(shown, _data_of(self._inherited(data["run"], "tags")))
        elif there:
            self._client.log_artifact(target, str(path), data["folder"] or None)
            if self._starts[data["run"]]["kind"] == "final":  # a grid compares runs
                log_picture(self._client, target, path, data["time"])

    def _write_start(self, target: str, run: str) -> None:
        params = _flat(self._inherited(run, "params"))
        for chunk in _chunks([Param(_key(k), v[:PARAM]) for k, v in params.items()], FEW):
            self._client.log_batch(target, params=chunk)
        known = {**params, **self._inherited(run, "tags")}
        if named := _data_of(known):
            self._client.log_inputs(target, datasets=[_dataset(named, known)])


def _data_of(known: Mapping[str, str]) -> tuple[str, str] | None:
    """Name the prepared data; the whole digest is in the run's tags, MLflow cuts it."""
    if not {"data.name", "data.digest"} <= known.keys():
        return None
    return known["data.name"], known["data.digest"][:DIGEST]


def _dataset(named: tuple[str, str], known: Mapping[str, str]) -> DatasetInput:
    source = json.dumps({"uri": known.get("data.path", named[0])})
    dataset = Dataset(*named, "local", source)
    return DatasetInput(dataset, tags=[InputTag("mlflow.data.context", "experiment")])


def _metrics(events: list[Event]) -> list[Metric]:
    return [
        Metric(_key(name), float(value), event.data["time"], event.data["step"])
        for event in events
        if event.data["event"] == "metrics"
        for name, value in event.data["values"].items()
    ]


def _tags(events: Iterable[Event]) -> dict[str, str]:
    """Return the tags that events give their run, as MLflow takes them."""
    tags: dict[str, str] = {}
    for event in events:
        if event.data["event"] == "tag":
            tags |= event.data["tags"]
        elif event.data["event"] == "end" and event.data["message"]:
            tags["description"] = event.data["message"]
        elif event.data["event"] == "resume":
            tags["description"] = ""  # of how it had ended
    # The UI shows a description under this key, above everything else that it tells of a run.
    named = {"mlflow.note.content" if key == "description" else key: tags[key] for key in tags}
    return {_key(key): str(value)[:TAG] for key, value in named.items()}


def _key(name: str) -> str:
    """Keep what MLflow allows in a key."""
    return "".join(c if c.isalnum() or c in "_-. :/" else "_" for c in name)[:KEY]


def _flat(params: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in params.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = json.dumps(value) if isinstance(value, list) else str(value)
    return flat


def _requests(
    metrics: list[Metric], tags: list[RunTag]
) -> Iterator[tuple[Sequence[Metric], Sequence[RunTag]]]:
    """Pair batches of both, within MLflow's limits, so that the last tag goes with the last."""
    backwards = (reversed(list(_chunks(metrics, MANY))), reversed(list(_chunks(tags, FEW))))
    return reversed(list(zip_longest(*backwards, fillvalue=())))


def _chunks(items: Sequence[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
