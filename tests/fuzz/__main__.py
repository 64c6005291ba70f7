"""`python -m tests.fuzz [N] [FORMAT …]`: so many damaged files of each format, and a table."""

from __future__ import annotations

import argparse
import sys

from seqarena.errors import nearest

from .formats import FORMATS
from .trials import Counts, fuzz

COLUMNS = ("format", "tried", "read", "refused", "stopped", "tracebacks", "hangs", "memory")
SHARE = 10  # of a costly format one in so many


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("count", type=int, nargs="?", default=1000, help="damaged files a format")
    parser.add_argument("formats", nargs="*", help="all when none is named")
    arguments = parser.parse_args()
    for name in arguments.formats:
        if name not in FORMATS:
            parser.error(f"no format '{name}'; {nearest(name, FORMATS)}")
    print(_row(COLUMNS), _row(["---"] * len(COLUMNS)), sep="\n", flush=True)
    found = {}
    for name in arguments.formats or FORMATS:
        count = arguments.count // SHARE if FORMATS[name].costly else arguments.count
        found[name] = fuzz(name, range(count))
        print(_row(_cells(name, found[name])), flush=True)
    for name, counts in found.items():
        kinds: dict[str, list[str]] = {}
        for told in counts.told:
            kinds.setdefault(":".join(told.split(":")[1:4]), []).append(told)
        for alike in kinds.values():
            print(f"{name}, {len(alike)} times, first {alike[0]}")
    sys.exit(not all(counts.sound for counts in found.values()))


def _cells(name: str, counts: Counts) -> list[str]:
    numbers = (counts.tried, counts.read, counts.refused, counts.stopped)
    bad = (counts.tracebacks, counts.hangs)
    return [name, *(f"{number:,}" for number in (*numbers, *bad)), f"{counts.memory >> 20} MiB"]


def _row(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
