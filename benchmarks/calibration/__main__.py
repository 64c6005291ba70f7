"""How often a verdict errs: writes the tables and pictures of docs/statistics.md.

``python -m benchmarks.calibration [RUNS]`` simulates contests of which the truth is known;
``python -m benchmarks.calibration real [RUNS]`` does the whole procedure of real experiments again
from other seeds.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.calibration.again import run_again
from benchmarks.calibration.measure import cases, chances_covered, errors, powers
from benchmarks.calibration.page import draw_power, table_of, write_between
from benchmarks.calibration.stability import agreement_of, spread_ratios, stability
from benchmarks.calibration.worlds import SPREADS, equal

PAGE = Path("docs/statistics.md")
GAPS = (0.01, 0.02, 0.03, 0.04, 0.06, 0.08)


REAL = ["signals", "cloze", "sentiment"]  # the cheapest of the gallery, each of another task


def main() -> None:
    """Do what is asked, and write."""
    arguments = sys.argv[1:]
    real = arguments[:1] == ["real"]
    given = arguments[real:]
    if real:
        do_again(int(given[0]) if given else 5)
    else:
        simulate(int(given[0]) if given else 1000)


def do_again(runs: int) -> None:
    """Compare runs of real experiments with each other."""
    verdicts = run_again(REAL, runs, Path("build/calibration"))
    found = {name: stability(each) for name, each in verdicts.items()}
    ratios = {
        name: spread_ratios([summary for summary, _ in each]) for name, each in verdicts.items()
    }
    write_between(PAGE, "real", agreement_of(found, ratios))


def simulate(runs: int) -> None:
    """Simulate contests."""
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
