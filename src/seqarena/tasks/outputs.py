"""What each family of tasks predicts from, and what it is scored by."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from seqarena.decode import Hypothesis
from seqarena.models.outputs import Logits, Output


@dataclass(frozen=True, kw_only=True)
class StepLabels(Logits):
    """Logits of the classes per step ``(B, T, K)``, and what is answered."""

    labels: Tensor  # (B, T): the likeliest of each step or, by a CRF, the likeliest together
    label_mask: Tensor | None = None  # (B, T), which steps need a label, where not all do


@dataclass(frozen=True, kw_only=True)
class Likelihood(Output):
    """How likely what came next was, without the logits."""

    nll: Tensor  # (B, U), -log P of each true step


@dataclass(frozen=True, kw_only=True)
class RivalLikelihood(Likelihood):
    """The likelihood of texts that were compared with a false one each."""

    preferred: Tensor  # (B,), whether the true text is likelier than the false one


@dataclass(frozen=True, kw_only=True)
class Written(Output):
    """Texts that were decoded without the targets."""

    hypotheses: list[Hypothesis]  # the best of each sequence
    n_best: list[list[Hypothesis]] | None = None  # those ranked after it


@dataclass(frozen=True, kw_only=True)
class Taught(Written):
    """Written texts, and the logits that the true ones are scored by."""

    truth: Logits
