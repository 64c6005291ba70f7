"""Whatever a decoder does to its process, the file is refused by name and the next one is read."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from seqarena.data import children
from seqarena.data.children import alive, decoders
from seqarena.data.store import Array
from seqarena.errors import InputError


def decode(path: Path) -> Array:
    """Read a file of numbers, or do what it is named for."""
    match path.stem:
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "exit":
            os._exit(3)
        case "hang":
            time.sleep(60)
        case "long":
            for _ in range(8):
                time.sleep(0.1)
                alive()
        case "large":
            np.empty(2 << 30, np.uint8)  # more than this process can have freed
        case "loud":
            os.write(2, b"glibc: corrupted size\n")
        case "damaged":
            raise InputError(f"{path}: damaged")
        case "mistake":
            raise KeyError("of ours")
    return np.array([[1.5, os.getpid()]])


def pid_of(found: Array) -> int:
    return int(found[0, 1])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("crash", r"its decoder crashed on it \(SIGSEGV\)"),
        ("exit", r"its decoder ended on it \(exit code 3\)"),
        ("hang", "no answer of its decoder in 0.5 s; .* SEQARENA_DECODE_SECONDS gives it longer"),
        ("large", "needs more than 64 MiB"),
        ("damaged", "damaged"),
    ],
)
def test_the_file_is_refused_and_the_next_is_read(
    name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEQARENA_DECODE_SECONDS", "0.5")
    monkeypatch.setattr(children, "MEMORY", 64 << 20)
    with decoders(decode) as submit:
        for path in (tmp_path / f"{name}.wav", tmp_path / f"{name}.png"):
            with pytest.raises(InputError, match=f"{path}: .*{message}") as caught:
                submit(path).result()
            assert "\n" not in str(caught.value)
        assert submit(tmp_path / "a.wav").result()[0, 0] == 1.5


def test_children_serve_many_files_and_end_with_the_block(tmp_path: Path) -> None:
    with decoders(decode) as submit:
        found = [submit(tmp_path / f"{number}.wav") for number in range(40)]
        pids = {pid_of(future.result()) for future in found}
        assert 1 <= len(pids) <= children.PROCESSES and os.getpid() not in pids
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_a_long_file_that_goes_on_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "SIGN", 0.0)
    monkeypatch.setenv("SEQARENA_DECODE_SECONDS", "0.5")
    with decoders(decode) as submit:
        assert submit(tmp_path / "long.wav").result().shape == (1, 2)


def test_an_error_ends_what_still_works(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(InputError, match="damaged"), decoders(decode) as submit:
        waiting = [submit(tmp_path / f"{name}.wav") for name in ("hang", "damaged", "hang")]
        waiting[1].result()
    assert time.monotonic() - began < 30  # of 60


def test_a_mistake_of_ours_is_shown_whole(tmp_path: Path) -> None:
    with decoders(decode) as submit, pytest.raises(RuntimeError, match="KeyError: 'of ours'"):
        submit(tmp_path / "mistake.wav").result()


def test_what_a_library_prints_stays_in_the_child(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with decoders(decode) as submit:
        submit(tmp_path / "loud.wav").result()
    assert capfd.readouterr().err == ""


def test_a_child_ends_with_its_parent(tmp_path: Path) -> None:
    """Killed outright, so that it cannot say goodbye."""
    reader, writer = os.pipe()
    parent = os.fork()
    if parent == 0:
        with decoders(decode) as submit:
            pids = {pid_of(submit(tmp_path / f"{n}.wav").result()) for n in range(8)}
            os.write(writer, " ".join(map(str, pids)).encode())
            time.sleep(60)
    pids = [int(pid) for pid in os.read(reader, 100).split()]
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    deadline = time.monotonic() + 30
    while any(psutil.pid_exists(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.close(reader)
    os.close(writer)
