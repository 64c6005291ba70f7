"""The next values of a series with how sure they are: quantiles of each step ahead."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from seqarena.data.batches import Batch
from seqarena.data.store import Array, DataSpec
from seqarena.models.outputs import Logits
from seqarena.tasks import number_errors
from seqarena.tasks.base import PooledTask
from seqarena.tasks.metric import ERROR, SHARE, Additive, Mean

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
    sums = 2 * losses.mean(2).sum(1) * spec.target["std"]
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

    def __init__(self) -> None:
        super().__init__(SHARE._replace(worst=1.0, best=0.0))

    def statistics(self, output: Logits, batch: Batch, spec: DataSpec) -> Tensor:
        quantiles = quantiles_of(output.logits)
        low, high = quantiles[:, :, 0], quantiles[:, :, -1]
        inside = ((batch.targets >= low) & (batch.targets <= high)).double()
        return torch.stack([inside.sum(1), torch.full_like(inside[:, 0], inside.shape[1])], 1)

    def score(self, sums: Tensor) -> Tensor:
        return (sums[0] / sums[1] - INNER).abs()


class QuantileForecasting(PooledTask):
    """Nine quantiles of each of H steps ahead; the mean pinball loss of all.

    CRPS and MAE (of the median) are in the data's unit.
    """

    metrics: ClassVar = {
        "crps": Mean(ERROR, crps),
        "mae": Mean(ERROR, absolute),
        "coverage_error": CoverageError(),
    }
    modalities = frozenset({"series"})
    targets = frozenset()

    def outputs(self, spec: DataSpec) -> int:
        return spec.horizon * len(LEVELS)

    def loss(self, output: Logits, batch: Batch) -> tuple[Tensor, int]:
        quantiles = output.logits.unflatten(1, (-1, len(LEVELS)))
        return pinball(quantiles, batch.targets).sum(), quantiles.numel()

    def predict(self, output: Logits, spec: DataSpec) -> list[dict[str, Any]]:
        values = in_unit(quantiles_of(output.logits).double().cpu().numpy(), spec)
        return [
            {
                "forecast": rows[:, LEVELS.index(0.5)].tolist(),
                "quantiles": dict(zip(map(str, LEVELS), rows.T.tolist(), strict=True)),
            }
            for rows in values
        ]


def in_unit(values: Array, spec: DataSpec) -> Array:
    """Return scaled values in the unit of the data."""
    unscaled: Array = values * spec.target["std"] + spec.target["mean"]
    return unscaled
