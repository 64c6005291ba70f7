"""The page of `seqarena inspect`: data as models will see them, prepared for it where need be."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from seqarena.config import Experiment, parse
from seqarena.data.modalities import modality, options_of
from seqarena.data.store import Prepared, write_spec
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
    kind = modality(config.modality)
    with TemporaryDirectory(prefix="seqarena-") as name:
        raw, prepared = Path(name, "raw"), Path(name, "prepared")
        raw.mkdir()
        dataset_of(config, "suggested").write(raw)
        options = options_of(config, "suggested")
        write_spec(prepared / "spec.json", kind.prepare(raw, prepared, options, seed=0))
        return write_look(path.stem, Prepared(prepared), out / path.stem)
