"""Spectrograms that are a little different each time they are learned from."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqarena.data.batches import mask_of
from seqarena.models.hyperparameters import Hyperparameters

MASKS = 2  # of bands and of steps each, as in the policies "LD" and "SM" of the paper
SPACE = {"band_mask": 0.0, "time_mask": 0.0, "noise": 0.0}


class Distortion(nn.Module):
    """Noise, and masks over bands and steps, of frames ``(B, T, D)``; none in evaluation.

    SpecAugment (Park et al. 2019, section 2) without its warp of time, which brought least there.
    A mask hides up to a share of the bands, or of the steps that a sequence has, and sets them to
    their mean, which is 0 of frames scaled by train. `noise` is the deviation of what is added to
    each real step, in that scale. Padding stays zero.
    """

    def __init__(self, band_mask: float, time_mask: float, noise: float) -> None:
        super().__init__()
        self.band_mask, self.time_mask, self.noise = band_mask, time_mask, noise

    @classmethod
    def of(cls, h: Hyperparameters) -> Distortion:
        """Take what is among hyperparameters."""
        return cls(*(h.get(name, 0.0) for name in SPACE))

    def forward(self, frames: Tensor, lengths: Tensor) -> Tensor:
        if not self.training:
            return frames
        rows, steps, bands = frames.shape
        if self.noise:
            real = mask_of(lengths, steps)[..., None]
            frames = frames + self.noise * torch.randn_like(frames) * real
        for _ in range(MASKS if self.band_mask else 0):
            hidden = stretches(lengths.new_full((rows,), bands), self.band_mask, bands)
            frames = frames.masked_fill(hidden[:, None], 0.0)
        for _ in range(MASKS if self.time_mask else 0):
            frames = frames.masked_fill(stretches(lengths, self.time_mask, steps)[..., None], 0.0)
        return frames


def stretches(sizes: Tensor, share: float, places: int) -> Tensor:
    """Draw a stretch of each row's first ``sizes (B,)`` places, True in ``(B, places)``.

    Its length is drawn evenly from 0 to that share of a size, and then where it begins.
    """
    length, start = torch.rand(2, len(sizes), device=sizes.device)
    length = (length * ((share * sizes).floor() + 1)).floor()
    start = (start * (sizes - length + 1)).floor()
    after = torch.arange(places, device=sizes.device) - start[:, None]
    within: Tensor = (after >= 0) & (after < length[:, None])
    return within
