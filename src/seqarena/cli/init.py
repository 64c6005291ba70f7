"""`seqarena init`: a project of its own, for people who do not want the gallery in theirs."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

import seqarena
from seqarena.cli.dvc import reason_in
from seqarena.cli.project import PINNED
from seqarena.errors import InputError, RunError
from seqarena.tracking.git import NO_GIT, git

CODE = "src/seqarena"  # of dependencies of stages here: there it is an installed package
IGNORED = (
    "/data/",
    "/models/",
    "/results/",
    "/report/",
    "/inspected/",
    "/mlflow.db*",
    "/mlartifacts/",
    "/mlruns/",
)
WRITTEN = ("params.yaml", "dvc.yaml", "pipelines", PINNED)
README = """\
# {name}

```sh
seqarena add NAME PATH    # looks at your files, and writes an experiment into params.yaml
seqarena run              # to the verdicts; `dvc repro` does the same, one after another
seqarena ui               # MLflow: every curve, picture and model, with a link to each verdict
```

`report/index.html` holds the verdicts. `params.yaml` says what is compared, `dvc.yaml` by which
stages. After an upgrade of seqarena, name its version in `requirements.txt`: all depend on it.
"""
STAGES = """\
# Templated over `experiments` in params.yaml: adding an experiment is a change there alone.
# `compare` stands first so that DVC walks depth first: an experiment comes to its verdict before
# the next one starts. `persist` keeps what was there until its replacement is complete.
"""


def make_project(folder: Path) -> None:
    """Write a project without experiments; raises `InputError` where one would be overwritten."""
    for name in WRITTEN:
        if (folder / name).exists():
            raise InputError(f"{folder / name}: is there already; expected a folder without it")
    source = _source()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pipelines").mkdir()
    (folder / "own").mkdir(exist_ok=True)
    (folder / "own" / "README.md").write_bytes((source / "own" / "README.md").read_bytes())
    for script in sorted((source / "pipelines").glob("*.py")):
        (folder / "pipelines" / script.name).write_bytes(script.read_bytes())
    (folder / "dvc.yaml").write_text(_stages((source / "dvc.yaml").read_text()))
    (folder / "params.yaml").write_text(_without_experiments((source / "params.yaml").read_text()))
    (folder / PINNED).write_text(f"seqarena=={seqarena.__version__}\n")
    for name, text in (
        (".gitignore", "\n".join(IGNORED) + "\n"),
        (".dvcignore", (source / ".dvcignore").read_text()),
        ("README.md", README.format(name=folder.resolve().name)),
    ):
        if not (folder / name).exists():
            (folder / name).write_text(text)
    if not (folder / ".dvc").exists():
        _under_version_control(folder)


def _source() -> Path:
    """Return where the gallery's own files are: the checkout, or what is installed of it."""
    installed = Path(sys.prefix, "share/seqarena")
    checkout = Path(seqarena.__file__).parents[2]
    for folder in (checkout, installed):
        if (folder / "dvc.yaml").is_file() and (folder / "pipelines").is_dir():
            return folder
    raise RunError(f"{installed}: not there; install seqarena anew")


def _stages(text: str) -> str:
    """Return dvc.yaml with the installed package in place of its source."""
    keeping = YAML()  # comments
    keeping.width = 100
    whole = keeping.load(text[text.index("stages:") :])
    for stage in whole["stages"].values():
        section = stage.get("do", stage)
        ours = [dep for dep in section["deps"] if not dep.startswith(CODE)]
        section["deps"] = [*ours, PINNED]
    out = io.StringIO()
    keeping.dump(whole, out)
    return STAGES + out.getvalue()


def _without_experiments(text: str) -> str:
    """Return params.yaml up to its experiments, with its comments."""
    head, _, _ = text.partition("\nexperiments:\n")
    return f"{head}\nexperiments: {{}}\n"


def _under_version_control(folder: Path) -> None:
    """Begin DVC in the repository around a folder, or in one of its own.

    What the one around ignores is not its own.
    """
    top = _git("rev-parse", "--show-toplevel", folder=folder)
    if not top or _git("check-ignore", ".", folder=folder):
        _done(["git", "init", "--quiet"], folder)
        top = str(folder.resolve())
    subfolder = [] if Path(top) == folder.resolve() else ["--subdir"]
    _done([sys.executable, "-m", "dvc", "init", "--quiet", *subfolder], folder)
    for option in ("analytics", "check_update", "autostage"):
        command = [sys.executable, "-m", "dvc", "config", f"core.{option}", "false"]
        _done(command, folder)


def _git(*question: str, folder: Path) -> str:
    """Return what git answers, nothing where it does not know."""
    try:
        return os.fsdecode(git(*question, folder=folder)).strip()
    except NO_GIT:
        return ""


def _done(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RunError(f"{' '.join(command)}: {reason_in(done.stdout + done.stderr)}")
