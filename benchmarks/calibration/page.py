"""The tables and pictures of docs/statistics.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from benchmarks.calibration.measure import Case, Errors, Power
from seqarena.errors import InputError
from seqarena.plots.colours import BLUE, MIST, SOFT
from seqarena.plots.style import picture

HEADINGS = (
    "variants",
    "what varies most",
    "variants",
    "repetitions",
    "true best left out",
    "by the former method",
    "wrong about a baseline",
    "mean missed",
    "a gap missed",
)


def table_of(found: Sequence[tuple[Case, Errors]], chances: float, runs: int) -> str:
    """Lay out the errors, in per cent of the contests."""
    lines = [
        f"Per cent of {runs:,} simulated contests; 5 are nominal, and chance alone makes "
        f"{196 * (0.05 * 0.95 / runs) ** 0.5:.1f} more or less of them.",
        "",
        f"| {' | '.join(HEADINGS)} |",
        f"|{'---|' * len(HEADINGS)}",
    ]
    for case, errors in found:
        shares = (errors.excluded, errors.former, errors.baseline, errors.means, errors.gaps)
        cells = [
            case.label,
            case.world.varies,
            str(len(case.world.means)),
            str(case.repetitions),
            *(f"{100 * share:.1f}" for share in shares),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", f"Intervals of P(A > B) that hold the truth: {100 * chances:.1f} %."]
    return "\n".join(lines)


def write_between(page: Path, name: str, text: str) -> None:
    """Put a text between the marks of its name in a page.

    Raises `InputError` for a page without them.
    """
    before, after = (f"<!-- {name}: {end} -->" for end in ("begin", "end"))
    old = page.read_text()
    if before not in old or after not in old:
        raise InputError(f"{page}: expected the marks {before} and {after}")
    head, rest = old.split(before, 1)
    tail = rest.split(after, 1)[1]
    page.write_text(f"{head}{before}\n{text}\n{after}{tail}")


def draw_power(curves: Mapping[tuple[str, int], Iterable[Power]], path: Path) -> None:
    """Draw a panel per spread and number of variants: what is told from the best, by its gap."""
    rows = list(dict.fromkeys(varies for varies, _ in curves))
    columns = list(dict.fromkeys(count for _, count in curves))
    with picture(path, 9.0, 7.0) as figure:
        panels = figure.subplots(len(rows), len(columns), sharex=True, sharey=True, squeeze=False)
        for (varies, count), powers in curves.items():
            axes = panels[rows.index(varies), columns.index(count)]
            by_count: dict[int, list[Power]] = {}
            for power in powers:
                by_count.setdefault(power.repetitions, []).append(power)
            for place, (repetitions, line) in enumerate(by_count.items()):
                gaps = [power.gap for power in line]
                shade = 0.35 + 0.65 * place / max(1, len(by_count) - 1)
                axes.plot(
                    gaps,
                    [power.told for power in line],
                    color=BLUE,
                    alpha=shade,
                    lw=1.6,
                    label=f"{repetitions} repetitions",
                )
                former = [power.former for power in line]
                axes.plot(gaps, former, color=SOFT, alpha=shade, lw=1.0, ls=":")
            axes.axhline(0.8, color=MIST, lw=0.8)
            axes.set_title(f"{count} variants, {varies} vary most", size=9)
            axes.set_ylim(0, 1.02)
        figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=4)
        figure.supxlabel("true gap to the best; dotted: the former method", size=10, color=SOFT)
        figure.supylabel("told from the best", size=10, color=SOFT)
