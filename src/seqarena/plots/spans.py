"""The span of values that an axis shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from seqarena.records import VariantSummary


def score_range(
    variants: Sequence[VariantSummary], baselines: Mapping[str, float]
) -> tuple[float, float]:
    """Span variants and baselines, but let no far baseline press the variants together."""
    shown = np.array([[*variant.values, *variant.ci95] for variant in variants])
    low, high = float(shown.min()), float(shown.max())
    span = (high - low) or 0.1 * abs(high) or 1.0
    near = [value for value in baselines.values() if low - 2 * span <= value <= high + 2 * span]
    low, high = min([low, *near]), max([high, *near])
    margin = 0.06 * ((high - low) or span)
    return low - margin, high + margin
