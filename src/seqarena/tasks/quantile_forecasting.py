"""The next values of a series with how sure they are: quantiles of each step ahead."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from seqarena.data.batches import Batch
from seqarena.data.store import Array, DataSpec
from seqarena.decode import Decoding
from seqarena.models.attention import Attention
from seqarena.models.heads import PooledHead
from seqarena.models.model import SequenceModel
from seqarena.models.outputs import Logits
from seqarena.models.variant import Variant
from seqarena.tasks import number_errors
from seqarena.tasks.conformal import Calibrated, Calibrates, margins_of, widened
from seqarena.tasks.metric import ERROR, SHARE, Additive, Mean
from seqarena.tasks.windows import WindowTask

LEVELS = tuple(round(0.1 * n, 1) for n in range(1, 10))  # of the quantiles, the median among them
INNER = 0.8  # how much the outermost of them ought to hold between them


def quantiles_of(logits: Tensor) -> Tensor:
    """Return quantiles ``(B, H, 9)`` of ``(B, 9 H)``, in order.

    Sorted, they are no worse a forecast than those that cross (Chernozhukov et al. 2010).
    """
    ordered: Tensor = logits.unflatten(1, (-1, len(LEVELS))).sort(2).values
    return ordered


def pinball(quantiles: Tensor, truth: Tensor) -> Tensor:
    """Return the loss of each quantile ``(B, H, 9)`` of a truth ``(B, H)``.

    Its mean is least where the truth is below a quantile as often as its level says (Koenker and
    Bassett 1978).
    """
    above = truth[:, :, None] - quantiles
    levels = torch.tensor(LEVELS, dtype=quantiles.dtype, device=quantiles.device)
    return torch.maximum(levels * above, (levels - 1) * above)


def crps(output: Logits, batch: Batch, spec: DataSpec) -> tuple[Tensor, Tensor]:
    """Return each sequence's sum of twice the mean pinball loss over levels, and its steps.

    It is the continuous ranked probability score (Gneiting & Raftery 2007) by nine levels, and
    absolute error where all quantiles are one.
    """
    losses = pinball(quantiles_of(output.logits).double(), batch.targets.double())
    sums = 2 * losses.mean(2).sum(1) * number_errors.scales_of(batch, spec)[:, 1]
    return sums, torch.full_like(sums, losses.shape[1])


def absolute(output: Logits, batch: Batch, spec: DataSpec) -> tuple[Tensor, Tensor]:
    """Return what `number_errors.absolute` does, of the median."""
    median = quantiles_of(output.logits)[:, :, LEVELS.index(0.5)]
    return number_errors.absolute(replace(output, logits=median), batch, spec)


class CoverageError(Additive[Logits]):
    """How far the share of steps between the outermost quantiles is from `INNER`.

    A row is ``(2,)``: steps between them, and steps.
    """

    chooses = False

    def __init__(self, needs: type[Logits] = Logits) -> None:
        super().__init__(SHARE._replace(worst=1.0, best=0.0), needs)

    def quantiles(self, output: Logits) -> Tensor:
        """Return the quantiles in question, ``(B, H, 9)``."""
        return quantiles_of(output.logits)

    def statistics(self, output: Logits, batch: Batch, spec: DataSpec) -> Tensor:
        quantiles = self.quantiles(output)
        low, high = quantiles[:, :, 0], quantiles[:, :, -1]
        inside = ((batch.targets >= low) & (batch.targets <= high)).double()
        return torch.stack([inside.sum(1), torch.full_like(inside[:, 0], inside.shape[1])], 1)

    def score(self, sums: Tensor) -> Tensor:
        return (sums[0] / sums[1] - INNER).abs()


class UncalibratedCoverageError(CoverageError):
    """The coverage error before the calibration on valid."""

    def __init__(self) -> None:
        super().__init__(Calibrated)

    def quantiles(self, output: Logits) -> Tensor:
        assert isinstance(output, Calibrated)
        return quantiles_of(output.uncalibrated)


class QuantileHead(PooledHead):
    """A head with the margins that its quantiles lack, 0 until they are calibrated."""

    margins: Tensor  # (H, 4), in the unit of the scaled target

    def __init__(
        self, width: int, attention: Attention | None, outputs: int, dropout: float
    ) -> None:
        super().__init__(width, attention, outputs, dropout)
        self.register_buffer("margins", torch.zeros(outputs // len(LEVELS), len(LEVELS) // 2))


class QuantileForecasting(WindowTask, Calibrates):
    """Nine quantiles of each of H steps ahead; the mean pinball loss of all.

    CRPS and MAE (of the median) are in the data's unit. The intervals of finals are calibrated on
    valid, each of them at each step ahead by itself. What comes next in time is not drawn with what
    came before, so that they hold about what they say, not surely.
    """

    metrics: ClassVar = {
        "crps": Mean(ERROR, crps),
        "mae": Mean(ERROR, absolute),
        "coverage_error": CoverageError(),
        "uncalibrated_coverage_error": UncalibratedCoverageError(),
    }

    def outputs(self, spec: DataSpec) -> int:
        return spec.horizon * len(LEVELS)

    def head_type(self, variant: Variant) -> type[PooledHead]:
        return QuantileHead

    def forward(
        self, model: SequenceModel, batch: Batch, spec: DataSpec, decoding: Decoding | None = None
    ) -> Logits:
        return _calibrated(model, super().forward(model, batch, spec, decoding))

    def forward_with_targets(
        self, model: SequenceModel, batch: Batch, spec: DataSpec, metrics: Collection[str]
    ) -> Logits:
        return _calibrated(model, super().forward_with_targets(model, batch, spec, metrics))

    def calibrate(
        self, model: SequenceModel, outputs: Iterable[tuple[Array, Batch, Logits]]
    ) -> None:
        margins = _margins(model)
        margins.zero_()
        parts = [(quantiles_of(output.logits), batch.targets) for _, batch, output in outputs]
        said, truth = (torch.cat(each) for each in zip(*parts, strict=True))
        margins.copy_(margins_of(said, truth, LEVELS))

    def loss(self, output: Logits, batch: Batch) -> tuple[Tensor, int]:
        quantiles = output.logits.unflatten(1, (-1, len(LEVELS)))
        return pinball(quantiles, batch.targets).sum(), quantiles.numel()

    def predict(self, output: Logits, batch: Batch, spec: DataSpec) -> list[dict[str, Any]]:
        values = number_errors.in_unit(quantiles_of(output.logits), batch, spec)
        return [
            {
                "forecast": rows[:, LEVELS.index(0.5)].tolist(),
                "quantiles": dict(zip(map(str, LEVELS), rows.T.tolist(), strict=True)),
            }
            for rows in values
        ]


def _margins(model: SequenceModel) -> Tensor:
    assert isinstance(model.head, QuantileHead)
    return model.head.margins


def _calibrated(model: SequenceModel, output: Logits) -> Calibrated:
    """Keep what was said beside what valid made of it; until then they are the same."""
    said, margins = output.logits, _margins(model)
    if margins.any():
        said = widened(quantiles_of(said), margins).flatten(1)
    return Calibrated(**{**vars(output), "logits": said}, uncalibrated=output.logits)
