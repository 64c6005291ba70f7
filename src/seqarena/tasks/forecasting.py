"""The next values of a series."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from seqarena.data.batches import Batch
from seqarena.data.store import DataSpec
from seqarena.models.outputs import Logits
from seqarena.tasks.base import Counts, PooledTask
from seqarena.tasks.metric import ERROR


class Forecasting(PooledTask):
    """H steps ahead; absolute error, so the model aims at the median.

    MAE and RMSE are in the data's unit; MASE divides MAE by the in-sample MAE of the seasonal
    naive forecast (Hyndman & Koehler 2006).
    """

    metrics: ClassVar = dict.fromkeys(("mae", "rmse", "mase"), ERROR)
    modalities = frozenset({"series"})
    targets = frozenset()

    def outputs(self, spec: DataSpec) -> int:
        return spec.horizon

    def loss(self, output: Logits, batch: Batch) -> tuple[Tensor, int]:
        return F.l1_loss(output.logits, batch.targets, reduction="sum"), batch.targets.numel()

    def counts(
        self, output: Logits, batch: Batch, spec: DataSpec, metrics: Collection[str]
    ) -> Counts:
        error = (output.logits - batch.targets).double() * spec.target["std"]
        absolute = error.abs().sum()
        sums = {"mae": absolute, "rmse": error.square().sum(), "mase": absolute}
        values = error.new_tensor(error.numel())
        return {metric: torch.stack([sums[metric], values]) for metric in metrics}

    def scores(self, counts: Counts, spec: DataSpec) -> dict[str, float]:
        means = {metric: total / values for metric, (total, values) in counts.items()}
        scores = {metric: float(mean) for metric, mean in means.items()}
        if "rmse" in means:
            scores["rmse"] = float(means["rmse"].sqrt())
        if "mase" in means:
            scores["mase"] = scores["mase"] / spec.target["naive_mae"]
        return scores

    def per_example(self, metric: str, output: Logits, batch: Batch, spec: DataSpec) -> Tensor:
        error = (output.logits - batch.targets) * spec.target["std"]
        if metric == "rmse":
            return error.square().mean(1).sqrt()
        mae = error.abs().mean(1)
        return mae / spec.target["naive_mae"] if metric == "mase" else mae

    def predict(self, output: Logits, spec: DataSpec) -> list[dict[str, Any]]:
        values = output.logits.double() * spec.target["std"] + spec.target["mean"]
        return [{"forecast": row} for row in values.tolist()]
