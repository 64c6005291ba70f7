"""Environment, configuration and data in one page, each problem with its fix."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
import torch
from rich.console import Console
from rich.table import Table

from seqarena.cli.project import pins
from seqarena.cluster.access import named_cluster
from seqarena.config import experiment_names
from seqarena.errors import InputError
from seqarena.experiments import load
from seqarena.tracking.mlflow.projection import default_uri, without_secret

GIB = 1 << 30
MEMORY, DISK = 4, 5  # GiB that a run of the committed params wants


@dataclass(frozen=True)
class Finding:
    """One line of the page; `fix` is empty where nothing is wrong."""

    what: str
    found: str
    fix: str = ""


def print_checks() -> bool:
    """Print every finding; return whether all is well."""
    table = Table("", "what", "found", "fix", title="seqarena check")
    findings = [*_environment(), *_services(), *_experiments()]
    for finding in findings:
        table.add_row("✗" if finding.fix else "✓", finding.what, finding.found, finding.fix)
    Console(width=None if os.isatty(1) else 140).print(table)
    return not any(finding.fix for finding in findings)


def _environment() -> Iterator[Finding]:
    yield Finding("torch", f"{torch.__version__}, {_device()}")
    yield Finding("cores", f"{os.cpu_count()}, {torch.get_num_threads()} threads")
    memory = psutil.virtual_memory().available / GIB
    fix = "" if memory > MEMORY else f"close something: a run wants {MEMORY} GiB"
    yield Finding("free memory", f"{memory:.1f} GiB", fix)
    disk = shutil.disk_usage(".").free / GIB
    yield Finding(
        "free disk", f"{disk:.1f} GiB", "" if disk > DISK else f"free {DISK} GiB for the DVC cache"
    )
    pinned = pins(Path("constraints.txt"))
    for name in ("ray", "mlflow", "dvc", "optuna", "torch"):
        found = _version(name)
        wanted = pinned.get(name, found)
        same = found.split("+")[0] == wanted
        yield Finding(name, found, "" if same else f"pip install {name}=={wanted}")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _device() -> str:
    if torch.cuda.is_available():
        return f"{torch.cuda.device_count()} × {torch.cuda.get_device_name(0)}"
    return "CPU"


def _services() -> Iterator[Finding]:
    yield Finding("MLflow", without_secret(default_uri(), default_uri()))
    try:
        address, where = named_cluster()
        yield Finding("Ray", where if address else "a local cluster")
    except InputError as error:
        yield Finding("Ray", "unusable", str(error))
    mirror = os.environ.get("SEQARENA_MIRROR")
    if mirror:
        there = Path(mirror).is_dir()
        yield Finding("mirror", mirror, "" if there else "SEQARENA_MIRROR names no folder")


def _experiments() -> Iterator[Finding]:
    try:
        names = experiment_names()
    except InputError as error:
        yield Finding("params.yaml", "unusable", str(error))
        return
    for name in names:
        try:
            experiment = load(name)
        except InputError as error:
            yield Finding(name, "misconfigured", str(error))
            continue
        stages: dict[str, Callable[[], bool]] = {
            "fetched": experiment.raw.is_dir,
            "prepared": (experiment.prepared / "spec.json").is_file,
            "searched": (experiment.results / "search.json").is_file,
            "trained": (experiment.models / "finals.json").is_file,
            "evaluated": (experiment.results / "summary.json").is_file,
        }
        done = [stage for stage, there in stages.items() if there()]
        yield Finding(name, f"{experiment.config.data}: {', '.join(done) or 'not fetched yet'}")
