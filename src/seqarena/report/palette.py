"""The colours of the page by light and by dark; a variant has the same in all charts."""

from __future__ import annotations

from collections.abc import Iterable

from seqarena.plots.colours import BLUE, INK, ORANGE, PALE_BLUE, PALE_ORANGE, SOFT

PALETTE: dict[str, tuple[str, str]] = {  # custom properties of CSS, and what charts are drawn in
    "page": ("#f5f6f8", "#12161b"),
    "card": ("#ffffff", "#1a2027"),
    "ink": (INK, "#e6eaee"),
    "soft": (SOFT, "#9aa6b2"),
    "line": ("#e1e5ea", "#2c353f"),
    "accent": ("#0062a3", "#6cb8ec"),
    "tint": ("#e6f1f9", "#16324a"),
    "warm": ("#a94400", "#eb9a62"),
    "baseline": (ORANGE, "#f09a5e"),
    "ahead": (PALE_BLUE, "#2a6288"),  # so pale, or dark, that ink is read on them
    "behind": (PALE_ORANGE, "#8a4a22"),
    "variant0": (BLUE, "#5cb3ec"),
    "variant1": ("#00875f", "#3ccb9b"),
    "variant2": ("#b0388f", "#ee8fd3"),
    "variant3": ("#7f7400", "#d9c948"),
    "variant4": ("#6a4fc4", "#ab9cff"),
    "variant5": ("#0090a0", "#52d3e0"),
    "variant6": ("#7b4a38", "#cfa18d"),
    "variant7": ("#66707a", "#aeb6be"),
}
COUNT = sum(name.startswith("variant") for name in PALETTE)


def colours_of(experiments: Iterable[Iterable[str]]) -> list[dict[str, str]]:
    """Give the variants of each experiment their colours, names in `PALETTE`.

    A variant has the same in all experiments, unless another of one of them has it already.
    """
    places: dict[str, int] = {}
    found = []
    for variants in experiments:
        taken: dict[str, int] = {}
        for name in variants:
            wanted = places.setdefault(name, len(places))
            free = [n for n in range(wanted, wanted + COUNT) if n % COUNT not in taken.values()]
            taken[name] = (free or [wanted])[0] % COUNT
        found.append({name: f"variant{place}" for name, place in taken.items()})
    return found
