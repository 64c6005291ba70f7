"""`seqarena add` and `seqarena inspect`: what own files hold, and an experiment over them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqarena.cli.asking import ASKED, asked_of
from seqarena.cli.options import takes
from seqarena.config import (
    NAME,
    PARAMS,
    Experiment,
    experiment_names,
    parse,
    read_params,
    with_named_protocol,
)
from seqarena.errors import InputError, unknown
from seqarena.proposal.asked import Asked, Look

if TYPE_CHECKING:
    from seqarena.cli.cost import Seconds
    from seqarena.experiments import ResolvedExperiment

MEDIA = "a folder of media, or a table that lists them"
FEW, FEW_FILES = 200_000, 5_000  # examples that are prepared, to tell what trainings will take
FIRST = "preview"  # the protocol that a new experiment follows where it is there

Files = Annotated[Path, typer.Argument(help="a table, a folder of tables or of files, or a glob")]
PICTURES = Path("inspected")  # pages, each in a folder of its own


@takes(ASKED)
def inspect(
    path: Annotated[
        Path, typer.Argument(metavar="PATH|EXPERIMENT", help="own files, or an experiment")
    ],
    **options: Any,
) -> None:
    """Tell what own files, or an experiment's data, hold, and draw them as models will see them."""
    from seqarena.cli.inspect import page_of_experiment, page_of_files

    if PARAMS.is_file() and str(path) in experiment_names() and not path.exists():
        print(f"Drawn: {page_of_experiment(str(path), PICTURES)}")
        return
    look = look_at(path, asked_of(**options))
    _print(look)
    page, of = page_of_files(path, look.proposal, PICTURES)
    print(f"Drawn: {page}" + (f", of {of}" if of else ""))


@takes(ASKED)
def add(
    name: Annotated[str, typer.Argument(help="of the experiment")],
    path: Files,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show the section alone")] = False,
    **options: Any,
) -> None:
    """Look at own files, and write an experiment over them into params.yaml."""
    from seqarena.cli.cost import lines
    from seqarena.experiments import ResolvedExperiment
    from seqarena.proposal.section import add_section, written
    from seqarena.validation import validate

    if not NAME.fullmatch(name):
        raise InputError(f"{name!r}: expected letters, digits, '-' and '_' as a name")
    params = read_params()
    look = look_at(path, asked_of(**options))
    _print(look)
    protocols = params.get("protocols") or {}
    section = look.proposal.section(FIRST if FIRST in protocols else None)
    where = f"{PARAMS}: experiments.{name}"
    whole = with_named_protocol(section, protocols, PARAMS, where)
    experiment = ResolvedExperiment(name, parse(Experiment, whole, where), where)
    validate(experiment)
    print(f"\n{written(name, section)}")
    for line in lines(experiment, _tried(experiment, look)):
        print(f"# {line}")
    if dry_run:
        return
    add_section(name, section)
    print(f"\nWritten to {PARAMS}. Next: seqarena run {name}")


def _tried(experiment: ResolvedExperiment, look: Look) -> Seconds | None:
    """Return how long trainings take, where data are so few that preparing them costs little."""
    from seqarena.cli.inspect import prepared_for
    from seqarena.cli.trying import tried
    from seqarena.datasets import dataset_of

    if look.proposal.examples > (FEW if look.proposal.of_rows else FEW_FILES):
        return None
    config, where = experiment.config, experiment.where
    with prepared_for(config, dataset_of(config, where), where) as prepared:
        return tried(experiment, prepared)


def look_at(path: Path, asked: Asked) -> Look:
    """Look at own files of whatever kind; raises `InputError` where there are none."""
    from seqarena.datasets.own.tables import is_of_tables
    from seqarena.proposal.folders import look_at_folder
    from seqarena.proposal.tables import look_at_table
    from seqarena.proposal.units import UNITS
    from seqarena.tasks import TASKS

    if not path.exists() and "*" not in str(path):
        raise InputError(f"{path}: no such file or folder; expected a table, or {MEDIA}")
    if asked.task is not None and asked.task not in TASKS:
        raise unknown("--task", "task", asked.task, TASKS)
    if asked.units is not None and asked.units not in UNITS:
        raise unknown("--units", "unit of texts", asked.units, UNITS)
    of_tables = is_of_tables(path) and not _lists_files(path, asked)
    look = (look_at_table if of_tables else look_at_folder)(path, asked)
    proposal = look.proposal
    found = f"{proposal.task} of {proposal.modality}"
    if proposal.modality != "series":
        for option, names in (("input", asked.inputs), ("target", asked.targets)):
            if len(names) > 1:
                given = " ".join(f"--{option} {name}" for name in names)
                told = f"of a series it may be several columns, and this is {found}"
                raise InputError(f"{path}: {given}: {told}")
    if proposal.modality != "text" and asked.units not in (None, proposal.prepare.get("targets")):
        raise InputError(f"{path}: --units {asked.units}: of texts, and this is {found}")
    return look


def _lists_files(path: Path, asked: Asked) -> bool:
    """Tell whether a table names files that lie near it."""
    from seqarena.datasets.own.listed import folder_of_files

    return path.is_file() and folder_of_files(path, asked.reading, asked.input) is not None


def _print(look: Look) -> None:
    for line in look.found:
        print(line)
    for line in look.warnings:
        print(f"warning: {line}")
    proposal = look.proposal
    print(f"Suggests {proposal.task} of {proposal.modality}, by {proposal.metric}.")
