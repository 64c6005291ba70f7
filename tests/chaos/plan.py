"""Which faults are injected, in what order, drawn from a seed."""

from __future__ import annotations

import random

from .arena import Arena
from .faults import FAULTS


def plan(count: int, chance: random.Random, *, network: bool) -> list[str]:
    """Draw so many faults; each kind is there before one is there again by chance.

    Those of the network are left out where there is none that can break.
    """
    names = [name for name in FAULTS if network or not name.startswith("a network")]
    chance.shuffle(names)
    more = chance.choices(names, [FAULTS[name][0] for name in names], k=max(0, count - len(names)))
    drawn = names[:count] + more
    chance.shuffle(drawn)
    return drawn


def inject(name: str, arena: Arena) -> None:
    """Bring a run to a random moment and let a fault happen there."""
    FAULTS[name][1](arena, arena.moment())
