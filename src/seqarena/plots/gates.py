"""Gates of a recurrence as heat maps, units by steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqarena.data.store import Array
from seqarena.plots.colours import INK, SOFT
from seqarena.plots.style import HEAT, headline, picture, shortened

NAMED = 36  # steps that fit side by side with a label each
MEANING = {
    "input": "input: how much is written into the cell",
    "forget": "forget: how much of the cell is kept",
    "output": "output: how much of the cell is shown",
    "reset": "reset: how much of the state the next one reads",
    "update": "update: how much of the state is kept",
}


def gate_maps(
    gates: Mapping[str, Array], labels: Sequence[str], step: str, title: str, path: Path
) -> None:
    """Draw each gate ``(S, H)`` as units by steps; the units that are most open stand on top."""
    steps = len(labels)
    named = steps <= NAMED
    with picture(path, 9.0, 1.0 + 1.65 * len(gates)) as figure:
        headline(figure, title)
        panels = figure.subplots(len(gates), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (name, gate) in zip(panels, gates.items(), strict=True):
            order = np.argsort(-gate.mean(0), kind="stable")
            image = axes.imshow(
                gate.T[order], cmap=HEAT, vmin=0, vmax=1, aspect="auto", interpolation="none"
            )
            axes.set_title(MEANING[name], size=9, weight="normal")
            axes.set_yticks([])
            axes.set_ylabel(f"{gate.shape[1]} units", size=9)
            axes.tick_params(length=0)
            axes.spines[:].set_visible(False)
        shown = range(steps) if named else np.unique(np.linspace(0, steps - 1, 10).astype(int))
        names = [shortened(labels[place], 14) for place in shown]
        turned: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
        wide = sum(map(len, names)) + 2 * len(names) > 100
        panels[-1].set_xticks(list(shown), names, color=INK, **(turned if wide else {}))
        figure.colorbar(
            image,
            ax=list(panels),
            label="open",
            format="{x:.0%}",
            fraction=0.03,
            aspect=40,
            pad=0.01,
        )
        figure.supxlabel(step, size=10, color=SOFT)
