"""What lies behind the scores: lengths, gradients, gates and ways of writing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from seqarena.data.store import DataSpec, Prepared
from seqarena.pictures.lengths import bins_of, draw_lengths, lengths_of


def test_bins_hold_as_many_examples_each_and_never_part_a_length() -> None:
    lengths = np.random.default_rng(0).integers(3, 40, 500)
    bins = bins_of(lengths)
    assert len(bins) in (5, 6)
    assert sorted(np.concatenate(bins)) == list(range(500))
    for before, after in pairwise(bins):
        assert lengths[before].max() < lengths[after].min()
    assert max(map(len, bins)) < 2 * min(map(len, bins))


def test_a_few_long_ones_make_no_bin_of_their_own() -> None:
    lengths = np.array([5] * 50 + [6] * 50 + [7, 80])
    assert [len(each) for each in bins_of(lengths)] == [50, 52]


def test_lengths_are_those_of_sequences_or_of_what_pictures_say(
    specs: dict[str, DataSpec], prepare: Callable[..., Path], tmp_path: Path
) -> None:
    seconds = replace(specs["signal"], step="second", step_size=0.5)
    data = Prepared(prepare(tmp_path / "signal", seconds))
    lengths, unit = lengths_of(data.split("test"), data.spec)
    np.testing.assert_array_equal(lengths, data.split("test").lengths / 2)
    assert unit == "length in seconds"
    words = ("<pad>", "<unk>", "<end>", "no", "yes")
    pictures = replace(specs["image"], target_vocabulary=words, target_unit="words")
    data = Prepared(prepare(tmp_path / "image", pictures))
    lengths, unit = lengths_of(data.split("test"), data.spec)
    assert sorted(lengths) == [1] * 4 + [2] * 4 and unit.endswith("in words")


def test_quality_over_length_is_drawn_where_lengths_vary(
    specs: dict[str, DataSpec], prepare: Callable[..., Path], tmp_path: Path
) -> None:
    data = Prepared(prepare(tmp_path / "long", replace(specs["signal"], max_length=30), (8, 8, 99)))
    shares = {"gru": np.random.default_rng(0).random((2, 99))}
    draw_lengths(tmp_path / "lengths.png", "mae", data.split("test"), data.spec, shares, {})
    assert (tmp_path / "lengths.png").is_file()


def test_there_is_no_picture_where_lengths_hardly_vary(
    prepared: dict[str, Path], tmp_path: Path
) -> None:
    data = Prepared(prepared["series"])
    test = data.split("test")
    shares = {"gru": np.ones((2, len(test)))}
    draw_lengths(tmp_path / "lengths.png", "mae", test, data.spec, shares, {})
    assert not list(tmp_path.iterdir())
