"""The next values of a series with how sure they are: quantiles of each step ahead."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from seqarena.data.batches import Batch
from seqarena.data.store import DataSpec
from seqarena.models.outputs import Logits
from seqarena.tasks import number_errors
from seqarena.tasks.conformal import Calibrated, Calibrates, CoverageError, widened
from seqarena.tasks.metric import ERROR, Mean
from seqarena.tasks.windows import WindowTask

LEVELS = tuple(round(0.1 * n, 1) for n in range(1, 10))  # of the quantiles, the median among them


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


def ends(output: Logits) -> tuple[Tensor, Tensor]:
    """Return the outermost quantiles, ``(B, H)`` each."""
    quantiles = quantiles_of(output.logits)
    return quantiles[:, :, 0], quantiles[:, :, -1]


def uncalibrated_ends(output: Calibrated) -> tuple[Tensor, Tensor]:
    """Return what `ends` does, of what was said before."""
    return ends(replace(output, logits=output.uncalibrated))


class QuantileForecasting(Calibrates, WindowTask):
    """Nine quantiles of each of H steps ahead; the mean pinball loss of all.

    CRPS and MAE (of the median) are in the data's unit; scaled CRPS divides by what MASE does. The
    intervals of finals are calibrated on valid, each of them at each step ahead by itself. What
    comes next in time is not drawn with what came before, so that they hold about what they say,
    not surely.
    """

    metrics: ClassVar = {
        "crps": Mean(ERROR, crps),
        "mae": Mean(ERROR, absolute),
        "scaled_crps": number_errors.Scaled(crps),
        "coverage_error": CoverageError(ends),
        "uncalibrated_coverage_error": CoverageError(uncalibrated_ends, Calibrated),
    }
    levels = LEVELS

    def outputs(self, spec: DataSpec) -> int:
        return spec.horizon * len(LEVELS)

    def quantiles(self, logits: Tensor) -> Tensor:
        return quantiles_of(logits)

    def with_margins(self, output: Logits, margins: Tensor) -> Calibrated:
        """Keep what was said beside what valid made of it; until then they are the same."""
        said = output.logits
        if margins.any():
            said = widened(quantiles_of(said), margins).flatten(1)
        return Calibrated(**{**vars(output), "logits": said}, uncalibrated=output.logits)

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
