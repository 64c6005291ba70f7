"""A cluster that grows and loses machines while a search runs: the result is the same."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from support import script_environment

from .test_interrupted import (
    check_records,
    finish,
    ledger_of,
    make_project,
    start,
    studies,
    wait,
)

LONG = {"trials": 2, "epochs": 60, "patience": 60, "batch_size": 1}
NODES = """
    import sys
    from ray.cluster_utils import Cluster
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    nodes = []
    print(cluster.address, flush=True)
    for line in sys.stdin:
        if line.strip() == "add":
            nodes.append(cluster.add_node(num_cpus=1))
        elif line.strip() == "kill":
            cluster.remove_node(nodes.pop(), allow_graceful=False)
        else:
            break
        print("done", flush=True)
    cluster.shutdown()
"""


@pytest.mark.timeout(300)
def test_machines_that_come_and_go_change_no_result(
    prepared: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = make_project(tmp_path / "whole", prepared["audio"], **LONG)
    finish(whole, "search")
    token = tmp_path / "token"
    token.write_text("0" * 64)
    token.chmod(0o600)
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(token))
    cluster = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(NODES)],
        env=script_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert cluster.stdin is not None
    assert cluster.stdout is not None

    def order(command: str) -> None:
        print(command, file=cluster.stdin, flush=True)
        assert cluster.stdout is not None
        assert cluster.stdout.readline().strip() == "done"

    root = make_project(tmp_path / "project", prepared["audio"], **LONG)
    ledger = ledger_of(root)
    try:
        monkeypatch.setenv("RAY_ADDRESS", cluster.stdout.readline().strip())
        process = start(root, "search")
        wait(lambda: ledger.runs("trial"))
        order("add")
        wait(lambda: sum(r.status == "RUNNING" for r in ledger.runs("trial").values()) == 2)
        order("kill")
        _, errors = process.communicate(timeout=200)
        assert process.returncode == 0, errors
        assert "Traceback" not in errors
    finally:
        cluster.communicate("stop\n", timeout=60)
    assert studies(root) == studies(whole)
    check_records(root, whole)
