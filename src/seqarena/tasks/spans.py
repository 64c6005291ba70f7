"""The metric of spans that labels of steps mark: names in a sentence, events in a recording."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from seqarena.data.batches import Batch
from seqarena.data.store import DataSpec, Split
from seqarena.models.outputs import Logits
from seqarena.tasks.class_metrics import UNLABELLED
from seqarena.tasks.metric import SHARE, Additive

OUTSIDE = "O"
BEGINS, ENDS = ("B", "S"), ("E", "S")  # a span that such a tag begins, or ends, whatever is beside


class Span(NamedTuple):
    """Steps of one kind."""

    kind: str
    start: int
    end: int  # the step after the last


def spans(tags: Sequence[str]) -> Iterator[Span]:
    """Yield the spans of tags ``B-x``, ``I-x``, ``E-x``, ``S-x`` and ``O``, in order.

    As conlleval (Tjong Kim Sang & Buchholz 2000) and seqeval read them, a span also begins where an
    ``I-x`` follows no ``x``, so that tags of any scheme, and wrong ones, have spans.
    """
    kind, start, ended = "", -1, True
    for step, tag in enumerate([*tags, OUTSIDE]):
        place, _, own = tag.partition("-")
        goes_on = not ended and tag != OUTSIDE and place not in BEGINS and own == kind
        if start >= 0 and not goes_on:
            yield Span(kind, start, step)
            start = -1
        if tag != OUTSIDE and start < 0:
            kind, start = own, step
        ended = tag == OUTSIDE or place in ENDS


class SpanF1(Additive[Logits]):
    """The F1 of spans over all kinds: right are those of the true kind, start and end.

    A row is ``(3,)``: true spans, predicted ones, and those that are both. A step without a label
    is passed over.
    """

    def __init__(self, classes: Callable[[Logits, Batch], tuple[Tensor, Tensor]]) -> None:
        """Take what tells the predicted and the true class of each step, ``(B, T)`` each."""
        super().__init__(SHARE)
        self.classes = classes

    def statistics(self, output: Logits, batch: Batch, spec: DataSpec) -> Tensor:
        rows = []
        for said, truth in zip(*self.classes(output, batch), strict=True):
            labelled = truth != UNLABELLED
            predicted, true = (
                set(spans([spec.classes[number] for number in tags[labelled].tolist()]))
                for tags in (said, truth)
            )
            rows.append([len(true), len(predicted), len(true & predicted)])
        return torch.tensor(rows, dtype=torch.float64)

    def score(self, sums: Tensor) -> Tensor:
        true, said, both = sums
        f1: Tensor = 2 * both / (true + said).clamp(min=1)
        return f1

    def undefined(self, split: Split, spec: DataSpec) -> str | None:
        within = [tag for tag in spec.classes if tag[:2] in ("B-", "I-", "E-", "S-")]
        odd = [tag for tag in spec.classes if tag not in within and tag != OUTSIDE]
        if odd:
            return f"the class '{odd[0]}' is no tag such as 'B-x', 'I-x' or '{OUTSIDE}'"
        marked = 1 + torch.tensor([spec.classes.index(tag) for tag in within])
        if not torch.isin(torch.from_numpy(split.targets[:].astype("int64")), marked).any():
            return f"every step is '{OUTSIDE}'"
        return None
