"""The page of `seqarena inspect`: data as models will see them, prepared for it where need be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from seqarena.config import Experiment, parse
from seqarena.data.modalities import modality, options_of
from seqarena.data.store import Prepared
from seqarena.datasets import dataset_of
from seqarena.experiments import load
from seqarena.proposal.section import Proposal
from seqarena.report.look import write_look


def page_of_experiment(name: str, out: Path) -> Path:
    """Draw the data of an experiment, prepared by DVC; return the page."""
    from seqarena.cli.run import check_project, repro

    check_project()
    experiment = load(name)
    repro(f"prepare@{name}")
    return write_look(name, Prepared(experiment.prepared), out / name)


def page_of_files(path: Path, proposal: Proposal, out: Path) -> Path:
    """Draw own files as an experiment would have them that is suggested for them."""
    config = parse(Experiment, proposal.section(None), "suggested")
    with prepared_for(config, "suggested") as prepared:
        return write_look(path.stem, prepared, out / path.stem)


@contextmanager
def prepared_for(config: Experiment, where: str) -> Iterator[Prepared]:
    """Prepare the data of an experiment for a moment; raises `InputError` as its stages would."""
    kind, options = modality(config.modality), options_of(config, where)
    with TemporaryDirectory(prefix="seqarena-") as name:
        raw, prepared = Path(name, "raw"), Path(name, "prepared")
        raw.mkdir()
        dataset_of(config, where).write(raw)
        kind.write(raw, prepared, options, config.protocol.seed)
        yield Prepared(prepared)
