"""Letters that the usual font lacks: drawn in other fonts of the system, or told."""

from __future__ import annotations

import logging
import re
import unicodedata
import warnings
from collections.abc import Callable
from functools import cache

from matplotlib.figure import Figure
from matplotlib.font_manager import FontEntry, findSystemFonts, fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

from seqarena.errors import InputWarning

USUAL = "DejaVu Sans"
BOXES = ("Last Resort High-Efficiency",)  # has a box for every letter of every script
LACKING = re.compile(r"Glyph (\d+) ")  # as matplotlib warns
CJK = ("CJK", "Hiragana", "Katakana", "Hangul", "Bopomofo")
PACKAGES = dict.fromkeys(CJK, "fonts-noto-cjk") | {"emoji": "fonts-symbola"}  # of Debian
PACKAGE = "fonts-noto-core"  # for all others

logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # of weights it has not


def draw_all_letters(figure: Figure, draw: Callable[[], None]) -> None:
    """Draw a figure, and again with other fonts of the system where letters were lacking.

    What none of them has is told once for each script, with the package to install.
    """
    lacking = letters_lacking(draw)
    if not lacking:
        return
    families, left = _families(frozenset(lacking))
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        text.set_fontfamily([USUAL, *families])
    letters_lacking(draw)
    for script in sorted(set(map(_script, left))):
        _tell(script)


def letters_lacking(draw: Callable[[], None]) -> set[str]:
    """Draw; return the letters for which there was no glyph. Other warnings pass."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        draw()
    found = set[str]()
    for each in caught:
        if glyph := LACKING.match(str(each.message)):
            found.add(chr(int(glyph[1])))
        else:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
    return found


@cache
def _families(letters: frozenset[str]) -> tuple[list[str], set[str]]:
    """Return fonts that have the letters, one after the other, and the letters that none has."""
    known = {font.fname for font in fontManager.ttflist}
    for file in set(findSystemFonts()) - known:  # installed since matplotlib made its list
        fontManager.addfont(file)
    upright = [f for f in fontManager.ttflist if f.style == "normal" and f.name not in BOXES]
    left, chosen = set(letters), list[str]()
    for font in sorted(upright, key=_oddity):
        if found := left & _letters(font.fname):
            chosen.append(font.name)
            left -= found
        if not left:
            break
    return chosen, left


def _oddity(font: FontEntry) -> tuple[bool, bool, str]:
    """Order fonts: those without serifs, of the usual weight, first."""
    return "Sans" not in font.name, font.weight not in (400, "normal", "regular"), font.name


@cache
def _letters(file: str) -> set[str]:
    return {chr(code) for code in FT2Font(file).get_charmap()}


def _script(letter: str) -> str:
    if unicodedata.category(letter) in ("So", "Sk"):
        return "emoji"
    script = unicodedata.name(letter, "unknown").split()[0]
    return script if script == CJK[0] else script.title()


@cache
def _tell(script: str) -> None:
    """Tell that letters are drawn as boxes; once, since all pictures of an experiment have them."""
    package = PACKAGES.get(script, PACKAGE)
    message = f"no font here has all letters of {script}, which are drawn as boxes"
    warnings.warn(f"{message}; Debian's {package} has", InputWarning, stacklevel=2)
