"""What a run stands on: two machines of a Ray cluster and an MLflow server, to be taken away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import psutil

from search.toy import workers_of
from servers import free_port, start_mlflow
from support import script_environment

from .network import Network

LOCAL = "127.0.0.1"
AT_WORK = ("ray::Worker.start", "ray::Worker.go_on")

NODES = """
    import signal, sys
    import psutil
    from ray.cluster_utils import Cluster

    def raylet(node):
        return psutil.Process(node.all_processes["raylet"][0].process.pid)

    here = {"num_cpus": 1, "node_ip_address": sys.argv[1]}
    cluster, nodes = Cluster(initialize_head=True, head_node_args=here), []
    print(cluster.address, flush=True)
    for line in sys.stdin:
        order = line.strip()
        if order == "add":
            nodes.append(cluster.add_node(**here))
        elif order == "kill":
            cluster.remove_node(nodes.pop(), allow_graceful=False)
        elif order == "freeze":
            first = raylet(nodes[-1])
            for process in [first, *first.children(recursive=True)]:
                process.send_signal(signal.SIGSTOP)
        else:
            break
        print("done", flush=True)
    cluster.shutdown()
"""


class Nodes:
    """A Ray cluster of two machines with a core each; the second comes and goes.

    Where a network can be made, the second is behind one; otherwise it is a second one here.
    """

    def __init__(self, log: Path, environment: dict[str, str], network: Network | None) -> None:
        self.log, self.environment, self.network = log, environment, network
        with log.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", textwrap.dedent(NODES), network.here if network else LOCAL],
                env=script_environment(**environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    @cached_property
    def address(self) -> str:
        """Where it is, once it has started."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def add(self) -> None:
        """Have the second machine join."""
        if self.network:
            self.network.join(self.address, self.log.with_suffix(".there.log"), self.environment)
        else:
            self._order("add")

    def add_again(self) -> None:
        """Have it join again where the cluster gave it up, as it does one that is too slow."""
        if self.network and self.network.machine and self.network.machine.poll() is not None:
            self.add()

    def kill(self) -> None:
        """Kill the second machine."""
        if self.network:
            self.network.signal(signal.SIGKILL)
        else:
            self._order("kill")

    def freeze(self) -> None:
        """Have the second machine do nothing more."""
        if self.network:
            self.network.signal(signal.SIGSTOP)
        else:
            self._order("freeze")

    def _order(self, command: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(command, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline().strip()
        assert answer == "done", f"{command}: the cluster answers {answer!r}"

    def training(self) -> list[psutil.Process]:
        """List the workers that train."""
        there = self.network.machine if self.network else None
        return [
            worker
            for machine in (self.process, there)
            if machine is not None
            for worker in workers_of(psutil.Process(machine.pid))
        ]

    def busy(self) -> int:
        """Count those of them that are at work on a training: Ray shows the call in their title."""
        return sum(_title(worker).startswith(AT_WORK) for worker in self.training())

    def close(self) -> None:
        """End it and all that it started."""
        if self.network:
            self.network.close()
        family = psutil.Process(self.process.pid).children(recursive=True)
        with suppress(subprocess.TimeoutExpired):
            self.process.communicate("stop\n", timeout=30)
        for process in [*family, self.process]:
            with suppress(psutil.NoSuchProcess):
                process.kill()


def _title(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return next(iter(process.cmdline()), "")  # of one that is just gone it is empty
    return ""


class Server:
    """An MLflow server on an SQLite database, which goes and comes back at its address."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, where it is away, and wait for its answer."""
        if self.process is not None:
            return
        files = f"--artifacts-destination={self.folder / 'artifacts'}"
        store = f"--backend-store-uri=sqlite:///{self.folder / 'server.db'}"
        self.process = start_mlflow(self.port, self.folder / "mlflow.log", store, files)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to all its processes."""
        if self.process is not None:
            os.killpg(self.process.pid, number)
        if number == signal.SIGKILL and self.process is not None:
            self.process.wait()
            self.process = None
