"""What of MLflow nothing refers to, and how it is freed: by MLflow's own means alone.

A model that is freed stays on its page, with its metrics; its files go, and a tag says so.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mlflow import MlflowClient
from mlflow.cli import gc
from mlflow.entities import Experiment, LifecycleStage, LoggedModel, Run, ViewType
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from sqlalchemy import make_url

from seqarena.tracking.garbage import Garbage
from seqarena.tracking.mlflow.database import compact, unused_pages
from seqarena.tracking.mlflow.projection import Kept, without_secret

CHAMPION = "champion"  # the alias of a registered model
FREED = "seqarena.freed"
OF_RUN, OF_MODEL = re.compile(r"[0-9a-f]{32}"), re.compile(r"m-[0-9a-f]{32}")
MODELS = "models"  # the folder beside those of runs


@dataclass(frozen=True)
class Store:
    """One MLflow, and the project whose experiments are looked at."""

    uri: str
    root: Path
    notes: list[str] = field(default_factory=list)  # what is left alone, and why

    def garbage(self, experiments: Collection[str], keep: Collection[Kept]) -> list[Garbage]:
        """Return what nothing refers to; `keep` says what of the models of finals stays."""
        client = MlflowClient(self.uri)
        every = list(_pages(partial(client.search_experiments, ViewType.ALL)))
        ours = [each for each in every if each.name in experiments and self._reaches(each)]
        stay = _registered(client, keep)
        models: list[LoggedModel] = []
        orphans: list[tuple[ArtifactRepository, str]] = []
        for experiment in ours:
            repository = self._repository(str(experiment.artifact_location))
            folders = _folders(repository)  # first: whose run comes later is no orphan
            runs = {run.info.run_id: run for run in _runs(client, [experiment], ViewType.ALL)}
            logged = list(_models(client, experiment))
            known = {*runs, *(f"{MODELS}/{model.model_id}" for model in logged)}
            orphans += [(repository, folder) for folder in folders if folder not in known]
            models += [m for m in logged if _is_former(m, runs, keep) and m.model_id not in stay]
        return [
            *self._deleted(client, every),
            self._freed(client, [m for m in models if FREED not in m.tags]),
            _artifacts("artifacts of no run in MLflow", orphans),
        ]

    def _reaches(self, experiment: Experiment) -> bool:
        """Tell whether its artifacts are this project's: a database may have been copied."""
        if self._is_here(str(experiment.artifact_location)):
            return True
        place = f"{experiment.name}: MLflow has its artifacts at {experiment.artifact_location}"
        self.notes.append(f"{place}, outside of this project; they stay")
        return False

    def _is_here(self, location: str) -> bool:
        parts = urlsplit(location)
        if parts.scheme == "mlflow-artifacts":  # of a server, which alone hands them out
            return self.uri.startswith(("http:", "https:"))
        if parts.scheme not in ("", "file"):
            return True  # of an object store
        return Path(url2pathname(parts.path)).is_relative_to(self.root)

    def _repository(self, location: str) -> ArtifactRepository:
        return get_artifact_repository(location, tracking_uri=self.uri)

    def _deleted(self, client: MlflowClient, experiments: Sequence[Experiment]) -> list[Garbage]:
        """Return the runs that somebody has deleted in MLflow, which keeps them until `gc`."""
        of_deleted = [e for e in experiments if e.lifecycle_stage == LifecycleStage.DELETED]
        runs = [
            *_runs(client, experiments, ViewType.DELETED_ONLY),
            *_runs(client, of_deleted, ViewType.ACTIVE_ONLY),
        ]
        shown = without_secret(self.uri, self.uri)
        if self.uri.startswith(("http:", "https:")):
            if runs:
                fix = "its database is the server's, where `mlflow gc` removes them"
                self.notes.append(f"MLflow at {shown}: {len(runs)} deleted runs stay; {fix}")
            return []
        if elsewhere := [r for r in runs if not self._is_here(str(r.info.artifact_uri))]:
            place = f"MLflow has the artifacts of {len(elsewhere)} of them outside of this project"
            self.notes.append(f"deleted runs stay: {place}")
            return []
        places = {e.experiment_id: self._repository(str(e.artifact_location)) for e in experiments}
        parts = [(places[run.info.experiment_id], run.info.run_id) for run in runs]
        folders = _artifacts("runs deleted in MLflow (of the whole store)", parts)

        def free() -> None:
            if runs:
                self._collect()
                folders.free()  # which it leaves, empty

        return [replace(folders, free=free), *self._pages_of_database()]

    def _collect(self) -> None:
        stores = ["--backend-store-uri", self.uri, "--tracking-uri", self.uri]
        with contextlib.redirect_stdout(io.StringIO()):  # a line for each
            gc.main(stores, standalone_mode=False)

    def _pages_of_database(self) -> list[Garbage]:
        """Return the room in a database of SQLite that its deleted rows leave empty."""
        database = make_url(self.uri).database
        if not self.uri.startswith("sqlite:") or not database:
            return []
        path = Path(database)
        pages, size = unused_pages(path)
        return [
            Garbage(
                f"empty pages of {path.name}",
                pages,
                lambda: unused_pages(path)[0] * size,
                partial(compact, path),
                lambda: path.stat().st_size,
            )
        ]

    def _freed(self, client: MlflowClient, models: Sequence[LoggedModel]) -> Garbage:
        """Return the files of models."""
        parts = [(self._repository(model.artifact_location), "") for model in models]
        full = [model for model, part in zip(models, parts, strict=True) if _size(*part)]
        files = _artifacts("", parts)

        def free() -> None:
            for model in full:
                client.set_logged_model_tags(model.model_id, {FREED: "by `seqarena clean`"})
            files.free()

        return Garbage("models of finals in MLflow", len(full), files.size, free)


def _is_former(model: LoggedModel, runs: dict[str, Run], keep: Collection[Kept]) -> bool:
    """Tell whether it is one of ours, and its final is not kept."""
    if "seqarena.digest" not in model.tags:
        return False
    run = runs.get(model.source_run_id or "")
    if run is None or run.info.lifecycle_stage == LifecycleStage.DELETED:
        return True
    return "finals" not in keep or run.data.tags.get("current") == "false"


def _registered(client: MlflowClient, keep: Collection[Kept]) -> set[str]:
    """Return the models that the registry refers to.

    Of a registered model that has a champion, earlier ones are not; another is somebody's own, and
    so is every other alias.
    """
    aliases = {each.name: each.aliases for each in _pages(client.search_registered_models)}
    kept: set[str] = set()
    for version in _pages(client.search_model_versions):
        of_model = aliases.get(version.name, {})
        named = {alias for alias, number in of_model.items() if str(number) == str(version.version)}
        somebodys = CHAMPION not in of_model or bool(named - {CHAMPION})
        if somebodys or (CHAMPION in named and "champion" in keep):
            found = OF_MODEL.search(f"{version.model_id or ''} {version.source}")
            kept |= {found.group()} if found else set()
    return kept


def _folders(repository: ArtifactRepository) -> list[str]:
    """List the folders that runs and models have among the artifacts of an experiment."""
    top = [Path(each.path).name for each in repository.list_artifacts() if each.is_dir]
    below = repository.list_artifacts(MODELS) if MODELS in top else []
    models = [Path(each.path).name for each in below if each.is_dir]
    return [
        *filter(OF_RUN.fullmatch, top),
        *(f"{MODELS}/{name}" for name in models if OF_MODEL.fullmatch(name)),
    ]


def _artifacts(kind: str, parts: Sequence[tuple[ArtifactRepository, str]]) -> Garbage:
    """Return folders of repositories, or all of them where no folder is named."""

    def free() -> None:
        for repository, folder in parts:
            repository.delete_artifacts(folder or None)  # type: ignore[no-untyped-call]

    return Garbage(kind, len(parts), lambda: sum(_size(*part) for part in parts), free)


def _size(repository: ArtifactRepository, folder: str) -> int:
    listed = repository.list_artifacts(folder or None)
    below = (
        _size(repository, each.path) if each.is_dir else each.file_size or 0 for each in listed
    )
    return sum(below)


def _runs(client: MlflowClient, experiments: Sequence[Experiment], view: int) -> Iterator[Run]:
    ids = [str(each.experiment_id) for each in experiments]
    return _pages(partial(client.search_runs, ids, "", view)) if ids else iter(())


def _models(client: MlflowClient, experiment: Experiment) -> Iterator[LoggedModel]:
    return _pages(partial(client.search_logged_models, [str(experiment.experiment_id)]))


def _pages(search: Callable[..., Any]) -> Iterator[Any]:
    token = None
    while True:
        page = search(page_token=token)
        yield from page
        token = page.token
        if not token:
            return
