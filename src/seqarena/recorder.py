"""Where a stage tells what happened: the ledger, and whoever shows it meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from seqarena.ledger import Ledger


def _nobody() -> None:
    """Show it to nobody."""


@dataclass(frozen=True)
class Recorder:
    """The ledger of an experiment, the tags all its runs carry, and its projection."""

    ledger: Ledger
    tags: dict[str, str]
    maybe_update: Callable[[], object] = _nobody  # cheap: for hot loops
    update: Callable[[], object] = _nobody  # everything up to now
