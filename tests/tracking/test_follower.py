"""A stage ends soon after the `seqarena run` that started it, however that ended."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from seqarena.tracking.process import alive
from support import script_environment

STAGE = """
import signal, sys, time
from seqarena.errors import exit_with_one_line
from seqarena.tracking import follower
follower.LOOK, follower.GRACE = 0.1, 0.5 if sys.argv[2] == "deaf" else 20

def main():
    follower.end_with(sys.argv[1])
    if sys.argv[2] == "deaf":  # as while it waits for an answer of Ray
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        print("at work", flush=True)
        time.sleep(600)
    finally:
        print("unwound", flush=True)

exit_with_one_line(main)
"""


@pytest.fixture
def followed() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that may be killed, and its name as a follower."""
    code = (
        "from seqarena.tracking.follower import as_follower as f; print(f(), flush=True); input()"
    )
    process = _python(code)
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("kind", "printed"), [("open", "unwound\n"), ("deaf", "")])
def test_a_stage_ends_after_its_follower_was_killed(
    kind: str, printed: str, followed: tuple[subprocess.Popen[str], str]
) -> None:
    follower, name = followed
    stage = _python(STAGE, name, kind)
    assert stage.stdout is not None
    assert stage.stdout.readline() == "at work\n"
    assert stage.poll() is None
    follower.kill()  # and nobody has taken notice of it: a zombie
    try:
        assert stage.communicate(timeout=30)[0] == printed
    finally:
        stage.kill()
    assert stage.returncode == 128 + signal.SIGTERM


def test_a_later_process_of_the_same_pid_is_another() -> None:
    born = psutil.Process().create_time()
    pid = psutil.Process().pid
    assert alive(pid, born)
    assert not alive(pid, born - 60)


def _python(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=script_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
