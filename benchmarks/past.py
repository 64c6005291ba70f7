"""Attention over the past against torch's kernel in a bare loop, and writing with a cache."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.turns import interleave, repeat, tell
from seqarena.models.attention.causal_transformer import CausalTransformer
from seqarena.models.attention.scores import ATTENTIONS
from seqarena.models.attention.steps import AttentionOverPast

HEADS = 4
SHAPES = ((32, 64, 96), (8, 128, 128))  # sequences, steps, width: of `language`, of `music`
LONG = (4, 1024, 64)  # of which ours looks at the 128 before each, the bare loop at all
WRITTEN = (256, 512, 1024)  # steps


def main(rounds: int = 9) -> None:
    """Forward and backward with one thread and with two, then writing with one."""
    for threads in (1, 2):
        for kind in LAYERS:
            for shape in (*SHAPES, LONG):
                contenders = {name: (repeat, 3, layer, kind, name, shape) for name in WAYS}
                seconds = interleave(contenders, rounds, threads)
                what = f"past: {kind} over a bare loop, {shape[1]} steps, threads: {threads}"
                tell(what, seconds["bare"], seconds["ours"], 0.95)
    steps = {f"{steps}": (repeat, 1, written, steps) for steps in WRITTEN}
    whole = {"no cache": (repeat, 1, rewritten, WRITTEN[0])}
    seconds = interleave(steps | whole, rounds)
    for longer in WRITTEN[1:]:
        what = f"past: seconds of {longer} written steps over {WRITTEN[0]}"
        tell(what, seconds[f"{longer}"], seconds[f"{WRITTEN[0]}"])
    what = f"past: {WRITTEN[0]} steps with the cache over without"
    tell(what, seconds["no cache"], seconds[f"{WRITTEN[0]}"])


class BareProducts(nn.Module):
    """The kernel alone."""

    def forward(self, x: Tensor) -> Tensor:
        heads = x[:, None]
        return F.scaled_dot_product_attention(heads, heads, heads, is_causal=True)[:, 0]


class BareHeads(nn.Module):
    """Causal self-attention as nanoGPT writes it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inputs, self.output = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        parts = self.inputs(x).split(x.shape[2], dim=2)
        q, k, v = (part.unflatten(2, (HEADS, -1)).transpose(1, 2) for part in parts)
        y = F.scaled_dot_product_attention(self.placed(q), self.placed(k), v, is_causal=True)
        return self.output(y.transpose(1, 2).flatten(2))

    def placed(self, x: Tensor) -> Tensor:
        """Tell queries and keys their places: not at all."""
        return x


class BareLayer(BareHeads):
    """A layer of a Transformer with rotary positions, as GPT-NeoX writes them."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.dense = nn.Sequential(
            nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + super().forward(self.norms[0](x))
        return x + self.dense(self.norms[1](x))

    def placed(self, x: Tensor) -> Tensor:
        size = x.shape[3]
        waves = 1 / 10_000 ** (torch.arange(0, size, 2) / size)
        angles = torch.outer(torch.arange(x.shape[2]), waves)
        both = torch.cat([angles, angles], dim=1)
        half = torch.cat([-x[..., size // 2 :], x[..., : size // 2]], dim=3)
        return x * both.cos() + half * both.sin()


def scaled_dot(width: int) -> Callable[[Tensor, Tensor], Tensor]:
    """Return scaled dot products over the past."""
    over = AttentionOverPast(ATTENTIONS["scaled_dot"](width, width, width))
    return lambda x, lengths: over(x, None, lengths).contexts


def multi_head(width: int) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the same in several projections."""
    over = AttentionOverPast(ATTENTIONS["multi_head"](width, width, width))
    return lambda x, lengths: over(x, None, lengths).contexts


def transformer(width: int) -> Callable[[Tensor, Tensor], Tensor]:
    """Return one layer, with what is around it."""
    encoder = CausalTransformer(width, width, 1, HEADS, 0.0)
    return lambda x, lengths: encoder(x, lengths)[0]


def bare_transformer(width: int) -> nn.Module:
    """Return the bare layer between the same projection and the same norm."""
    around = nn.Linear(width, width, bias=False), nn.LayerNorm(width)
    return nn.Sequential(*around, BareLayer(width), nn.LayerNorm(width))


WAYS = ("ours", "bare")
LAYERS: dict[str, tuple[Callable[[int], Any], Callable[[int], nn.Module]]] = {
    "scaled dot products": (scaled_dot, lambda width: BareProducts()),
    "multi-head attention": (multi_head, BareHeads),
    "transformer layer": (transformer, bare_transformer),
}


def layer(kind: str, name: str, shape: tuple[int, int, int]) -> Callable[[], None]:
    """Run a layer forward and backward."""
    torch.manual_seed(0)
    ours, bare = LAYERS[kind]
    x = torch.randn(*shape, requires_grad=True)
    lengths = torch.full((shape[0],), shape[1])
    if name == "ours":
        run = ours(shape[2])
        return lambda: run(x, lengths).sum().backward()
    model = bare(shape[2])
    return lambda: model(x).sum().backward()


def written(steps: int) -> Callable[[], None]:
    """Write steps one by one, each read before the next, as a language model does."""
    encoder, x = writer(steps)
    one = torch.ones(1, dtype=torch.long)

    @torch.inference_mode()
    def write() -> None:
        state = None
        for step in x.split(1, dim=1):
            _, state = encoder(step, one, state)

    return write


def rewritten(steps: int) -> Callable[[], None]:
    """Write as many and read all that is there before each."""
    encoder, x = writer(steps)

    @torch.inference_mode()
    def write() -> None:
        for end in range(1, steps + 1):
            encoder(x[:, :end], torch.tensor([end]))

    return write


def writer(steps: int) -> tuple[CausalTransformer, Tensor]:
    """Return a Transformer of two layers and what it reads."""
    torch.manual_seed(0)
    return CausalTransformer(64, 64, 2, HEADS, 0.0).eval(), torch.randn(1, steps, 64)
