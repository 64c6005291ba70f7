"""A project in a folder of its own, in which the real commands run."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from compileall import compile_dir
from dataclasses import dataclass
from pathlib import Path

import yaml

from support import ROOT


@dataclass
class Project:
    root: Path
    first: str = ""  # what the first `seqarena run` printed

    def __call__(self, *command: str, fails: bool = False) -> str:
        """Run a command in the project and return what it printed."""
        process = self.start(*command)
        printed, _ = process.communicate()
        assert (process.returncode != 0) == fails, printed
        return printed

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a command in the project, with an interrupt to be heard."""
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self.root / "src"),
            "DVC_NO_ANALYTICS": "1",
            "OMP_NUM_THREADS": "1",
        }
        environment.pop("PYTHONUNBUFFERED", None)  # few users have it set
        return subprocess.Popen(
            command,
            cwd=self.root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    def stages(self, printed: str) -> list[str]:
        return re.findall(r"Running stage '([^']+)'", printed)

    @classmethod
    def begin(cls, root: Path) -> Project:
        """Make the folder, which holds params.yaml and its files, a fresh clone of the project."""
        for name in ("own", "pipelines", "src"):
            compile_dir(ROOT / name, quiet=2)  # once, not in each project
            ignored = shutil.ignore_patterns("*.egg-info")
            shutil.copytree(ROOT / name, root / name, ignore=ignored)
        for name in ("dvc.yaml", ".dvcignore", ".gitignore"):
            shutil.copy(ROOT / name, root / name)
        run = cls(root)
        run("git", "init", "--quiet")
        run("git", "config", "user.email", "test@example.org")
        run("git", "config", "user.name", "test")
        run("dvc", "init", "--quiet")
        shutil.copy(ROOT / ".dvc" / "config", root / ".dvc" / "config")
        run("git", "add", "--all")
        run("git", "commit", "--quiet", "--message", "start")
        return run


def known_to_dvc(folder: Path, prepared: Path) -> str:
    """Return a dvc.lock by which DVC knows the prepared data of the experiment `toy`.

    Its cache comes to lie in ``.dvc`` of the folder, which holds the data too.
    """
    for command in (("init", "--no-scm"), ("add", os.path.relpath(prepared, folder))):
        subprocess.run(
            [sys.executable, "-m", "dvc", *command, "--quiet"],
            cwd=folder,
            env={**os.environ, "DVC_NO_ANALYTICS": "1"},
            check=True,
        )
    (out,) = yaml.safe_load(prepared.with_suffix(".dvc").read_text())["outs"]
    stage = {"outs": [{**out, "path": "data/prepared/toy"}]}
    return yaml.safe_dump({"schema": "2.0", "stages": {"prepare@toy": stage}})
