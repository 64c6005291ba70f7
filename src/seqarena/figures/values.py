"""Numbers: forecasts beside what came, and predicted beside true values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from seqarena.data.store import Array, in_unit, scales_of
from seqarena.figures.final import Caption, Final, item_of
from seqarena.plots.results import forecasts
from seqarena.plots.steps import scatter
from seqarena.tasks.quantile_forecasting import LEVELS, quantiles_of


def draw_forecasts(final: Final) -> Callable[[int], Caption]:
    """Draw the forecasts from a few origins."""
    return _draw(
        final, in_unit(np.stack(final.predictions), scales_of(final.test, final.spec)), None
    )


def draw_quantiles(final: Final) -> Callable[[int], Caption]:
    """Draw the medians from a few origins, and what lies between the outer quantiles."""
    logits = torch.from_numpy(np.stack(final.predictions))
    quantiles = in_unit(quantiles_of(logits).numpy(), scales_of(final.test, final.spec))
    return _draw(final, quantiles[:, :, LEVELS.index(0.5)], quantiles)


def _draw(final: Final, values: Array, quantiles: Array | None) -> Callable[[int], Caption]:
    """Draw forecasts ``(N, H)``, with bands where there are quantiles ``(N, H, 9)``."""
    spec, test, drawn = final.spec, final.test, final.drawn
    scales = scales_of(test, spec)
    truth = in_unit(test.targets, scales)
    examples = test.examples()
    past = np.stack([test.sequence(index)[:, 0] for index in drawn])
    history = in_unit(past, scales[drawn])
    titles = [f"from {examples[index]['id']}" for index in drawn]
    unit = str(spec.options.get("target", ""))
    path = final.out / "forecasts.png"
    bands = None if quantiles is None else quantiles[drawn]
    outermost = f"{LEVELS[0]:.0%} to {LEVELS[-1]:.0%}"
    forecasts(history, truth[drawn], values[drawn], titles, unit, path, bands, outermost)
    steps = range(1, spec.horizon + 1)
    outer = () if quantiles is None else (quantiles[..., 0], quantiles[..., -1])
    columns = (truth, values, *outer)
    names = ("truth", "forecast", *(f"quantile {level}" for level in (LEVELS[0], LEVELS[-1])))
    header = ["id", *(f"{name}+{h}" for name in names[: len(columns)] for h in steps)]
    rows = [
        [example["id"], *(value for column in columns for value in np.round(column[n], 2))]
        for n, example in enumerate(examples)
    ]
    final.write_rows(header, rows)
    return lambda index: Caption(
        f"{final.variant}: what the forecast from {examples[index]['id']} looks back at"
    )


def draw_numbers(final: Final) -> Callable[[int], Caption]:
    """Draw predicted over true values, each with its interval."""
    (values, lower, upper), (truth,) = (
        in_unit(numbers, scales_of(final.test, final.spec)).T
        for numbers in (np.stack(final.predictions), final.test.targets)
    )
    scatter(truth, values, lower, upper, final.out / "scatter.png")
    examples, columns = final.test.examples(), (truth, values, lower, upper)
    rows = [
        [example["id"], item_of(example), *(f"{column[n]:.6g}" for column in columns)]
        for n, example in enumerate(examples)
    ]
    final.write_rows(["id", "input", "truth", "predicted", "lower", "upper"], rows)
    return lambda index: Caption(
        f"{final.variant} says {values[index]:.4g}, the truth is {truth[index]:.4g}"
    )
