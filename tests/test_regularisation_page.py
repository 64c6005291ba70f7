"""The page on regularisation lists all that is off unless it is asked for, and its own example."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from seqarena.config import Experiment
from seqarena.models.frontends import FRONTENDS
from seqarena.models.variants import VARIANTS
from seqarena.spaces import AVERAGE, NAMES, space_of
from seqarena.tasks import TASKS

PAGE = (Path(__file__).parents[1] / "docs" / "regularisation.md").read_text()


def off() -> set[str]:
    """Every dimension that is 0 by default, or a name among several."""
    spaces: list[Any] = [AVERAGE, *(frontend.space for frontend in FRONTENDS.values())]
    spaces += [variant.space for variant in VARIANTS.values()]
    spaces += [
        task.added_space(VARIANTS["lstm"], modality)
        for task in TASKS.values()
        for modality in task.modalities
    ]
    return {
        name
        for space in spaces
        for name, value in space.items()
        if value == 0 or (name in NAMES and isinstance(value, str))
    }


def test_it_lists_what_is_off_and_nothing_else() -> None:
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == off()


def test_its_example_is_a_space(experiment: Callable[..., Experiment]) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    section = experiment("text").model_dump() | yaml.safe_load(example)
    space = space_of(Experiment(**section), "gru", "here")
    assert space["zoneout"] == [0.0, 0.1] and space["ema"] == 0.99
