"""One number for a whole sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from seqarena.data.batches import Batch
from seqarena.data.store import DataSpec
from seqarena.models.outputs import Logits
from seqarena.tasks.conformal import Calibrates, CoverageError, widened
from seqarena.tasks.metric import ERROR, Mean
from seqarena.tasks.number_errors import absolute, in_unit, scales_of, squared


@dataclass(frozen=True, kw_only=True)
class Interval(Logits):
    """A number, and an interval around it that ought to hold the truth 80 times in 100."""

    low: Tensor  # (B, 1), as `logits`
    high: Tensor


def ends(output: Interval) -> tuple[Tensor, Tensor]:
    """Return the ends of the intervals, ``(B, 1)`` each."""
    return output.low, output.high


def width(output: Interval, batch: Batch, spec: DataSpec) -> tuple[Tensor, Tensor]:
    """Return each sequence's width of the interval in the data's unit, and 1, ``(B,)`` each."""
    widths = (output.high - output.low).double() * scales_of(batch, spec)[:, 1:2]
    return widths[:, 0], torch.ones_like(widths[:, 0])


class IntervalWidth(Mean[Interval]):
    """How wide intervals are, on average: the narrower the better, if they hold what they say."""

    chooses = False

    def __init__(self) -> None:
        super().__init__(ERROR, width, needs=Interval)


class Regression(Calibrates):
    """A number; squared error, so the model aims at the mean. MSE and MAE are in its own unit.

    The interval of a final is as wide for every input: by the absolute errors on valid. It holds
    80 % on average over inputs that are drawn as those of valid were (exchangeable), if valid had
    not chosen the model too: a little less, then, and not for every kind of input.
    """

    metrics: ClassVar = {
        "mse": Mean(ERROR, squared),
        "mae": Mean(ERROR, absolute),
        "coverage_error": CoverageError(ends, Interval),
        "interval_width": IntervalWidth(),
    }
    modalities = frozenset({"text", "audio", "signal", "video", "image"})
    targets = frozenset({"number"})
    levels = (0.1, 0.5, 0.9)

    def outputs(self, spec: DataSpec) -> int:
        return 1

    def quantiles(self, logits: Tensor) -> Tensor:
        return logits[..., None].expand(*logits.shape, len(self.levels))

    def with_margins(self, output: Logits, margins: Tensor) -> Interval:
        low, _, high = widened(self.quantiles(output.logits), margins).unbind(-1)
        return Interval(**vars(output), low=low, high=high)

    def predictions(self, output: Logits) -> list[Any]:
        """Return the number of each sequence ``(1,)``; with the ends of its interval ``(3,)``."""
        around = ends(output) if isinstance(output, Interval) else ()
        return list(torch.cat([output.logits, *around], 1).cpu().numpy())

    def output_from_predictions(self, predictions: list[Any], batch: Batch) -> Logits:
        said, *around = torch.from_numpy(np.stack(predictions)).split(1, 1)
        if not around:
            return Logits(logits=said, lengths=batch.lengths)
        low, high = around
        return Interval(logits=said, low=low, high=high, lengths=batch.lengths)

    def loss(self, output: Logits, batch: Batch) -> tuple[Tensor, int]:
        return F.mse_loss(output.logits, batch.targets, reduction="sum"), len(batch.targets)

    def predict(self, output: Logits, batch: Batch, spec: DataSpec) -> list[dict[str, Any]]:
        assert isinstance(output, Interval)
        said = torch.cat([output.logits, *ends(output)], 1)
        names = ("value", "lower", "upper")
        rows = in_unit(said, batch, spec).tolist()
        return [dict(zip(names, row, strict=True)) for row in rows]
