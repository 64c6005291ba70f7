"""Real servers for tests: PostgreSQL, an S3 object store and MLflow, each on this machine alone."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

DEBIAN = Path("/usr/lib/postgresql")  # where Debian keeps what is not for every PATH


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_server(
    command: Sequence[str], url: str, log: Path, **environment: str
) -> subprocess.Popen[bytes]:
    """Start a server of Python's in a process group of its own, and wait until `url` answers."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **environment},
        )
    try:
        _wait_for(url, process, log)
    except BaseException:
        _end(process, signal.SIGTERM)
        raise
    return process


@contextmanager
def serving(
    command: Sequence[str],
    url: str,
    log: Path,
    *,
    end: signal.Signals = signal.SIGTERM,
    **environment: str,
) -> Iterator[str]:
    """Run a server of Python's until the end of the block; begin it when `url` answers."""
    process = start_server(command, url, log, **environment)
    try:
        yield url
    finally:
        _end(process, end)


def _end(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if process.poll() is None:
        os.killpg(process.pid, number)
        process.wait(20)


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                assert answer.status == 200
                return
        except (urllib.error.URLError, ConnectionError):
            assert process.poll() is None, f"the server ended: {log.read_text()[-2000:]}"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.1)


def start_mlflow(
    port: int, log: Path, *options: str, **environment: str
) -> subprocess.Popen[bytes]:
    """Start MLflow with the options of `mlflow server`, at this port of this machine."""
    command = ["mlflow", "server", "--host=127.0.0.1", f"--port={port}", "--workers=1", *options]
    without_jobs = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # 8 processes fewer
    url = f"http://127.0.0.1:{port}/health"
    return start_server(command, url, log, **without_jobs, **environment)


@contextmanager
def mlflow_server(port: int, log: Path, *options: str, **environment: str) -> Iterator[str]:
    """Serve MLflow until the end of the block, and yield its address."""
    process = start_mlflow(port, log, *options, **environment)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        _end(process, signal.SIGTERM)


@contextmanager
def ray_head(folder: Path) -> Iterator[tuple[str, str]]:
    """Run a Ray head with two cores; yield its address and that of its jobs.

    It and whoever joins it need a token in the environment. Its folder is its own: of all heads
    that share one, a job joins that which was started last.
    """
    home = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # a socket's path has 107 characters
    port, jobs, agent = free_port(), free_port(), free_port()
    address, uri = f"127.0.0.1:{port}", f"http://127.0.0.1:{jobs}"
    command = ["ray.scripts.scripts", "start", "--head", "--block", "--num-cpus=2"]
    ports = [f"--port={port}", f"--dashboard-port={jobs}", f"--dashboard-agent-listen-port={agent}"]
    where = [*ports, "--node-ip-address=127.0.0.1", f"--temp-dir={home}"]
    path = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    healthy, log = f"{uri}/api/gcs_healthz", folder / "ray.log"
    try:
        with serving([*command, *where], healthy, log, end=signal.SIGKILL, **path):
            yield address, uri
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def s3_server(log: Path) -> Iterator[str]:
    """Serve S3 from memory and yield its address; any key is right."""
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    with serving(["moto.server", "--port", str(port)], f"{uri}/moto-api/", log):
        yield uri


@contextmanager
def postgres() -> Iterator[Mapping[str, str]]:
    """Run a PostgreSQL of one's own and yield libpq's environment for its database.

    It listens on a socket in its folder only. PostgreSQL refuses to run as root: there it runs as
    the user that its package made.
    """
    programs = _postgres_programs()
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path has 107 characters
    if user:
        os.chown(folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)

    def run(program: str, *arguments: str) -> None:
        done = subprocess.run(
            [programs / program, *arguments], user=user, cwd=folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr

    data = str(folder / "data")
    try:
        run("initdb", "--pgdata", data, "--username", "mlflow", "--auth", "trust", "--no-sync")
        quick = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        run("pg_ctl", "--pgdata", data, "--options", quick, "--log", f"{folder}/log", "start")
        try:
            run("createdb", "--host", str(folder), "--username", "mlflow", "mlflow")
            yield {"PGHOST": str(folder), "PGUSER": "mlflow", "PGDATABASE": "mlflow"}
        finally:
            run("pg_ctl", "--pgdata", data, "--mode", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def _postgres_programs() -> Path:
    found = shutil.which("pg_ctl")
    if found:
        return Path(found).resolve().parent
    versions = sorted(DEBIAN.glob("*/bin/pg_ctl"))
    if not versions:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    return versions[-1].parent
