"""One Ray for all searches, or finals, of a test file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from seqarena.config import Experiment
from seqarena.experiments import ResolvedExperiment
from seqarena.search.cluster import Slot, cluster


def over(config: Experiment, prepared: Path, root: Path) -> ResolvedExperiment:
    """Make the experiment `toy` of a project at `root` over data that is prepared elsewhere."""
    experiment = ResolvedExperiment("toy", config, "params.yaml: experiments.toy", root)
    experiment.prepared.parent.mkdir(parents=True, exist_ok=True)
    experiment.prepared.symlink_to(prepared)
    return experiment


@pytest.fixture(scope="module")
def slot() -> Iterator[Slot]:
    with cluster() as slot:
        yield slot
