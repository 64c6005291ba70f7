"""N-grams of what comes next, as baselines; see `seqarena.models.kneser_ney`."""

from __future__ import annotations

from seqarena.data.store import Array, Prepared
from seqarena.models.kneser_ney import KneserNey, targets_of


def kneser_ney_trigram(prepared: Prepared) -> list[Array]:
    """Interpolated modified Kneser-Ney trigram: ``-log P`` of each target, in nats, ``(T,)``."""
    return _nlls(prepared, order=3)


def unigram(prepared: Prepared) -> list[Array]:
    """How common each word is in train, whatever stands before it; as `kneser_ney_trigram`."""
    return _nlls(prepared, order=1)


def _nlls(prepared: Prepared, order: int) -> list[Array]:
    train, test = (targets_of(prepared.split(name)) for name in ("train", "test"))
    model = KneserNey(train, len(prepared.spec.vocabulary), order)
    return [-logs for logs in model.log_probabilities(test)]
