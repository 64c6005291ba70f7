"""`python -m chaos [N] [--seed S]`: so many faults from a seeded plan, and a table of them."""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from conftest import SPECS, write_prepared

from .arena import Arena
from .network import Network, lacking
from .plan import inject, plan


def main() -> None:
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("count", type=int, nargs="?", default=30, help="faults")
    parser.add_argument("--seed", type=int, default=0, help="of the plan")
    arguments = parser.parse_args()
    chance, began = random.Random(arguments.seed), time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="seqarena-chaos-"))
    prepared = write_prepared(folder / "prepared", SPECS["audio"])
    if reason := lacking():
        print(f"No network is broken: {reason}")
    network = None if reason else Network()
    arena = Arena(folder, prepared, chance, network)
    injected, recovered = Counter[str](), Counter[str]()
    try:
        with suppress(KeyboardInterrupt):  # no more of them, and a table of those until here
            for name in plan(arguments.count, chance, network=network is not None):
                print(f"{time.monotonic() - began:6.0f} s  {name}", flush=True)
                recovered[name] += _goes_well(partial(inject, name, arena), arena)
                injected[name] += 1
        sound = _goes_well(arena.finish, arena)
    finally:
        arena.close()
    print("\n| fault | injected | recovered |\n|---|---|---|")
    for name, count in injected.items():
        print(f"| {name} | {count} | {recovered[name]} |")
    tally = arena.tally
    print(f"\n{tally.runs} runs to the end, each with the result of an uninterrupted one. ", end="")
    print(f"Metrics lost: {tally.lost} of {tally.metrics:,}. ", end="")
    print(f"Trainings repeated: {tally.repeated} of {tally.trainings}; ", end="")
    print(f"stopped ones that went on: {tally.resumed}. ", end="")
    print(f"After a machine's end all went on within {max(tally.moved, default=0):.0f} s. ", end="")
    print(f"{(time.monotonic() - began) / 60:.0f} minutes.")
    sys.exit(not (sound and injected == recovered and not tally.lost and not tally.repeated))


def _goes_well(what: Callable[[], None], arena: Arena) -> bool:
    try:
        what()
    except (AssertionError, subprocess.TimeoutExpired):
        traceback.print_exc()
        arena.give_up()
        return False
    return True


if __name__ == "__main__":
    main()
