"""How an experiment ended, in three words or so: what a card of the report says."""

from __future__ import annotations

from seqarena.models.variants import VARIANTS, attends
from seqarena.records import Comparison


def ending(comparison: Comparison, strongest: str | None) -> str:
    """Say what won, or how many are left; `strongest` is the best baseline, if there is any.

    No more is claimed than the verdict does: a variant wins only where no other is in the best set
    and where the strongest baseline is beaten; attention wins where both hold for all that have it.
    """
    best_set, count = comparison.best_set, 1 + len(comparison.pairs)
    against = comparison.baselines[strongest] if strongest is not None else {}
    words = {name: pair.word for name, pair in against.items()}
    if comparison.loses_to(strongest):
        return "baseline wins"
    if words and not any(words[name] == "better" for name in best_set):
        return "baseline not beaten"
    if count == 1 and not words:
        return "only one variant"
    if len(best_set) == 1:
        return f"{comparison.best} wins"
    if all(words.get(name, "better") == "better" for name in best_set) and _attend(comparison):
        return "attention wins"
    equal = all(comparison.pairs[name].word == "equivalent" for name in best_set[1:])
    return f"{'equivalent' if equal else 'not separated'}: {len(best_set)} of {count}"


def _attend(comparison: Comparison) -> bool:
    """Whether attention is what the best have and not all others do."""
    attending = {name for name, variant in VARIANTS.items() if attends(variant)}
    return set(comparison.best_set) <= attending and not comparison.pairs.keys() <= attending
