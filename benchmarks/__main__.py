"""``python -m benchmarks [NAME …]``: all of them, or those named."""

from __future__ import annotations

import sys
from importlib import import_module

NAMES = ("fit", "batches", "conv_lstm", "translation", "search")


def main() -> None:
    """Run the benchmarks asked for."""
    names = sys.argv[1:] or NAMES
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        sys.exit(f"benchmarks: no '{unknown[0]}'; there are {', '.join(NAMES)}")
    for name in names:
        import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
