"""The pictures of a comparison: each takes arrays and a path and writes one PNG."""

from seqarena.compare.plots.attention import ATTENTION_PLOTS
from seqarena.compare.plots.results import confusion, forecasts, learning_curves, scores

__all__ = ["ATTENTION_PLOTS", "confusion", "forecasts", "learning_curves", "scores"]
