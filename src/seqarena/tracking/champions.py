"""Who is the champion of an experiment, as the run of a verdict says it in its tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seqarena.tracking.ledger import Ledger

BEST = "best"  # tag of a final: whether it is the one of its variant that people are to use


@dataclass(frozen=True)
class Contender:
    """A variant, and the final of it that stands for it."""

    variant: str
    final: str  # its run in the ledger
    data: str  # digest of the data that it learned from

    def tags(self, role: str) -> dict[str, str]:
        """Return the tags that say it of a verdict."""
        return {role: self.variant, f"{role}.final": self.final, f"{role}.data": self.data}

    @classmethod
    def of(cls, role: str, tags: Mapping[str, str]) -> Contender | None:
        """Read it back; None where the tags name nobody."""
        if role not in tags:
            return None
        return cls(tags[role], tags[f"{role}.final"], tags[f"{role}.data"])


@dataclass(frozen=True)
class Crowning:
    """What a verdict means for the title."""

    champion: Contender
    reason: str  # why it is the champion, or why the challenger is not: one sentence
    challenger: Contender | None = None  # the best by mean, where that is another

    @property
    def tags(self) -> dict[str, str]:
        """The tags of the verdict's run."""
        challenger = self.challenger.tags("challenger") if self.challenger else {}
        return {**self.champion.tags("champion"), "champion.why": self.reason, **challenger}

    @classmethod
    def of(cls, tags: Mapping[str, str]) -> Crowning | None:
        """Read it back; None of a verdict that says nothing of it."""
        champion = Contender.of("champion", tags)
        if champion is None:
            return None
        return cls(champion, tags["champion.why"], Contender.of("challenger", tags))


def last_crowning(ledger: Ledger) -> Crowning | None:
    """Return what the last finished verdict of an experiment said, if any did."""
    for run in reversed(ledger.runs("verdict").values()):
        found = Crowning.of(run.tags) if run.status == "FINISHED" else None
        if found is not None:
            return found
    return None
