"""Which final people are to use: the best of a variant, and the champion among variants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from seqarena.evaluation.cheapest import cheapest, worth_taking
from seqarena.plots.formats import format_of, p_value
from seqarena.records import Comparison, Summary
from seqarena.runs import Final
from seqarena.tasks.metric import Bounds
from seqarena.tracking.champions import Contender, Crowning


def best_final(finals: Iterable[Final], bounds: Bounds) -> Final:
    """Return the best of a variant's finals on valid, of equal ones the first."""
    return max(finals, key=lambda final: bounds.order(final.score, final.loss))


def crowned(
    before: Crowning | None,
    contenders: Mapping[str, Contender],
    summary: Summary,
    comparison: Comparison,
) -> Crowning:
    """Say who is the champion after a verdict over the `contenders`, one of each variant.

    Who holds the title keeps it until a verdict says that another is better. The first is whom its
    verdict names to take if it must be one, else the best by mean.
    """
    if before is None:
        return _first(contenders, summary, comparison)
    holder, best = before.champion, contenders[comparison.best]
    stays = f"{holder.variant} stays champion"
    if holder.data != best.data:
        told = "the data are others since, so that this verdict says nothing of it"
        return Crowning(holder, f"{stays}: {told}; {_by_hand(best)}", best)
    if holder.variant not in contenders:
        told = "it does not compete any more, so that this verdict says nothing of it"
        return Crowning(holder, f"{stays}: {told}; compare it again, or {_by_hand(best)}", best)
    now = contenders[holder.variant]  # of more repetitions another one may be its best
    if holder.variant == best.variant:
        return Crowning(now, f"{stays}: it has the best mean.")
    pair = comparison.pairs[holder.variant]
    gap = format_of(summary)(abs(pair.difference))
    if pair.word == "worse":
        chance = p_value(pair.p_adjusted)
        told = f"is better by {gap} ({chance})"
        return Crowning(best, f"{best.variant} takes over from {holder.variant}: it {told}.")
    word = "is equivalent to it" if pair.word == "equivalent" else "is not separated from it"
    return Crowning(now, f"{stays}: {best.variant}, {gap} ahead, {word}.", best)


def _first(
    contenders: Mapping[str, Contender], summary: Summary, comparison: Comparison
) -> Crowning:
    best = comparison.best
    if len(contenders) == 1:
        return Crowning(contenders[best], f"{best} is the champion: the only variant.")
    among = worth_taking(comparison, summary.strongest)
    name = cheapest(summary.variants, among, best).name if among else best
    if name == best:
        return Crowning(contenders[best], f"{best} is the champion: it has the best mean.")
    told = f"cheaper than {best}, which has the best mean and is not shown to be better"
    return Crowning(contenders[name], f"{name} is the champion: {told}.", contenders[best])


def _by_hand(best: Contender) -> str:
    return f"to go on with {best.variant}, move the alias `champion` to its version by hand."
