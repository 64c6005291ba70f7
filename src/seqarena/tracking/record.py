"""The recorder of a stage: its ledger, written to MLflow as it grows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from seqarena.experiments import Arena
from seqarena.files import digest_of
from seqarena.ledger import Ledger
from seqarena.recorder import Recorder
from seqarena.tracking.projection import Projection


@contextmanager
def recorder_for(arena: Arena) -> Iterator[Recorder]:
    """Open an experiment's ledger for a stage; MLflow holds all of it when the block ends."""
    arena.results.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(arena.ledger, arena.name)
    ledger.close_orphans()
    tags = {
        "experiment": arena.name,
        "modality": arena.dataset.modality,
        "data.name": arena.config.data,
        "data.digest": digest_of(arena.prepared),
    }
    projection = Projection(ledger)
    try:
        yield Recorder(ledger, tags, projection.maybe_update, projection.update)
    finally:
        projection.update()
