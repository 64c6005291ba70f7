"""A run under way, brought from one fault to the next, and what it must have come to at its end."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from mlflow import MlflowClient

from projects import known_to_dvc
from search.toy import STAGES, comparable, ledger_of, make_project, start
from seqarena.tracking.ledger import Ledger
from seqarena.tracking.mlflow.projection import sync
from tracking.conftest import picture

from .machines import Nodes, Server
from .network import Network

PROTOCOL = {"trials": 3, "epochs": 24, "patience": 24, "batch_size": 2}
# The state is kept twice a second, so that there is one to go on from, and to damage.
DRIVER = """
import runpy, sys
from seqarena.search import training_pool
training_pool.CHECKPOINT = 0.5
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
LONGEST = 240.0  # seconds until a stage must have ended


@dataclass
class Tally:
    """What was counted over all runs that came to their end."""

    runs: int = 0
    trainings: int = 0
    repeated: int = 0  # runs of one thing twice, but for finals whose weights were damaged
    resumed: int = 0  # times that a training which had been stopped went on
    metrics: int = 0
    lost: int = 0  # metrics that MLflow has not
    moved: list[float] = field(default_factory=list)  # s from a machine's end to all going on


class Arena:
    """Runs of one small experiment after the other, each from its beginning to its finals."""

    def __init__(
        self,
        folder: Path,
        prepared: Path,
        chance: random.Random,
        network: Network | None = None,
        environment: Mapping[str, str] = {},
        **protocol: int,
    ) -> None:
        """Prepare the machines, one behind a network, and the run that all are compared with."""
        self.folder, self.chance = folder, chance
        self.protocol = {**PROTOCOL, **protocol}
        token = folder / "token"
        token.write_text("0" * 64)
        token.chmod(0o600)
        self.environment = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(token),
            **environment,
        }
        self.nodes = Nodes(folder / "ray.log", self.environment, network)
        self.prepared = shutil.copytree(prepared, folder / "data")
        self.known = known_to_dvc(folder, self.prepared)
        self.server = Server(folder)
        self.server.start()
        self.nodes.add()
        self.environment |= {
            "RAY_ADDRESS": self.nodes.address,
            "MLFLOW_TRACKING_URI": self.server.uri,
        }
        self.tally, self.number = Tally(), 0
        self.stages: list[str] = []  # still to come, the present one first
        self.damaged = 0  # times that a model of the present run was
        self.process: subprocess.Popen[str] | None = None
        self.root = folder
        self.whole = self._uninterrupted()

    def _uninterrupted(self) -> Path:
        self._renew("whole")
        while self.stages:
            self._await_end(self.start())
        self.set_apart()
        return self.root

    def set_apart(self) -> None:
        """Have the next run of the same name stand in an experiment of its own in MLflow."""
        client = MlflowClient(self.server.uri)
        if found := client.get_experiment_by_name("toy"):
            client.rename_experiment(found.experiment_id, f"{self.root.name}-{found.experiment_id}")

    def give_up(self) -> None:
        """Leave a run that does not do what it must; the next fault meets a new one."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None
        self.server.send(signal.SIGCONT)
        self.server.start()
        self.set_apart()
        self.root = self.whole

    def _renew(self, name: str) -> None:
        self.root = make_project(self.folder / name, self.prepared, **self.protocol)
        (self.root / "dvc.lock").write_text(self.known)
        (self.root / ".dvc").symlink_to(self.folder / ".dvc")
        self.stages, self.damaged = list(STAGES), 0

    @property
    def ledger(self) -> Ledger:
        """The ledger of the present run."""
        return ledger_of(self.root)

    def start(self) -> subprocess.Popen[str]:
        """Start the present stage, as a second one where the first still runs."""
        return start(self.root, self.stages[0], "-c", DRIVER, **self.environment)

    def moment(self) -> psutil.Process:
        """Go on to a random moment of a run; return the driver, which is at work."""
        while True:
            if not self.stages:
                self.check()
            if self.root in (self.folder, self.whole):
                self.number += 1
                self._renew(f"run-{self.number}")
            self.process = self.process or self.start()
            goal = self.size() + self.chance.randint(1, 12) * 1000
            while self.size() < goal and self.process.poll() is None:
                time.sleep(0.02)
            time.sleep(self.chance.uniform(0, 0.3))
            if self.process.poll() is None:
                return psutil.Process(self.process.pid)
            self._await_end(self.process)
            self.process = None

    def size(self) -> int:
        """Return the bytes of the ledger, by which a run is seen to go on."""
        return self.ledger.path.stat().st_size if self.ledger.path.exists() else 0

    def _await_end(self, process: subprocess.Popen[str]) -> None:
        _, errors = process.communicate(timeout=LONGEST)
        assert process.returncode == 0, f"{self.stages[0]} in {self.root}: {errors}"
        assert "Traceback" not in errors, errors
        self.stages.pop(0)

    def finish(self) -> None:
        """Bring the present run to its end, and check it."""
        while self.stages and self.root not in (self.folder, self.whole):
            self._await_end(self.process or self.start())
            self.process = None
        self.check()

    def check(self) -> None:
        """Compare a run that has ended with the one that was not interrupted, and with MLflow."""
        if self.root in (self.folder, self.whole):
            return
        assert comparable(self.root) == comparable(self.whole), f"{self.root}: another result"
        runs, whole = self.ledger.runs(), ledger_of(self.whole).runs()
        kinds, expected = (Counter(run.kind for run in each.values()) for each in (runs, whole))
        # Only a final whose weights were damaged is trained again, in a run of its own.
        assert kinds - Counter(final=self.damaged) <= expected <= kinds, (
            f"{self.root}: {kinds}, not {expected}, with {self.damaged} finals damaged"
        )
        assert {run.status for run in runs.values()} == {"FINISHED"}, self.root
        assert not list(self.root.rglob("*.pt")), f"{self.root}: checkpoints are left"
        self.server.start()
        sync(self.root / "results", ["toy"], self.server.uri)
        self._compare_with_mlflow()
        self.set_apart()
        self.tally.runs += 1
        self.tally.trainings += expected["trial"] + expected["final"]
        times = Counter(run.key for run in runs.values())
        again = sum(times.values()) - len(times)
        self.tally.repeated += max(0, again - self.damaged)
        events = Counter(event.data["event"] for event in self.ledger.events())
        self.tally.resumed += events["resume"]
        shutil.rmtree(self.root)
        self.root = self.whole

    def _compare_with_mlflow(self) -> None:
        """Count what MLflow has not of the ledger; what else it has must be the same."""
        shown, records = picture(self.server.uri), self.ledger.runs()
        assert shown.keys() == records.keys(), f"{self.root}: other runs in MLflow"
        for run, record in records.items():
            assert shown[run]["status"] == record.status, f"{self.root}: {run}"
        for event in self.ledger.events():
            if event.data["event"] != "metrics":
                continue
            for name, value in event.data["values"].items():
                point = (event.data["step"], event.data["time"], value)
                self.tally.metrics += 1
                self.tally.lost += point not in shown[event.data["run"]]["metrics"].get(name, ())

    def close(self) -> None:
        """End all that was started."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        self.server.send(signal.SIGKILL)
        self.nodes.close()
