"""The Slurm script, with Slurm and Ray stood in for: the real one would end every Ray here."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from support import ROOT

from .conftest import INFRA

SCRIPT = INFRA / "slurm.sh"
SRUN = """#!/bin/bash
while [[ $1 == --* ]]; do shift; done
if [[ $1 == hostname ]]; then echo 10.0.0.7 10.0.0.8; else exec "$@"; fi
"""
RAY = """#!/bin/bash
echo "$RAY_AUTH_MODE $(stat -c %a "$RAY_AUTH_TOKEN_PATH") $(wc -c < "$RAY_AUTH_TOKEN_PATH")"
echo "$@"
while [[ $1 != -- ]]; do shift; done
shift
exec "$@"
"""


@pytest.mark.parametrize("script", [SCRIPT, ROOT / ".ci" / "run"], ids=lambda path: path.name)
def test_scripts_are_as_bash_and_shellcheck_want_them(script: Path) -> None:
    for command in (["bash", "-n"], [Path(sys.executable).parent / "shellcheck"]):
        done = subprocess.run([*command, script], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    assert script.stat().st_mode & stat.S_IXUSR


@pytest.fixture
def allocation(tmp_path: Path) -> Path:
    """A project's folder, and the programs that the script finds in a job."""
    programs = {
        tmp_path / "bin" / "srun": SRUN,
        tmp_path / "bin" / "scontrol": "#!/bin/bash\nprintf 'node-1\\nnode-2\\n'\n",
        tmp_path / ".venv" / "bin" / "ray": RAY,
        tmp_path
        / ".venv"
        / "bin"
        / "make": '#!/bin/bash\necho "make $* at $RAY_ADDRESS"\nexit 3\n',
        tmp_path / ".venv" / "bin" / "python": f'#!/bin/bash\nexec "{sys.executable}" "$@"\n',
    }
    for path, text in programs.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    return tmp_path


def submit(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    job = {
        "SLURM_SUBMIT_DIR": str(folder),
        "SLURM_JOB_ID": "71234",
        "SLURM_JOB_NODELIST": "node-[1-2]",
        "SLURM_JOB_NUM_NODES": "2",
        "SLURM_CPUS_PER_TASK": "8",
        "SLURM_GPUS_ON_NODE": "4",
    }
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", SCRIPT, *arguments],
        env={**os.environ, **job, "PATH": path},
        capture_output=True,
        text=True,
    )


def test_a_job_starts_ray_with_a_token_of_its_own_and_leaves_none(allocation: Path) -> None:
    done = submit(allocation)
    token, start, made = done.stdout.splitlines()
    assert token == "token 600 65"
    assert start.startswith("symmetric-run --address 10.0.0.7:21234 --min-nodes 2 ")
    assert "--num-cpus 8 --num-gpus 4" in start
    assert made == "make repro at 10.0.0.7:21234"
    assert done.returncode == 3, "the code of the command is that of the job"
    assert not list(allocation.glob(".ray-token*"))


def test_another_command_is_run_as_it_is_given(allocation: Path) -> None:
    assert "make repro-all at" in submit(allocation, "make", "repro-all").stdout


def test_a_folder_without_its_environment_is_told(tmp_path: Path) -> None:
    done = submit(tmp_path)
    assert done.returncode == 2
    assert done.stderr == "error: .venv/bin/ray: not found; run make install first\n"
