"""Variants of equally many parameters."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from seqarena.config import Experiment
from seqarena.data.store import DataSpec
from seqarena.errors import InputError
from seqarena.models.model import count_parameters
from seqarena.models.variants import VARIANTS
from seqarena.search.matching import with_matched_size
from seqarena.spaces import smallest, space_of
from seqarena.tasks import task_for

Make = Callable[..., Experiment]
WANTED = 1_000_000  # of fewer, one unit more is more than 2 %
SIZED = [
    (variant, modality)
    for modality in ("audio", "video")
    for variant, entry in VARIANTS.items()
    if modality in entry.modalities and not task_for("classification").incompatibility(entry)
]


@pytest.mark.parametrize(("variant", "modality"), SIZED)
def test_every_variant_has_as_many_parameters(
    variant: str, modality: str, specs: dict[str, DataSpec], experiment: Make
) -> None:
    config = experiment(modality, (variant,), match_parameters=WANTED)
    space = space_of(config, variant, "here")
    assert VARIANTS[variant].size not in space
    chosen = with_matched_size(config, specs[modality], variant, smallest(space))
    model = task_for("classification").model(variant, specs[modality], chosen)
    assert count_parameters(model) == pytest.approx(WANTED, rel=0.02)


def test_without_the_key_nothing_is_added(specs: dict[str, DataSpec], experiment: Make) -> None:
    config = experiment("audio", ("gru",))
    space: Any = space_of(config, "gru", "here")
    assert "width" in space
    assert with_matched_size(config, specs["audio"], "gru", smallest(space)) == smallest(space)


def test_what_no_size_comes_near_is_refused(specs: dict[str, DataSpec], experiment: Make) -> None:
    config = experiment("audio", ("gru",), match_parameters=10)
    space = space_of(config, "gru", "here")
    expected = r"^protocol\.match_parameters: 10, but the nearest of gru are \d+, at width 1$"
    with pytest.raises(InputError, match=expected) as error:
        with_matched_size(config, specs["audio"], "gru", smallest(space))
    assert re.fullmatch(expected, str(error.value))


def test_a_transformer_learns_at_lower_rates(experiment: Make) -> None:
    config = experiment("audio", ("gru", "transformer"))
    rates: Any = [space_of(config, v, "here")["learning_rate"] for v in ("gru", "transformer")]
    assert (rates[1].low, rates[1].high) == pytest.approx((rates[0].low / 5, rates[0].high / 5))
    fixed = config.model_copy(update={"space": {"learning_rate": [0.01, 0.02]}})
    assert space_of(fixed, "transformer", "here")["learning_rate"] == pytest.approx([0.002, 0.004])
