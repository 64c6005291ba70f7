"""The append-only record on disk of every run of an experiment.

One JSON object per line; everything else that shows runs (MLflow, reports) is made from it. A line
counts once its newline is on disk, so a crash can lose at most the line it was writing. Each ends
with a checksum of what stands before it: a damaged line is refused, never read as another.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seqarena.errors import InputError
from seqarena.files import digest_of, sha256_of
from seqarena.tracking.environment import environment
from seqarena.tracking.events import End, Event, Kind, Run, apply, plain
from seqarena.tracking.lines import decoded, encoded
from seqarena.tracking.process import alive, this_process


class Ledger:
    """The ledger of one experiment; many processes may read it while one driver appends."""

    def __init__(self, path: Path, experiment: str) -> None:
        self.path = path
        self.experiment = experiment
        self._runs: dict[str, Run] = {}  # as far as the file was read
        self._keys: dict[str, str] = {}  # key -> the last run of it
        self._offset = 0

    def start(
        self,
        kind: Kind,
        name: str,
        *,
        parent: str | None = None,
        params: Mapping[str, Any] = {},
        tags: Mapping[str, str] = {},
        key: str = "",
    ) -> str:
        """Begin a run and return its id; the tags of `environment` are added to its own."""
        if parent is not None:
            self._require(parent)
        run = uuid.uuid4().hex
        self._append(
            "start",
            run,
            kind=kind,
            name=name,
            parent=parent,
            params=plain(params),
            tags={**environment(), **tags},
            driver=this_process(),
            key=key,
        )
        return run

    def resume(self, run: str) -> None:
        """Go on with a run that has ended, in this process."""
        self._require(run)
        self._append("resume", run, driver=this_process())

    def metrics(self, run: str, step: int, values: Mapping[str, float]) -> None:
        """Record values of one step; NaN and infinities are kept."""
        self._require(run)
        numbers = {name: plain(float(value)) for name, value in values.items()}
        self._append("metrics", run, step=int(step), values=numbers)

    def artifact(self, run: str, path: Path, folder: str = "") -> None:
        """Record a file or folder by path and digest, to be shown under `folder` of the run."""
        self._require(run)
        self._append("artifact", run, folder=folder, **_content(path))

    def model(self, run: str, folder: Path) -> None:
        """Record a saved model by its folder and digest."""
        self._require(run)
        self._append("model", run, **_content(folder))

    def tag(self, run: str, tags: Mapping[str, str]) -> None:
        """Add tags to a run, or change them."""
        self._require(run)
        self._append("tag", run, tags=dict(tags))

    def end(
        self, run: str, status: End, message: str = "", result: Mapping[str, Any] | None = None
    ) -> None:
        """End a run; where a run was ended twice, the last word counts."""
        self._require(run)
        more = {} if result is None else {"result": plain(result)}
        self._append("end", run, status=status, message=message, **more)

    @contextmanager
    def running(
        self,
        kind: Kind,
        name: str,
        *,
        parent: str | None = None,
        params: Mapping[str, Any] = {},
        tags: Mapping[str, str] = {},
    ) -> Iterator[str]:
        """Yield a run that ends as the block does: FINISHED, FAILED, or KILLED by Ctrl-C."""
        run = self.start(kind, name, parent=parent, params=params, tags=tags)
        try:
            yield run
        except Exception as error:
            self.end(run, "FAILED", f"{type(error).__name__}: {error}")
            raise
        except BaseException as signal:
            self.end(run, "KILLED", type(signal).__name__)
            raise
        self.end(run, "FINISHED")

    def runs(self, kind: Kind | None = None) -> dict[str, Run]:
        """Return all runs in the order in which they started."""
        self._read()
        return {run: record for run, record in self._runs.items() if kind in (None, record.kind)}

    def _read(self) -> None:
        """Read what is new in the file."""
        for event in self.events(self._offset):
            apply(event.data, self._runs, self.path)
            if event.data.get("key"):
                self._keys[event.data["key"]] = event.data["run"]
            self._offset = event.end

    def run(self, run: str) -> Run:
        """Return one run."""
        self._read()
        return self._runs[run]

    def last(self, key: str) -> Run | None:
        """Return the last run that was started under a key."""
        self._read()
        return self._runs.get(self._keys.get(key, ""))

    def open_runs(self) -> list[str]:
        """List the runs that never ended."""
        return [run for run, record in self.runs().items() if record.status == "RUNNING"]

    def close_orphans(self) -> int:
        """End as KILLED every open run whose driver process is gone; return how many."""
        records = self.runs()
        orphans = [
            run
            for run, record in records.items()
            if record.status == "RUNNING" and not alive(*record.driver)
        ]
        for run in reversed(orphans):  # children before their parents
            self.end(run, "KILLED", "its driver process is gone")
        return len(orphans)

    def events(self, offset: int = 0) -> Iterator[Event]:
        """Read the whole lines from `offset` on; a torn last line is left out.

        Raises `InputError` naming the offset of a line that is not as it was written.
        """
        if not self.path.is_file():
            return
        with self.path.open("rb") as file:
            file.seek(offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                start, offset = offset, offset + len(line)
                try:
                    data = decoded(line)
                except ValueError as error:
                    cut = f"`truncate -s {start}` keeps what came before, and the rest is run again"
                    place = f"{self.path}: damaged at byte {start}"
                    raise InputError(f"{place}: {error}; {cut}") from error
                yield Event(offset, data)

    def _require(self, run: str) -> None:
        if run not in self._runs:
            self._read()
        if run not in self._runs:
            raise KeyError(f"{self.path}: no run {run}")

    def _append(self, event: str, run: str, **data: Any) -> None:
        record = {"event": event, "run": run, "time": round(time.time() * 1000), **data}
        line = encoded(record)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Opened anew each time (tens of microseconds), so that no state outlives a failed write.
        try:
            with self.path.open("a+b") as file:
                _drop_torn_line(file.fileno())
                file.write(line)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from error


def _content(path: Path) -> dict[str, str]:
    """Name a file or folder, relative to the project's root where it lies below, and digest it."""
    full = path.resolve()
    root = Path.cwd()
    shown = full.relative_to(root) if full.is_relative_to(root) else full
    return {"path": shown.as_posix(), "sha256": content_digest(full)}


def content_digest(path: Path) -> str:
    """Digest a file or a folder."""
    return digest_of(path) if path.is_dir() else sha256_of(path)


def _drop_torn_line(descriptor: int) -> None:
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        os.ftruncate(descriptor, os.pread(descriptor, size, 0).rfind(b"\n") + 1)
