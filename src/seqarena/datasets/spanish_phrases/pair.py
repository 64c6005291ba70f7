"""A phrase in both languages: what the grammar is made of."""

from __future__ import annotations

from typing import NamedTuple


class Pair(NamedTuple):
    """A phrase and its translation."""

    es: str
    en: str


LOCALES = Pair._fields
