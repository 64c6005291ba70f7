"""``python -m benchmarks.calibration [RUNS]``: how often the verdict errs, by simulation.

Writes the tables and pictures of docs/statistics.md.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.calibration.measure import cases, chances_covered, errors, powers
from benchmarks.calibration.page import draw_power, table_of, write_between
from benchmarks.calibration.worlds import SPREADS, equal

PAGE = Path("docs/statistics.md")
GAPS = (0.01, 0.02, 0.03, 0.04, 0.06, 0.08)


def main() -> None:
    """Simulate and write."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    found = []
    for number, case in enumerate(cases()):
        found.append((case, errors(case, runs, number)))
        print(case.label, case.world.varies, len(case.world.means), case.repetitions, found[-1][1])
    curves = {
        (varies, count): powers(equal(count, varies), GAPS, max(1, runs // 5), count)
        for varies in SPREADS
        for count in (2, 5, 9)
    }
    draw_power(curves, PAGE.parent / "power.png")
    text = table_of(found, chances_covered(max(1, runs // 5), 1), runs)
    write_between(PAGE, "calibrate", text)


if __name__ == "__main__":
    main()
