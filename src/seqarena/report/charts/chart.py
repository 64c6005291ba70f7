"""A chart of the page: what plotly reads, its colours left to the page, which is light or dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

Trace = dict[str, Any]  # as plotly's schema has them
Layout = dict[str, Any]


@dataclass(frozen=True)
class Chart:
    """One chart; a colour in it is ``@NAME`` of the palette, or ``@NAME/40`` with an opacity."""

    kind: str  # that of the picture which it stands for
    says: str  # to whom it cannot be seen by
    height: int  # pixels
    traces: Sequence[Trace]
    layout: Layout
    name: str = ""  # what tells it from others of its kind
    note: str = ""  # how it is read

    @property
    def figure(self) -> Mapping[str, Any]:
        """What the page hands to plotly."""
        return {"data": self.traces, "layout": {**self.layout, "height": self.height}}


@dataclass(frozen=True)
class Colours:
    """The names of the colours of an experiment's variants."""

    of: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, name: str, opacity: str = "") -> str:
        """Return a variant's colour, that of baselines for any other name."""
        return f"@{self.of.get(name, 'baseline')}{opacity and '/'}{opacity}"


def plain(name: str) -> str:
    """Return a name as text that plotly takes for no markup."""
    return escape(name, quote=False)


def rounded(values: Sequence[float]) -> list[float]:
    """Return values by five figures: more are not seen, and make the page large."""
    return [float(f"{value:.5g}") for value in values]
