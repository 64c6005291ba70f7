"""The user's media are decoded in child processes: what a damaged file does, it does to a child.

A library in C can crash on such a file, which no except clause catches, run for ever, or ask for
any amount of memory. A child is forked, which takes milliseconds since the libraries are loaded
already; it serves many files, and is replaced when it dies or has to be killed. It answers in JSON
and plain numbers: nothing is unpickled.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import queue
import resource
import signal
import socket
import struct
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from pathlib import Path

import numpy as np

from seqarena.data.store import Array
from seqarena.errors import InputError

Decode = Callable[[Path], Array]
# Yields what a decoder makes of each file, in order, or why it refuses one: here `decoded`, or its
# like on a cluster.
DecodeAll = Callable[[Decode, Iterable[Path]], Generator[Array | InputError]]

PROCESSES = 2
AHEAD = 4 * PROCESSES  # files that are decoded before they are asked for: each may be large
MEMORY = 2 << 30  # bytes of address space that a child may take beside what it is born with
SECONDS = "SEQARENA_DECODE_SECONDS"  # the variable that says how long a child may be silent
PATIENCE = 5.0  # seconds, where it does not
SIGN = 0.5  # seconds from one sign of life to the next
FORK = multiprocessing.get_context("fork")

_parent: Connection | None = None  # in a child
_last_sign = 0.0


def decoded(decode: Decode, paths: Iterable[Path]) -> Generator[Array | InputError]:
    """Decode files on this machine and yield what comes of them, in order; see `decoders`."""
    with decoders(decode) as submit:
        waiting: deque[Future[Array]] = deque()
        for path in paths:
            waiting.append(submit(path))
            if len(waiting) > AHEAD:
                yield _answer(waiting.popleft())
        while waiting:
            yield _answer(waiting.popleft())


def _answer(future: Future[Array]) -> Array | InputError:
    try:
        return future.result()
    except InputError as error:
        return error


def readable(array: Array | InputError) -> Array:
    """Return what was decoded; raises the `InputError` that came instead."""
    if isinstance(array, InputError):
        raise array
    return array


@contextmanager
def decoders(
    decode: Decode, processes: int = PROCESSES
) -> Iterator[Callable[[Path], Future[Array]]]:
    """Yield a function that hands a file to one of a few children, each of which calls `decode`.

    Its future gives what `decode` returns. It raises `InputError`, as `decode` does, and one that
    names the file at which the child crashed, hung, or took more than `MEMORY`.
    """
    children = [_Child(decode) for _ in range(processes)]
    idle: queue.SimpleQueue[_Child] = queue.SimpleQueue()
    for child in children:
        idle.put(child)

    def ask(path: Path) -> Array:
        child = idle.get()
        try:
            return child.decode(path)
        finally:
            idle.put(child)

    with ThreadPoolExecutor(processes) as pool:
        try:
            yield lambda path: pool.submit(ask, path)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # after an error no more is wanted
            for child in children:
                child.kill()  # whoever waits for it is told
            pool.shutdown()
            for child in children:
                child.close()


def alive() -> None:
    """Tell whoever waits that a long file goes on; a decoder calls it as often as it likes.

    Only for what comes to an end: how long a child may work in all is not bounded.
    """
    global _last_sign
    if _parent is not None and time.monotonic() - _last_sign > SIGN:
        _parent.send_bytes(b"")
        _last_sign = time.monotonic()


class _Child:
    """One process that decodes; after a crash the next file gets a new one."""

    def __init__(self, decode: Decode) -> None:
        self._decode = decode
        self.process: ForkProcess | None = None

    def decode(self, path: Path) -> Array:
        """Decode one file; see `decoders`."""
        process = self.process or self._start()
        try:
            self._connection.send_bytes(os.fsencode(path))
            while not (message := self._connection.recv_bytes()):
                pass  # a sign of life
        except BlockingIOError as error:
            self.close()
            patience = f"no answer of its decoder in {_patience():g} s"
            fix = f"if the file is sound, {SECONDS} gives it longer"
            raise InputError(f"{path}: not readable: {patience}; {fix}") from error
        except (EOFError, OSError) as error:
            process.join()
            reason = _ending(process.exitcode or 0)
            self.close()
            raise InputError(f"{path}: not readable: its decoder {reason}") from error
        head = message.index(b"\n")
        answer = json.loads(message[:head])
        if "refused" in answer:
            raise InputError(answer["refused"])
        if "failed" in answer:
            raise RuntimeError(f"{path}: the decoder failed\n{answer['failed']}")
        return np.frombuffer(message, answer["dtype"], offset=head + 1).reshape(answer["shape"])

    def _start(self) -> ForkProcess:
        self._connection, theirs = FORK.Pipe()
        with socket.socket(fileno=os.dup(self._connection.fileno())) as ours:
            seconds = struct.pack("ll", *divmod(round(_patience() * 1e6), 10**6))
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, seconds)
        process = FORK.Process(target=_serve, args=(self._decode, theirs), daemon=True)
        process.start()
        theirs.close()
        self.process = process  # only now: before, there is nothing to be killed
        return process

    def kill(self) -> None:
        """End the process, whatever it does."""
        if (process := self.process) is not None:
            with suppress(ValueError):  # let go of at this very moment
                process.kill()

    def close(self) -> None:
        """End the process and let go of it."""
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.process.close()
            self._connection.close()
            self.process = None


def _patience() -> float:
    return float(os.environ.get(SECONDS, PATIENCE))


def _ending(code: int) -> str:
    if code < 0:
        return f"crashed on it ({signal.Signals(-code).name})"
    return f"ended on it (exit code {code})"


def _serve(decode: Decode, parent: Connection) -> None:
    """Answer one path after another until the parent hangs up."""
    global _parent, _last_sign
    _parent = parent
    _confine(parent.fileno())
    while True:
        try:
            path = Path(os.fsdecode(parent.recv_bytes()))
        except EOFError:
            return
        _last_sign = time.monotonic()
        numbers = b""
        try:
            array = decode(path)
            answer = {"dtype": str(array.dtype), "shape": array.shape}
            numbers = array.tobytes()
        except InputError as error:
            answer = {"refused": str(error)}
        except MemoryError:
            answer = {"refused": f"{path}: not readable: needs more than {MEMORY >> 20} MiB"}
        except Exception:  # a mistake of ours: shown whole, where people see it
            answer = {"failed": traceback.format_exc()}
        parent.send_bytes(b"%b\n%b" % (json.dumps(answer).encode(), numbers))


def _confine(connection: int) -> None:
    """Leave the child its connection alone, and bound what it may take."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends the child
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):  # what a library says when it crashes
        os.dup2(nowhere, standard)
    os.closerange(3, connection)
    os.closerange(connection + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    gc.freeze()  # what it was born with stays: looking at it would copy its pages
    bound_memory(MEMORY)


def bound_memory(more: int) -> None:
    """Let this process map so many bytes more, and leave no core file.

    What it was born with counts as address space too: torch alone maps gigabytes.
    """
    pages = int(Path("/proc/self/statm").read_text().split()[0])  # psutil takes longer to import
    most = pages * resource.getpagesize() + more
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
