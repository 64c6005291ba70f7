"""Each damaged file is read in a process of its own kind, which may crash, hang or grow."""

from __future__ import annotations

import json
import os
import resource
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

from seqarena.data.children import FORK, bound_memory, decoders
from seqarena.errors import InputError

from .formats import FORMATS, Format, Read
from .mutations import damaged

HANG = 5.0  # seconds that a file may take
GRACE = 5.0  # until it is ended: a decoder is given as long, and refuses the file then
MEMORY = 1 << 30  # bytes that a process may hold
CEILING = 6 << 30  # bytes of address space beside what it is born with: who asks for more ends


@dataclass
class Counts:
    """What came of the damaged files of a format."""

    tried: int = 0
    read: int = 0
    refused: int = 0
    stopped: int = 0  # of the refused: their decoder crashed, hung or grew, and was replaced
    tracebacks: int = 0
    hangs: int = 0
    memory: int = 0  # bytes that the reader took at most, beside what it was born with
    told: list[str] = field(default_factory=list)  # of each that is not allowed

    @property
    def sound(self) -> bool:
        """Whether all was read or refused in one line, in time and within the memory."""
        return not (self.tracebacks or self.hangs or self.memory > MEMORY)


def fuzz(name: str, numbers: range, hang: float = HANG) -> Counts:
    """Read the damaged files of a format with these numbers."""
    counts = Counts()
    left = numbers
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        while left:
            ours, theirs = FORK.Pipe()
            process = FORK.Process(target=_read_all, args=(name, left, Path(folder), theirs))
            process.start()
            theirs.close()
            done = _count(counts, ours, left, hang)
            process.kill()
            process.join()
            ours.close()
            left = left[done:]
    return counts


def _count(counts: Counts, answers: Connection, numbers: range, hang: float) -> int:
    """Count what a process says of its files, until one takes too long or ends it."""
    for done, number in enumerate(numbers):
        counts.tried += 1
        try:
            if not answers.poll(60 + hang + GRACE if done == 0 else hang + GRACE):
                counts.hangs += 1
                counts.told.append(f"{number}: hangs")
                return done + 1
            outcome, line, seconds = json.loads(answers.recv_bytes())
        except EOFError:
            counts.tracebacks += 1
            counts.told.append(f"{number}: the process crashed")
            return done + 1
        stopped = ": its decoder" in line or "no answer of its decoder" in line
        if outcome == "read":
            counts.read += 1
        elif outcome == "refused":
            counts.refused += 1
            counts.stopped += stopped
        else:
            counts.tracebacks += 1
            counts.told.append(f"{number}: {line}")
        if seconds > hang and not stopped:
            counts.hangs += 1
            counts.told.append(f"{number}: {seconds:.1f} s")
    counts.memory = max(counts.memory, json.loads(answers.recv_bytes()))
    return len(numbers)


def _read_all(name: str, numbers: range, folder: Path, answers: Connection) -> None:
    warnings.simplefilter("ignore")
    bound_memory(CEILING)
    form = FORMATS[name]
    work = folder / str(os.getpid())
    work.mkdir()
    born = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # with what its parent holds
    valid = _valid(form, work)
    with _reader(form) as read:
        for number in numbers:
            path = work / form.name
            path.write_bytes(_damaged(form, valid, f"{name} {number}"))
            outcome, line, seconds = _read(read, path)
            if seconds > HANG:  # on a busy machine any process may have to wait: once more
                outcome, line, seconds = _read(read, path)
            answers.send_bytes(json.dumps((outcome, line, seconds)).encode())
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)  # the decoders have ended
    held = 1024 * (max(resource.getrusage(kind).ru_maxrss for kind in kinds) - born)
    answers.send_bytes(json.dumps(held).encode())
    answers.close()


@contextmanager
def _reader(form: Format) -> Iterator[Read]:
    """Yield what reads a format: of media one decoder for all files, as in a preparation."""
    if not form.decoded:
        yield form.read
        return
    with decoders(form.read, processes=1) as submit:
        yield lambda path: submit(path).result()


def damaged_file(name: str, number: int, path: Path) -> None:
    """Write one damaged file, to be looked at."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        form, work = FORMATS[name], Path(folder) / "one"
        work.mkdir()
        path.write_bytes(_damaged(form, _valid(form, work), f"{name} {number}"))


def _valid(form: Format, work: Path) -> list[bytes]:
    """Make two valid files, and see that they are read."""
    path, found = work / form.name, []
    for number in range(2):
        path.unlink(missing_ok=True)
        form.write(path, number)
        form.read(path)
        found.append(path.read_bytes())
    return found


def _damaged(form: Format, valid: list[bytes], seed: str) -> bytes:
    random = Random(seed)
    first = random.randrange(2)
    return damaged(valid[first], valid[1 - first], random, text=form.text)


def _read(read: Read, path: Path) -> tuple[str, str, float]:
    """Read a file; return what came of it, what was told and how long it took."""
    began = time.monotonic()
    outcome, line = _outcome(read, path)
    return outcome, line, time.monotonic() - began


def _outcome(read: Read, path: Path) -> tuple[str, str]:
    try:
        read(path)
    except InputError as error:
        line = str(error)
        return ("refused", line) if "\n" not in line else ("lines", f"several lines: {line!r}")
    except BaseException as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        ours = [
            f for f in traceback.extract_tb(error.__traceback__) if "/src/seqarena/" in f.filename
        ]
        place = ours[-1] if ours else last
        told = f"{type(error).__name__}: {str(error).strip().splitlines()[-1:]!r}"
        return "traceback", f"{Path(place.filename).name}:{place.lineno}: {told}"
    return "read", ""
