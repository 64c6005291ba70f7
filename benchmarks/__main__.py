"""``python -m benchmarks [NAME …]``: all of them, or those named."""

from __future__ import annotations

import sys
from importlib import import_module

NAMES = (
    "fit", "forecast", "batches", "conv_lstm", "past", "scan", "translation", "search", "serving"
)  # fmt: skip
APART = ("gpu", "review", "scale", "tuning")  # of another machine, or of an hour: not part of all


def main() -> None:
    """Run the benchmarks asked for."""
    names = sys.argv[1:] or NAMES
    unknown = [name for name in names if name not in (*NAMES, *APART)]
    if unknown:
        sys.exit(f"benchmarks: no '{unknown[0]}'; there are {', '.join((*NAMES, *APART))}")
    for name in names:
        import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
