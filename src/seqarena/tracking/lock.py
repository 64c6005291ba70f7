"""One run of an experiment at a time: two would train the same trials into one ledger."""

from __future__ import annotations

import fcntl
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seqarena.errors import InputError


@contextmanager
def only_run(results: Path) -> Iterator[int]:
    """Hold the experiment of a folder of results; yield a descriptor that children may inherit.

    It is free again once this process and those children are gone, however they ended. Raises
    `InputError` naming the process that has it.
    """
    path = results / "run.lock"
    results.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "another process"
            message = f"{results.name}: is being run by {holder}; wait until it is done, or end it"
            raise InputError(message) from error
        file.truncate(0)
        file.write(_this_process())
        file.flush()
        yield file.fileno()


def _this_process() -> str:
    command = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    return f"process {os.getpid()} on {socket.gethostname()} since {since} ({command})"
