"""Metrics of how classes rank the sequences of a split: no threshold, no calibration."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from seqarena.data.batches import Batch
from seqarena.data.store import Array, DataSpec, Split
from seqarena.models.outputs import Logits
from seqarena.tasks.metric import SHARE, Metric


class Ranking(Metric[Logits]):
    """A score of how sequences are ordered by what is said of a class.

    It is that of the second of two classes; of more, the mean over classes. Each class is judged
    against the rest, where both occur. A row is the log odds of the classes that are judged, then
    the true class. Ranked against ranked, it is no function of sums.
    """

    def __init__(self) -> None:
        super().__init__(SHARE)

    def statistics(self, output: Logits, batch: Batch, spec: DataSpec) -> Tensor:
        logits = output.logits.double()
        two = logits.shape[1] == 2  # of a probability near 1 the digits would be lost
        odds = logits[:, 1:] - logits[:, :1] if two else torch.log_softmax(logits, 1)
        return torch.cat([odds, batch.targets[:, None].double()], 1)

    def of(self, rows: Tensor) -> float:
        values = [value for value, _ in self.judgements(rows)]
        return float(np.mean(values)) if values else float("nan")

    def derivatives(self, rows: Tensor) -> Tensor:
        return torch.from_numpy(np.mean([slopes for _, slopes in self.judgements(rows)], axis=0))

    @abstractmethod
    def judged(self, odds: Array, true: Array) -> tuple[float, Array]:
        """Return the score of odds ``(N,)``, and its derivatives by the weights, ``(N,)``.

        `true` tells which sequences are of the class: some, but not all.
        """

    def judgements(self, rows: Tensor) -> Iterator[tuple[float, Array]]:
        """Judge each class with sequences on both sides, as `judged` does."""
        *columns, classes = rows.cpu().numpy().T
        for number, odds in enumerate(columns, start=1 if len(columns) == 1 else 0):
            true = classes == number
            if true.any() and not true.all():
                yield self.judged(odds, true)

    def undefined(self, split: Split, spec: DataSpec) -> str | None:
        found = np.unique(split.targets)
        return (
            None
            if len(found) > 1
            else f"all sequences are of one class, '{spec.classes[int(found[0])]}'"
        )


class AUROC(Ranking):
    """The area under the ROC curve.

    How a sequence moves it follows from its placement among the others (DeLong et al. 1988).
    """

    def judged(self, odds: Array, true: Array) -> tuple[float, Array]:
        own, others = odds[true], odds[~true]
        of_own, of_others = _below(own, others), 1 - _below(others, own)
        slopes = np.empty(len(odds))
        slopes[true] = (of_own - of_own.mean()) / len(own)
        slopes[~true] = (of_others - of_others.mean()) / len(others)
        return float(of_own.mean()), slopes


class AveragePrecision(Ranking):
    """The area under the precision-recall curve, by steps: what scikit-learn calls so.

    The mean over the sequences of the class of the precision at their own odds: the share of the
    class among all sequences that have at least these.
    """

    def judged(self, odds: Array, true: Array) -> tuple[float, Array]:
        _, place = np.unique(-odds, return_inverse=True)  # equal odds share a place, from the top
        counts, hits = np.bincount(place), np.bincount(place, weights=true)
        above, precision = np.cumsum(counts), np.cumsum(hits) / np.cumsum(counts)
        count = hits.sum()
        value = float((hits * precision).sum() / count)
        # One more sequence changes the precision at its own place and at all below.
        lifts = np.cumsum((hits / above)[::-1])[::-1]
        losses = np.cumsum((hits * precision / above)[::-1])[::-1]
        slopes = true * (precision - value + lifts)[place] - losses[place]
        return value, slopes / count


def _below(values: Array, among: Array) -> Array:
    """Return for each of some values the share of others that stand below it."""
    ordered = np.sort(among)
    places = [np.searchsorted(ordered, values, side) for side in ("left", "right")]
    return np.asarray((places[0] + places[1]) / 2 / len(among))
