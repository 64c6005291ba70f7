"""What a run stands on: two machines of a Ray cluster and an MLflow server, to be taken away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from contextlib import suppress
from pathlib import Path

import psutil

from search.toy import workers_of
from servers import free_port, start_mlflow
from support import script_environment

NODES = """
    import os, signal, sys
    import psutil
    from ray.cluster_utils import Cluster

    def raylet(node):
        return psutil.Process(node.all_processes["raylet"][0].process.pid)

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    nodes = [cluster.add_node(num_cpus=1)]
    print(cluster.address, flush=True)
    for line in sys.stdin:
        order = line.strip()
        if order == "add":
            nodes.append(cluster.add_node(num_cpus=1))
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
    """A Ray cluster of two machines with a core each; the second comes and goes."""

    def __init__(self, log: Path, environment: dict[str, str]) -> None:
        with log.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", textwrap.dedent(NODES)],
                env=script_environment(**environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()

    def order(self, command: str) -> None:
        """Have the second machine added, killed or frozen."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(command, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline().strip()
        assert answer == "done", f"{command}: the cluster answers {answer!r}"

    def training(self) -> list[psutil.Process]:
        """List the workers that train."""
        return workers_of(psutil.Process(self.process.pid))

    def close(self) -> None:
        """End it and all that it started."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        with suppress(subprocess.TimeoutExpired):
            self.process.communicate("stop\n", timeout=30)
        for process in [*family, self.process]:
            with suppress(psutil.NoSuchProcess):
                process.kill()


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
