"""Long sequences that no worker has memory for are refused before the search, with what helps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqarena.config import Experiment
from seqarena.data.batches import Batches
from seqarena.data.store import DataSpec, Prepared
from seqarena.errors import InputError, InputWarning
from seqarena.search import memory
from seqarena.search.memory import check_memory
from seqarena.spaces import largest, space_of
from seqarena.tasks import task_for

from .conftest import config_for, tiny

Prepare = Callable[..., Path]
Make = Callable[..., Experiment]
LONG = 3000


def spaces(config: Experiment) -> dict[str, Any]:
    return {variant: space_of(config, variant, "here") for variant in config.variants}


@pytest.fixture
def long(tmp_path: Path, specs: dict[str, DataSpec], prepare: Prepare) -> Prepared:
    return tiny(tmp_path, "labelling", replace(specs["signal"], max_length=LONG), prepare)


def test_what_does_not_fit_is_told_with_a_size_that_does(long: Prepared, experiment: Make) -> None:
    config = config_for(experiment, "labelling", "signal", ("lstm",), width=8)
    check_memory(config, long, spaces(config), 2.0**40, "here")
    room = 2.0**20
    with pytest.raises(InputError) as refused:
        check_memory(config, long, spaces(config), room, "here")
    told = str(refused.value)
    assert told.startswith("here.variants: lstm: a batch of ")
    assert f"sequences of {LONG:,} steps takes" in told
    shorter = int(told.partition("to about ")[2].partition(" steps")[0].replace(",", ""))
    assert 0 < shorter < LONG
    cut = config.protocol.model_copy(update={"truncate": shorter})
    check_memory(config.model_copy(update={"protocol": cut}), long, spaces(config), room, "here")


@pytest.mark.parametrize("variant", ["lstm", "transformer"])
def test_what_is_foretold_is_what_is_kept(variant: str, long: Prepared, experiment: Make) -> None:
    """At four times the length, of what is linear in it and of what is quadratic."""
    config = config_for(experiment, "labelling", "signal", (variant,), width=8)
    chosen = largest(space_of(config, variant, "here"))
    model = task_for(config.task).model(variant, long.spec, chosen)
    needed = memory._bytes_of(config, long, model, chosen)
    longest = Batches(long.split("train"), 1).gather(np.array([0]))
    steps = 4 * memory.STEPS[-1]
    kept = memory._kept(config, model, chosen, longest, steps)
    assert needed(steps) == pytest.approx(kept, rel=0.05)


def test_short_sequences_cost_nothing_and_leave_no_trace(
    prepared: dict[str, Path], experiment: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_bytes_of", None)
    config = experiment("audio", ("lstm",))
    before = torch.random.get_rng_state()
    check_memory(config, Prepared(prepared["audio"]), spaces(config), 1.0, "here")
    assert torch.equal(torch.random.get_rng_state(), before)


def test_an_embedding_that_its_optimiser_is_slow_at_is_told(
    prepared: dict[str, Path], experiment: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "LARGE", 10)
    config = experiment("text", ("lstm",))
    with pytest.warns(InputWarning, match=r"lstm: every step learns all [\d,]+ of its embedding"):
        check_memory(config, Prepared(prepared["text"]), spaces(config), 2.0**40, "here")
