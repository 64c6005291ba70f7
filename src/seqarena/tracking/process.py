"""Which process it was, and whether it still runs."""

from __future__ import annotations

import os

import psutil


def this_process() -> tuple[int, float]:
    """Return this process's pid and when it started, in seconds since the epoch."""
    return os.getpid(), psutil.Process().create_time()


def alive(pid: int, born: float) -> bool:
    """Tell whether that very process still runs, not a later one that was given its pid."""
    try:
        process = psutil.Process(pid)
        same = abs(float(process.create_time()) - born) < 2.0  # the clock may have been adjusted
        return same and str(process.status()) != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
