"""The attention of written tokens over a picture: a panel each, the weights where they belong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from scipy import ndimage

from seqarena.data.store import Array
from seqarena.errors import InputError
from seqarena.plots.regions import look_over_image

RANDOM = np.random.default_rng(0)
WORDS = ["man", "cook", "a word far too long for its panel", "$5", "(end)"]


def grey(*shape: int) -> Array:
    return np.full(shape, 128, np.uint8)


def weights_for(tokens: int, regions: int, heads: int = 1) -> Array:
    return RANDOM.dirichlet(np.full(regions, 0.5), (heads, tokens))


def panels_of(path: Path) -> list[tuple[slice, slice]]:
    """Find the large blocks in a picture that are not white, the high colour bar aside."""
    drawn = (imread(path)[..., :3] < 0.9).any(axis=2)
    blocks = ndimage.find_objects(ndimage.label(drawn)[0])
    sides = [(b, *(side.stop - side.start for side in b)) for b in blocks]
    return [b for b, high, wide in sides if min(high, wide) > 40 and high < 3 * wide]


@pytest.mark.parametrize(
    ("shape", "grid", "tokens"),
    [((3, 48, 48), (4, 4), 5), ((1, 50, 160), (1, 40), 7), ((3, 48, 48), (6, 6), 1)],
)
def test_a_picture_is_made(
    shape: tuple[int, ...], grid: tuple[int, int], tokens: int, tmp_path: Path
) -> None:
    path = tmp_path / "attention.png"
    image = RANDOM.integers(0, 256, shape, np.uint8)
    words = [*"abcdefg"[: tokens - 1], "(end)"]
    weights = weights_for(tokens, grid[0] * grid[1])
    look_over_image(image, weights, words, grid, "a $5 title that is long: " + "so " * 40, path)
    drawn = (imread(path)[..., :3] < 0.97).any(axis=2)
    edges = (drawn[0], drawn[-1], drawn[:, 0], drawn[:, -1])
    assert not any(edge.any() for edge in edges), "something is cut off"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_panel_for_each_token_and_one_for_the_picture(tmp_path: Path) -> None:
    square, long = tmp_path / "square.png", tmp_path / "long.png"
    look_over_image(grey(3, 48, 48), weights_for(5, 16), WORDS, (4, 4), "a title", square)
    panels = panels_of(square)
    assert len(panels) == len(WORDS) + 1
    assert len({down.start for down, _ in panels}) < len(panels)  # some stand side by side
    look_over_image(grey(1, 50, 160), weights_for(5, 10), WORDS, (1, 10), "a title", long)
    panels = panels_of(long)
    assert len({across.start for _, across in panels}) == 1 < len(panels)  # below each other
    assert len(panels) == len(WORDS) + 1


@pytest.mark.parametrize("heads", [2, 4])
def test_every_head_has_panels_of_its_own(heads: int, tmp_path: Path) -> None:
    square, long = tmp_path / "square.png", tmp_path / "long.png"
    look_over_image(grey(3, 48, 48), weights_for(5, 16, heads), WORDS, (4, 4), "a title", square)
    assert len(panels_of(square)) == heads * (len(WORDS) + 1)
    look_over_image(grey(1, 50, 160), weights_for(5, 10, heads), WORDS, (1, 10), "a title", long)
    assert len(panels_of(long)) == heads * (len(WORDS) + 1)


@pytest.mark.parametrize(("grid", "region"), [((2, 2), 1), ((2, 2), 2), ((1, 5), 3), ((3, 1), 0)])
def test_weights_lie_over_their_region(grid: tuple[int, int], region: int, tmp_path: Path) -> None:
    path = tmp_path / "attention.png"
    weights = np.eye(grid[0] * grid[1])[None, [region]]
    look_over_image(grey(3, 47, 50), weights, ["(end)"], grid, "one", path)
    place = sorted(panels_of(path), key=lambda block: block[1].start)[1]
    panel = imread(path)[place]
    blue = panel[..., 2] - panel[..., 0] > 0.2
    rows, columns = np.nonzero(blue)
    middle = (rows.mean() / panel.shape[0] * grid[0], columns.mean() / panel.shape[1] * grid[1])
    assert (int(middle[0]), int(middle[1])) == divmod(region, grid[1])
    assert abs(blue.mean() - 1 / (grid[0] * grid[1])) < 0.05


def test_what_does_not_belong_together_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.png: 5 x 15 weights for 5 tokens over 4 x 4 regions"):
        look_over_image(grey(3, 48, 48), weights_for(5, 15), WORDS, (4, 4), "", tmp_path / "a.png")
    with pytest.raises(InputError, match=r"4 x 16 weights for 5 tokens"):
        look_over_image(grey(3, 48, 48), weights_for(4, 16), WORDS, (4, 4), "", tmp_path / "a.png")
    assert not list(tmp_path.iterdir())
