"""What CTC can spell: a step writes one token at most, and a blank must part two alike."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod

from seqarena.data.store import SPLITS, DataSpec, Prepared, Split
from seqarena.errors import InputWarning


def steps_needed(tokens: Sequence[int]) -> int:
    """Return the fewest steps that spell so many tokens (Graves et al. 2006, section 3.1)."""
    return len(tokens) + sum(one == other for one, other in pairwise(tokens))


def most_steps(spec: DataSpec) -> Callable[[int], int]:
    """Return how many steps of a sequence any variant has at most: of a picture its regions."""
    if spec.modality != "image":
        return lambda length: length
    regions = prod(spec.options["regions"])
    return lambda length: regions


def warn_of_unspellable(
    prepared: Prepared, steps: Callable[[int], int], who: str
) -> dict[str, int]:
    """Count, by split, the targets that are too long for the `steps` left of their sequences.

    If there are any, a warning says that `who` cannot spell them.
    """
    counts = {name: _unspellable(prepared.split(name), steps) for name in SPLITS}
    if any(counts.values()):
        sizes = prepared.spec.sizes
        shares = ", ".join(f"{n} of {sizes[name]} in {name}" for name, n in counts.items() if n)
        reason = "longer than the steps of their sequences"
        warnings.warn(f"{who}: cannot spell targets {reason}: {shares}", InputWarning, stacklevel=2)
    return counts


def _unspellable(split: Split, steps: Callable[[int], int]) -> int:
    return sum(
        steps_needed(split.target(index)[:-1].tolist()) > steps(int(length))
        for index, length in enumerate(split.lengths)
    )
