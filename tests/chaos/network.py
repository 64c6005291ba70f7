"""A machine behind a network of its own, which can break and be mended.

The network is a namespace of Linux, joined to the one of this process by a pair of virtual
interfaces. Only root, or who may do as root does, can make one.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from support import script_environment


def lacking() -> str:
    """Say why no network can be made here; "" where one can."""
    if shutil.which("ip") is None:
        return "the command `ip` is not there (Debian: apt-get install iproute2)"
    try:
        Network().close()
    except subprocess.CalledProcessError as error:
        return f"no network namespace can be made here: {error.stderr.strip()}"
    return ""


class Network:
    """Two ends: this machine's, at `here`, and the one of whatever runs on its other side."""

    def __init__(self) -> None:
        number = os.getpid()
        self.name, self.inner, self.outer = f"seqarena-{number}", f"si{number}", f"so{number}"
        subnet = f"10.{200 + (number >> 8) % 50}.{number % 256}"
        self.here, self.there = f"{subnet}.1", f"{subnet}.2"
        self.machine: subprocess.Popen[bytes] | None = None
        try:
            _ip("netns", "add", self.name)
            _ip("link", "add", self.outer, "type", "veth", "peer", self.inner, "netns", self.name)
            _ip("addr", "add", f"{self.here}/30", "dev", self.outer)
            _ip("link", "set", self.outer, "up")
            for device in ("lo", self.inner):
                _ip("-netns", self.name, "link", "set", device, "up")
            _ip("-netns", self.name, "addr", "add", f"{self.there}/30", "dev", self.inner)
        except subprocess.CalledProcessError:
            self.close()
            raise

    def join(self, cluster: str, log: Path, environment: dict[str, str]) -> None:
        """Start a machine with one core on the other side, which joins a Ray cluster."""
        ray = ["-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=1"]
        where = [f"--address={cluster}", f"--node-ip-address={self.there}"]
        with log.open("ab") as output:
            self.machine = subprocess.Popen(
                ["ip", "netns", "exec", self.name, sys.executable, *ray, *where],
                env=script_environment(**environment),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def cut(self) -> None:
        """Break the network: whatever is sent is lost, and nobody is told."""
        _ip("-netns", self.name, "link", "set", self.inner, "down")

    def mend(self) -> None:
        """Mend what was broken."""
        _ip("-netns", self.name, "link", "set", self.inner, "up")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all that runs on the other side; a kill is the end of the machine."""
        for pid in _ip("netns", "pids", self.name).split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), number)
        if number == signal.SIGKILL and self.machine is not None:
            self.machine.wait(20)
            self.machine = None

    def close(self) -> None:
        """Remove all that was made: the processes, the interfaces, the namespace."""
        if self.name in _ip("netns", "list").split():
            self.signal(signal.SIGKILL)
            if f"{self.outer}@" in _ip("link"):  # with the namespace it would go, but later
                _ip("link", "delete", self.outer)
            _ip("netns", "delete", self.name)


def _ip(*arguments: str) -> str:
    done = subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)
    return done.stdout
