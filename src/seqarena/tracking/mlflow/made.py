"""Files that a run made, as they were then."""

from __future__ import annotations

import time
from pathlib import Path

from seqarena.tracking.ledger import content_digest

KEPT = 15.0  # seconds after a file was made, in which DVC may keep it
LOOK = 0.1  # seconds from one look to the next


def is_as_made(path: Path, digest: str, made: int) -> bool:
    """Tell whether a file or folder is what was made of it, `made` milliseconds since 1970.

    As a stage ends DVC moves what it made into its cache and links or copies it back: what is gone,
    or there in part, so early is waited for.
    """
    while not _has(path, digest):
        if time.time() - made / 1000 > KEPT:
            return False
        time.sleep(LOOK)
    return True


def _has(path: Path, digest: str) -> bool:
    try:
        return content_digest(path) == digest
    except FileNotFoundError:
        return False
