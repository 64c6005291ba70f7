"""The next values of a series."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor
from torch.nn import functional as F

from seqarena.data.batches import Batch
from seqarena.data.store import DataSpec
from seqarena.models.outputs import Logits
from seqarena.tasks.metric import ERROR, Mean
from seqarena.tasks.number_errors import Scaled, absolute, in_unit, root, squared
from seqarena.tasks.windows import WindowTask


class Forecasting(WindowTask):
    """H steps ahead; absolute error, so the model aims at the median.

    MAE and RMSE are in the data's unit; MASE divides MAE by the in-sample MAE of the seasonal
    naive forecast (Hyndman & Koehler 2006), of each series by its own. A series of which that
    forecast is always right on train does not count in it.
    """

    metrics: ClassVar = {
        "mae": Mean(ERROR, absolute),
        "rmse": Mean(ERROR, squared, root),
        "mase": Scaled(absolute),
    }

    def outputs(self, spec: DataSpec) -> int:
        return spec.horizon

    def loss(self, output: Logits, batch: Batch) -> tuple[Tensor, int]:
        return F.l1_loss(output.logits, batch.targets, reduction="sum"), batch.targets.numel()

    def predict(self, output: Logits, batch: Batch, spec: DataSpec) -> list[dict[str, Any]]:
        return [{"forecast": row} for row in in_unit(output.logits, batch, spec).tolist()]
