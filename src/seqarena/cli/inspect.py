"""The page of `seqarena inspect`: data as models will see them, prepared for it where need be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from seqarena.config import Experiment, parse
from seqarena.data.modalities import modality, options_of
from seqarena.data.store import Prepared
from seqarena.datasets.base import Dataset
from seqarena.datasets.own import OwnFiles
from seqarena.experiments import load
from seqarena.proposal.section import Proposal
from seqarena.report.look import write_look

MOST_ROWS, MOST_FILES = 20_000, 2_000  # that are prepared for a page


def page_of_experiment(name: str, out: Path) -> Path:
    """Draw the data of an experiment, prepared by DVC; return the page."""
    from seqarena.cli.dvc import repro
    from seqarena.cli.project import check_project

    check_project()
    experiment = load(name)
    repro(f"prepare@{name}")
    return write_look(name, Prepared(experiment.prepared), out / name)


def page_of_files(path: Path, proposal: Proposal, out: Path) -> tuple[Path, str]:
    """Draw own files as an experiment would have them that is suggested for them.

    Of many not all are drawn. Return the page, and of what.
    """
    config = parse(Experiment, proposal.section(None), "suggested")
    most = MOST_ROWS if proposal.of_rows else MOST_FILES
    share, told = 1.0, ""
    if proposal.examples > most and proposal.modality != "series":  # of which none may be missing
        share = most / proposal.examples
        told = f"about {most:,} of {proposal.examples:,} {'rows' if proposal.of_rows else 'files'}"
    targets = str(config.prepare.get("targets", "label"))
    own = OwnFiles(config.own, config.modality, "suggested.data", targets, share)
    with prepared_for(config, own, "suggested") as prepared:
        return write_look(path.stem, prepared, out / path.stem, told), told


@contextmanager
def prepared_for(config: Experiment, data: Dataset, where: str) -> Iterator[Prepared]:
    """Prepare the data of an experiment for a moment; raises `InputError` as its stages would."""
    kind, options = modality(config.modality), options_of(config, where)
    with TemporaryDirectory(prefix="seqarena-") as name:
        raw, prepared = Path(name, "raw"), Path(name, "prepared")
        raw.mkdir()
        data.write(raw)
        kind.write(raw, prepared, options, config.protocol.seed)
        yield Prepared(prepared)
