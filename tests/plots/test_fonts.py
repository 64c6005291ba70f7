"""Letters of every script are drawn, or it is told what lacks."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from matplotlib.ft2font import FT2Font
from matplotlib.image import imread

from seqarena.errors import InputWarning
from seqarena.plots import fonts
from seqarena.plots.style import picture

BUNDLED = {
    font.name: font
    for font in fonts.fontManager.ttflist
    # The upright one of each: matplotlib lists them in an order of its own on every machine.
    if "mpl-data" in font.fname and font.style == "normal" and font.weight in (400, "normal")
}


@pytest.fixture(autouse=True)
def no_fonts_but_bundled_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "findSystemFonts", list)
    monkeypatch.setattr(fonts.fontManager, "ttflist", list(BUNDLED.values()))
    fonts._families.cache_clear()
    fonts._tell.cache_clear()


def drawn(text: str, path: Path) -> int:
    """Draw a text; return how many pixels are not white."""
    with picture(path, 4, 1) as figure:
        figure.text(0.1, 0.5, text, size=20)
    return int((imread(path)[..., :3] < 0.9).any(axis=2).sum())


def test_a_letter_is_drawn_in_a_font_that_has_it(tmp_path: Path) -> None:
    usual, other = (FT2Font(BUNDLED[name].fname) for name in (fonts.USUAL, "STIXGeneral"))
    code = min(other.get_charmap().keys() - usual.get_charmap().keys())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert drawn(chr(code), tmp_path / "a.png") > 0
    assert fonts._families(frozenset(chr(code))) == (["STIXGeneral"], set())


def test_what_no_font_has_is_told_once(tmp_path: Path) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for name in ("a", "b"):
            drawn("中文 plain", tmp_path / f"{name}.png")
            drawn("नमस्ते", tmp_path / f"{name}.png")
    assert [each.category for each in caught] == [InputWarning] * 2
    cjk, hindi = (str(each.message) for each in caught)
    assert "of CJK, which are drawn as boxes; Debian's fonts-noto-cjk has" in cjk
    assert "of Devanagari, which are drawn as boxes; Debian's fonts-noto-core has" in hindi


def test_other_warnings_pass(tmp_path: Path) -> None:
    def draw() -> None:
        warnings.warn("something else", UserWarning, stacklevel=1)

    with pytest.warns(UserWarning, match="something else"):
        assert not fonts.letters_lacking(draw)


def test_what_lies_beyond_the_figure_is_told_once_too(tmp_path: Path) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with picture(tmp_path / "a.png", 2, 1) as figure:
            figure.text(-0.2, 0.5, "中文 a label that is longer than its figure", size=20)
    assert [each.category for each in caught] == [InputWarning]
