"""References of forecasting, which read a whole lookback at once: DLinear and PatchTST."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqarena.errors import InputError
from seqarena.models.encoder import Encoder
from seqarena.models.hyperparameters import Hyperparameters
from seqarena.models.regularisation.dropout import Dropout


class Lookback(Encoder):
    """The last steps of ``(B, T, D)`` as one state, zeros in front where there are fewer."""

    def __init__(self, steps: int, width: int) -> None:
        super().__init__()
        self.steps, self.width = steps, width

    @abstractmethod
    def read(self, window: Tensor) -> Tensor:
        """Return ``(B, width)`` of ``(B, steps, D)``."""

    def forward(self, features: Tensor, lengths: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        t = torch.arange(-self.steps, 0, device=features.device) + lengths[:, None]
        rows = torch.arange(len(features), device=features.device)[:, None]
        window = features[rows, t.clamp(min=0)] * (t >= 0).unsqueeze(-1)
        return self.read(window)[:, None], None

    def summary(self, states: Tensor, lengths: Tensor) -> Tensor:
        return states[:, 0]


class DLinear(Lookback):
    """The trend of each column and what is left of it (Zeng et al. 2023, section 4.2).

    The layer of the head reads both: its weights are those of the paper's two layers, whose outputs
    are added. There a column is forecast from its own past; here the target from that of all, since
    some are known ahead. Of a lone target it is the paper's model.
    """

    def __init__(self, columns: int, patch: int, patches: int, smoothing: int) -> None:
        super().__init__(patches, 2 * columns * patch * patches)
        self.columns, self.smoothing = columns, smoothing

    def read(self, window: Tensor) -> Tensor:
        values = window.flatten(1).unflatten(1, (-1, self.columns)).transpose(1, 2)  # (B, D, T)
        before = (self.smoothing - 1) // 2
        padded = F.pad(values, (before, self.smoothing - 1 - before), mode="replicate")
        trend = F.avg_pool1d(padded, self.smoothing, stride=1)
        return torch.cat([values - trend, trend], dim=2).flatten(1)


class PatchTST(Lookback):
    """A Transformer over the patches of each column by itself (Nie et al. 2023).

    All columns go through the same weights, and the layer of the head reads all of them flattened
    (there of its own column alone; see `DLinear`). Patches are those of the frontend, side by side;
    norms are of layers and stand before each part, as in `seqarena.models.attention.transformer`,
    where the paper has those of batches. Its width is one of its own: all columns by all patches
    have it, so that what suits a recurrence costs ten times as much. Raises `InputError` where
    heads do not divide it.
    """

    def __init__(
        self,
        columns: int,
        patch: int,
        patches: int,
        width: int,
        layers: int,
        heads: int,
        dropout: float,
    ) -> None:
        super().__init__(patches, columns * patches * width)
        if width % heads:
            told = f"{heads} heads need a patch_width that {heads} divides, found {width}"
            raise InputError(f"models.patch_tst: {told}")
        self.columns = columns
        self.project = nn.Linear(patch, width)
        self.positions = nn.Parameter(torch.empty(patches, width).uniform_(-0.02, 0.02))
        self.layers = nn.ModuleList(PatchLayer(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def read(self, window: Tensor) -> Tensor:
        patches = window.unflatten(2, (-1, self.columns)).permute(0, 3, 1, 2)  # (B, D, N, patch)
        x = (self.project(patches) + self.positions).flatten(0, 1)
        for layer in self.layers:
            x = layer(x)
        found: Tensor = self.norm(x).unflatten(0, (-1, self.columns)).flatten(1)
        return found


class PatchLayer(nn.Module):
    """Self-attention and two dense layers, over all patches of ``(N, patches, width)``.

    ``nn.TransformerEncoderLayer`` draws the masks of its dropout with torch's generator, which of
    so small a model is two fifths of a step.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.inputs = nn.Linear(width, 3 * width)
        self.outputs = nn.Linear(width, width)
        self.dense = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.norms
        parts = self.inputs(first(x)).unflatten(2, (3, self.heads, -1))
        query, key, value = parts.transpose(1, 3).unbind(2)  # (N, heads, patches, K)
        attended = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        x = x + self.dropout(self.outputs(attended))
        after: Tensor = x + self.dropout(self.dense(second(x)))
        return after


def dlinear(shape: tuple[int, ...], steps: int, h: Hyperparameters) -> Encoder:
    """Build the linear reference over the longest training window."""
    return DLinear(shape[0] // h["patch"], h["patch"], steps, h["smoothing"])


def patch_tst(shape: tuple[int, ...], steps: int, h: Hyperparameters) -> Encoder:
    """Build the Transformer over the patches of the longest training window."""
    patch, sizes = h["patch"], (h["patch_width"], h["layers"], h["heads"], h["dropout"])
    return PatchTST(shape[0] // patch, patch, steps, *sizes)
