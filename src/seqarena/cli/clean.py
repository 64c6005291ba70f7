"""`seqarena clean`: frees what nothing refers to, told before and measured after."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import get_args

import typer
from pydantic import ByteSize
from rich.console import Console
from rich.table import Table
from sqlalchemy import make_url

from seqarena.cli.cache import unused_cache
from seqarena.config import experiment_names
from seqarena.errors import unknown
from seqarena.search.checkpoints import Checkpoints
from seqarena.tracking.garbage import Garbage, of_paths
from seqarena.tracking.ledger import Ledger
from seqarena.tracking.lock import only_run
from seqarena.tracking.mlflow.projection import Kept, outage, settled

HOUR = 3600.0  # that nobody has written to a leftover: then nobody is still at it
FOLDERS = ("data", "models", "results", "report", "inspected")
PARTIAL = ".*.partial"  # what `files.new_file` and `files.new_folder` write
STARTED = ("mlflow.db.*.new", ".dvc/tmp/tmp*")  # databases half made, results half fetched


def clean(keep: str, yes: bool) -> None:
    """Tell what is to be freed, ask, free it, and tell what that came to.

    Raises `InputError` naming who runs an experiment, before anything is looked at.
    """
    kept = _parsed(keep)
    with ExitStack() as stack:
        for folder in sorted(Path("results").glob("*/")):
            stack.enter_context(only_run(folder))
        notes: list[str] = []
        garbage = [*_of_mlflow(kept, notes), unused_cache(notes), _checkpoints(), _leftovers()]
        sizes = [each.size() for each in garbage]
        _print("to be freed", [(e.kind, e.number, n) for e, n in zip(garbage, sizes, strict=True)])
        for note in notes:
            print(note)
        if not any(each.number for each in garbage):
            print("Nothing to free.")
        elif _agreed(yes):
            _print("freed", [(each.kind, each.number, each.freed()) for each in garbage])


def _parsed(keep: str) -> set[Kept]:
    names = [name.strip() for name in keep.split(",") if name.strip()]
    for name in names:
        if name not in (*get_args(Kept), "none"):
            raise unknown("--keep", "kind of model", name, (*get_args(Kept), "none"))
    return {name for name in get_args(Kept) if name in names}


def _agreed(yes: bool) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        print("Nothing was freed: nobody can be asked here. `seqarena clean --yes` frees it.")
        return False
    return typer.confirm("Free it?")


def _print(what: str, rows: Sequence[tuple[str, int, int]]) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in (what, "number", "bytes"):
        table.add_column(heading, justify="left" if heading == what else "right", no_wrap=True)
    shown = [row for row in rows if row[1] or row[2]]
    for kind, number, size in [
        *shown,
        ("in all", sum(r[1] for r in shown), sum(r[2] for r in shown)),
    ]:
        table.add_row(
            kind, f"{number:,}", ByteSize(size).human_readable(decimal=True, separator=" ")
        )
    Console(highlight=False, width=100).print(table)


def _of_mlflow(kept: Collection[Kept], notes: list[str]) -> list[Garbage]:
    """Look at MLflow, where there is one: a database is not made for it."""
    uri = settled(None)
    if uri.startswith("sqlite:") and not Path(make_url(uri).database or "").is_file():
        return []
    from seqarena.tracking.mlflow.housekeeping import Store
    from seqarena.tracking.mlflow.writer import OUTAGES

    names = {*experiment_names(), *(folder.name for folder in Path("results").glob("*/"))}
    try:
        return Store(uri, Path.cwd(), notes).garbage(names, kept)
    except OUTAGES as error:
        notes.append(f"{outage(uri, error)}; what it has stays")
        return []


def _checkpoints() -> Garbage:
    """Return checkpoints of trainings that are done, or that the results do not rest on."""
    paths: list[Path] = []
    for folder in Path("results").glob("*/checkpoints/"):
        runs = Ledger(folder.parent / "ledger.jsonl", folder.parent.name).runs().values()
        open_ones = [run for run in runs if run.result is None]
        needed = {run.id for run in open_ones if run.tags.get("current") != "false"}
        paths += Checkpoints(folder).others(needed)
    return of_paths("checkpoints", paths)


def _leftovers() -> Garbage:
    """Return what commands that were killed left, and logs of what params.yaml has no more."""
    found = [path for name in FOLDERS for path in Path(name).rglob(PARTIAL)]
    found += [path for pattern in (PARTIAL, *STARTED) for path in Path().glob(pattern)]
    whole = [path for path in found if not any(parent in found for parent in path.parents)]
    names = set(experiment_names())
    logs = [log for log in Path("results").glob("*/run.log") if log.parent.name not in names]
    return of_paths("leftovers", [*filter(_is_left, whole), *logs])


def _is_left(path: Path) -> bool:
    """Tell whether nobody has written to a file or folder for an hour."""
    times = [each.lstat().st_mtime for each in (path, *path.rglob("*"))]
    return time.time() - max(times) > HOUR
