"""What is said of pixels, of clips and of pictures alike."""

from __future__ import annotations

import numpy as np

from seqarena.data.store import Array

CHUNK = 1024  # frames at a time


def mean_and_std(frames: Array) -> dict[str, list[float]]:
    """Describe bytes ``(S, C, H, W)`` by the mean and standard deviation of each channel."""
    counts = np.zeros((frames.shape[1], 256))
    for start in range(0, len(frames), CHUNK):
        for count, pixels in zip(counts, frames[start:][:CHUNK].swapaxes(0, 1), strict=True):
            count += np.bincount(pixels.ravel(), minlength=256)
    values = np.arange(256)
    means = [np.average(values, weights=count) for count in counts]
    stds = [
        np.average((values - mean) ** 2, weights=count) ** 0.5
        for count, mean in zip(counts, means, strict=True)
    ]
    return {"mean": [float(m) for m in means], "std": [max(float(s), 1.0) for s in stds]}
