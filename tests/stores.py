"""All that an MLflow store holds, read by the client alone, so that two stores can be compared."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mlflow import MlflowClient, artifacts
from mlflow.entities import Experiment, LoggedModel, Run, ViewType

TIMES = re.compile(r"^(utc_time_created|mlflow_version|model_size_bytes):.*$", re.MULTILINE)
DRAWN = re.compile(r"\+timestamp\+\d+\+[0-9a-f-]{36}")  # in how MLflow calls a logged image
Names = dict[str, str]  # an id that MLflow gave -> what it stands for in any store


def everything(uri: str) -> dict[str, Any]:
    """Return experiments, runs, models, artifacts and registered models, but for MLflow's own ids.

    What the client cannot read is not there. Times are those of the ledger, where it has any.
    """
    client = MlflowClient(uri, registry_uri=uri)
    experiments = [
        e for e in _pages(client.search_experiments, ViewType.ALL) if e.name != "Default"
    ]
    names: Names = {}
    found = []
    for experiment in experiments:
        runs = list(_pages(client.search_runs, [experiment.experiment_id], "", ViewType.ALL))
        models = list(_pages(client.search_logged_models, [experiment.experiment_id]))
        names |= {run.info.run_id: f"run {run.data.tags['seqarena.run']}" for run in runs}
        found.append((experiment, runs, models))
    for _, _, models in found:  # where it lies first, for ids are a part of that
        names = {model.artifact_location: "its files" for model in models} | names
        names |= {model.model_id: _name_of(model, names) for model in models}
    return {
        "experiments": {
            experiment.name: _experiment(client, uri, experiment, runs, models, names)
            for experiment, runs, models in found
        },
        "registered": {
            registered.name: _registered(client, registered, names)
            for registered in _pages(client.search_registered_models)
        },
    }


def _name_of(model: LoggedModel, names: Names) -> str:
    return f"model {model.name} of {names.get(model.source_run_id or '', '')}"


def _experiment(
    client: MlflowClient,
    uri: str,
    experiment: Experiment,
    runs: list[Run],
    models: list[LoggedModel],
    names: Names,
) -> dict[str, Any]:
    return {
        "stage": experiment.lifecycle_stage,
        "tags": {
            key: _plain(value, {**names, f"/{experiment.experiment_id}/": "/experiment/"})
            for key, value in experiment.tags.items()
        },
        "runs": {names[run.info.run_id]: _run(client, uri, run, names) for run in runs},
        "models": {names[model.model_id]: _model(client, uri, model, names) for model in models},
    }


def _run(client: MlflowClient, uri: str, run: Run, names: Names) -> dict[str, Any]:
    info, inputs, outputs = run.info, run.inputs, run.outputs
    listed = client.list_artifacts(info.run_id)
    return {
        "info": (info.run_name, info.status, info.start_time, info.end_time, info.lifecycle_stage),
        "tags": {key: _plain(value, names) for key, value in run.data.tags.items()},
        "params": run.data.params,
        "metrics": {key: _history(client, info.run_id, key) for key in run.data.metrics},
        "inputs": [
            (dict(each.dataset), sorted((tag.key, tag.value) for tag in each.tags))
            for each in (inputs.dataset_inputs if inputs else [])
        ],
        "models": sorted(
            names[each.model_id]
            for each in [
                *(inputs.model_inputs if inputs else []),
                *(outputs.model_outputs if outputs else []),
            ]
        ),
        "artifacts": _files(uri, info.artifact_uri, names) if listed else {},
    }


def _history(client: MlflowClient, run: str, key: str) -> list[tuple[int, int, str]]:
    history = client.get_metric_history(run, key)
    return sorted((each.step, each.timestamp, str(each.value)) for each in history)


def _model(client: MlflowClient, uri: str, model: LoggedModel, names: Names) -> dict[str, Any]:
    listed = client.list_logged_model_artifacts(model.model_id)
    return {
        "about": (model.name, str(model.status), model.model_type or ""),
        "tags": {key: _plain(value, names) for key, value in model.tags.items()},
        "params": model.params,
        "metrics": sorted(
            (each.key, each.step, each.value, each.dataset_name, each.dataset_digest)
            for each in model.metrics or []
        ),
        "files": _files(uri, model.artifact_location, names) if listed else {},
    }


def _registered(client: MlflowClient, registered: Any, names: Names) -> dict[str, Any]:
    every = _pages(client.search_model_versions)
    versions = [version for version in every if version.name == registered.name]
    return {
        "about": (_plain(registered.description or "", names), registered.tags, registered.aliases),
        "versions": {
            str(each.version): (
                _plain(each.description or "", names),
                {key: _plain(value, names) for key, value in each.tags.items()},
                _plain(f"{each.source} {each.run_id}", names),
                each.status,
            )
            for each in versions
        },
    }


def _files(uri: str, place: str, names: Names) -> dict[str, str]:
    """Digest every file below; of a text, what it says but for ids and times."""
    with tempfile.TemporaryDirectory() as folder:
        local = artifacts.download_artifacts(artifact_uri=place, dst_path=folder, tracking_uri=uri)
        root = Path(local)
        paths = sorted(path for path in root.rglob("*") if path.is_file())
        named = {DRAWN.sub("", path.relative_to(root).as_posix()): path for path in paths}
        return {name: _digest(path, names) for name, path in named.items()}


def _digest(path: Path, names: Names) -> str:
    content = path.read_bytes()
    with contextlib.suppress(UnicodeDecodeError):
        content = TIMES.sub("", _plain(content.decode(), names)).encode()
    return hashlib.sha256(content).hexdigest()


def _plain(text: str, names: Names) -> str:
    """Return a text with what MLflow's ids stand for; a view is unpacked first."""
    packed = re.search(r"deflate;([A-Za-z0-9+/=]+)", text)
    if packed:
        text = text.replace(packed[0], zlib.decompress(base64.b64decode(packed[1])).decode())
    for name, stands_for in names.items():
        text = text.replace(name, stands_for)
    return text


def _pages(search: Callable[..., Any], *arguments: Any) -> Iterator[Any]:
    token = None
    while True:
        page = search(*arguments, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def differences(one: Any, other: Any, place: str = "") -> list[str]:
    """List the places at which what two stores hold differs, each with both values."""
    if isinstance(one, dict) and isinstance(other, dict):
        return [
            line
            for key in sorted({*one, *other})
            for line in differences(one.get(key), other.get(key), f"{place}/{key}")
        ]
    return [] if one == other else [f"{place}: {one!r:.300} != {other!r:.300}"]
