"""The end of a stage whose follower, `seqarena run`, is gone without having ended it."""

from __future__ import annotations

import os
import signal
import threading
import time

from seqarena.tracking.process import alive, this_process

LOOK = 1.0  # seconds between looks at the follower
GRACE = 8.0  # seconds that the stage has to close its runs


def as_follower() -> str:
    """Name this process to the stages that it follows."""
    return " ".join(map(str, this_process()))


def end_with(follower: str) -> None:
    """End this process soon after the one that `as_follower` named, however that ended.

    The Ray of both goes with it, and who waits for an answer of Ray's is told after a minute. A
    termination is tried first, and cuts the wait short where it may.
    """
    pid, born = follower.split()
    watch = threading.Thread(target=_watch, args=[int(pid), float(born)], daemon=True)
    watch.start()


def _watch(pid: int, born: float) -> None:
    while alive(pid, born):
        time.sleep(LOOK)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(128 + signal.SIGTERM)
