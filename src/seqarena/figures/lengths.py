"""How quality goes with length: what an encoder-decoder loses without attention."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from seqarena.data.store import Array, DataSpec, Prepared, Split
from seqarena.plots.diagnostics import by_length
from seqarena.plots.formats import metric_name
from seqarena.tasks import AnyTask

BINS = 6


def draw_lengths(
    path: Path,
    metric: str,
    prepared: Prepared,
    task: AnyTask,
    variants: Mapping[str, Sequence[Tensor]],
    baselines: Mapping[str, Sequence[Tensor]],
    plot_pool: Callable[..., None],
) -> None:
    """Have the metric drawn over the length of examples, in bins, from rows ``(N, K)`` per seed.

    As in figure 2 of Bahdanau et al. (2015). Draws nothing where lengths hardly vary.
    """
    lengths, unit = lengths_of(prepared.split("test"), prepared.spec)
    if len(np.unique(lengths)) < 4 or lengths.max() < 1.5 * lengths.min():
        return
    bins = bins_of(lengths)
    places, of = [torch.from_numpy(bin) for bin in bins], task.metrics[metric].of
    lines, references = (
        {
            name: np.array([[of(rows.index_select(0, bin)) for bin in places] for rows in seeds])
            for name, seeds in each.items()
        }
        for each in (variants, baselines)
    )
    everything = np.concatenate([*lines.values(), *references.values()])
    defined = np.isfinite(everything).all(axis=0)  # in a bin of one class AUROC is not
    if defined.sum() < 3:
        return
    centres = np.array([lengths[bin].mean() for bin in bins])[defined]
    lines, references = (
        {name: values[:, defined] for name, values in each.items()} for each in (lines, references)
    )
    plot_pool(by_length, centres, lines, references, unit, metric_name(metric), path)


def lengths_of(test: Split, spec: DataSpec) -> tuple[Array, str]:
    """Return how long each example is ``(N,)``, and in what; of a picture, what it is to say."""
    lengths = np.asarray(test.lengths)
    if spec.target_vocabulary and test.target_lengths is not None and np.ptp(lengths) == 0:
        unit = f"length of what is to be written, in {spec.target_unit}"
        return np.asarray(test.target_lengths) - 1, unit  # without the end
    return lengths * spec.step_size, f"length in {spec.step}s"


def bins_of(lengths: Array, count: int = BINS) -> list[Array]:
    """Return the examples of at most `count` bins, ever longer and of about equal size.

    Examples of one length are never parted, so that bins do not depend on their order.
    """
    order = np.argsort(lengths, kind="stable")
    runs = np.split(order, np.flatnonzero(np.diff(lengths[order])) + 1)
    bins: list[Array] = [runs[0]]
    for run in runs[1:]:
        if len(bins[-1]) * count < len(lengths):
            bins[-1] = np.concatenate([bins[-1], run])
        else:
            bins.append(run)
    if len(bins) > 1 and len(bins[-1]) * count * 2 < len(lengths):
        last = bins.pop()
        bins[-1] = np.concatenate([bins[-1], last])
    return bins
