"""DLinear and PatchTST against their papers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seqarena.data.batches import collate
from seqarena.data.store import DataSpec
from seqarena.errors import InputError
from seqarena.models.lookback import DLinear, PatchTST, patch_tst
from seqarena.tasks import TASKS

Choose = Callable[..., dict[str, Any]]


class SeriesDecomp(nn.Module):
    """`series_decomp` of the authors' code (LTSF-Linear), over ``(B, T, D)``."""

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.kernel, self.avg = kernel, nn.AvgPool1d(kernel, stride=1, padding=0)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        front = x[:, 0:1].repeat(1, (self.kernel - 1) // 2, 1)
        end = x[:, -1:].repeat(1, (self.kernel - 1) // 2, 1)
        mean = self.avg(torch.cat([front, x, end], dim=1).permute(0, 2, 1)).permute(0, 2, 1)
        return x - mean, mean


@pytest.mark.parametrize("task", ["forecasting", "quantile_forecasting"])
@pytest.mark.parametrize("smoothing", [5, 25])
def test_of_a_lone_target_it_is_dlinear(
    smoothing: int, task: str, specs: dict[str, DataSpec], hyperparameters: Choose
) -> None:
    spec = replace(specs["series"], feature_shape=(1,), max_length=16)
    chosen = hyperparameters("dlinear", "series", smoothing=smoothing, patch=4)
    model = TASKS[task].model("dlinear", spec, chosen).eval()
    random = np.random.default_rng(0)
    batch = collate([random.normal(size=(16, 1)).astype(np.float32) for _ in range(3)])
    layer = model.head.output[1]
    seasonal, trend = SeriesDecomp(smoothing)(batch.inputs)
    of_seasonal, of_trend = layer.weight.chunk(2, dim=1)
    wanted = seasonal[..., 0] @ of_seasonal.T + trend[..., 0] @ of_trend.T + layer.bias
    torch.testing.assert_close(model(batch).logits, wanted)
    assert sum(p.numel() for p in model.parameters()) == len(layer.bias) * (2 * 16 + 1)


def test_columns_are_told_apart_across_patches() -> None:
    x = torch.arange(12.0).view(1, 6, 2)
    wanted = torch.stack(SeriesDecomp(3)(x), dim=1).transpose(2, 3)  # (B, part, D, T)
    found = DLinear(2, 3, 2, smoothing=3).read(x.view(1, 2, 6)).view(1, 2, 2, 6)
    torch.testing.assert_close(found.transpose(1, 2), wanted)


def patched(columns: int = 3, dropout: float = 0.0) -> PatchTST:
    torch.manual_seed(0)
    encoder = PatchTST(columns, 4, 5, width=8, layers=2, heads=2, dropout=dropout).double()
    for parameter in encoder.parameters():
        nn.init.normal_(parameter, std=0.5)
    return encoder.eval()


def test_each_column_goes_by_itself_through_the_same_weights() -> None:
    encoder, x = patched(), torch.randn(2, 20, 3, dtype=torch.float64)
    found = encoder.read(x.view(2, 5, 12)).view(2, 3, 5, 8)
    for column in range(3):
        patches = x[:, :, column].view(2, 5, 4)
        h = patches @ encoder.project.weight.T + encoder.project.bias + encoder.positions
        for layer in encoder.layers:
            whole = nn.TransformerEncoderLayer(
                8, 2, 32, 0.0, "gelu", batch_first=True, norm_first=True, dtype=torch.float64
            )
            theirs = (
                whole.norm1, whole.norm2, whole.self_attn.out_proj, whole.linear1, whole.linear2
            )  # fmt: skip
            ours = (*layer.norms, layer.outputs, layer.dense[0], layer.dense[2])
            for their, own in zip(theirs, ours, strict=True):
                their.load_state_dict(own.state_dict())
            whole.self_attn.in_proj_weight.data = layer.inputs.weight.data
            whole.self_attn.in_proj_bias.data = layer.inputs.bias.data
            h = whole(h)
        torch.testing.assert_close(found[:, column], encoder.norm(h))


def test_what_is_larger_is_another_patch() -> None:
    """A norm right after the projection would leave the shape of a patch alone."""
    encoder, x = patched(1), torch.randn(1, 5, 4, dtype=torch.float64)
    assert (encoder.read(3 * x) - encoder.read(x)).abs().max() > 0.1


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    chosen = {"patch": 4, "patch_width": 10, "layers": 2, "heads": 4, "dropout": 0.0}
    told = r"^models\.patch_tst: 4 heads need a patch_width that 4 divides, found 10$"
    with pytest.raises(InputError, match=told):
        patch_tst((12,), 5, chosen)
