"""Results of the real git, DVC and Ray, made again and held against the record."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from projects import Project
from seqarena.tracking.ledger import Ledger
from seqarena.tracking.lineage import lineage_of
from seqarena.tracking.prepared import outputs_of

pytestmark = [pytest.mark.whole, pytest.mark.timeout(1200)]
PROTOCOL = {"name": "tiny", "seed": 0, "repetitions": 2, "trials": 1, "epochs": 2, "batch_size": 16}
EXPERIMENT = {
    "data": "files/reviews.csv",
    "modality": "text",
    "task": "classification",
    "metric": "accuracy",
    "prepare": {"min_count": 1},
    "baselines": ["majority"],
    "variants": ["conv1d", "gru"],
    "space": {"width": 8},
    "protocol": PROTOCOL,
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that was run with changes to its commit, of which none is left."""
    root = tmp_path_factory.mktemp("project")
    (root / "files").mkdir()
    rows = [
        f"a {word} film number {number},{label}\n"
        for number in range(60)
        for label, word in (("yes", "good"), ("no", "bad"))
    ]
    (root / "files" / "reviews.csv").write_text("text,label\n" + "".join(rows))
    params = {"protocols": {"tiny": {"grace": 1}}, "experiments": {"reviews": EXPERIMENT}}
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    project = Project.begin(root)
    code = root / "src" / "seqarena" / "fit.py"
    code.write_text(code.read_text() + "\n# Without this line it is no code of the runs.\n")
    project("seqarena", "run")
    project("git", "checkout", "--quiet", "src")
    return project


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where worktrees come to lie; a short path, since the sockets of Ray lie there too."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


def state(project: Project) -> tuple[object, ...]:
    """All that a reproduction must leave as it is."""
    files = [
        project.root / "results/reviews/ledger.jsonl",
        project.root / "mlflow.db",
        project.root / "dvc.lock",
    ]
    cache = project.root / ".dvc/cache"
    return (
        [path.read_bytes() for path in files],
        sorted(path.name for path in cache.rglob("*")) if cache.exists() else [],
        project("git", "status", "--porcelain", "--ignored"),
        project("git", "worktree", "list"),
        project("git", "stash", "list"),
    )


def left(temporary: Path) -> list[Path]:
    return list(temporary.glob("seqarena-*"))


def test_runs_name_what_they_read_as_dvc_does(project: Project) -> None:
    results = project.root / "results" / "reviews"
    runs = Ledger(results / "ledger.jsonl", "reviews").runs().values()
    lock = yaml.safe_load((project.root / "dvc.lock").read_text())["stages"]
    outputs = outputs_of(project.root / "dvc.lock")
    for kind, stage in (("trial", "search"), ("final", "train"), ("verdict", "evaluate")):
        (digest,) = {run.tags["lineage"] for run in runs if run.kind == kind}
        lineage = lineage_of(results, digest)
        assert lineage is not None
        known = {dep["path"]: dep["md5"] for dep in lock[f"{stage}@reviews"]["deps"]}
        known["data/raw/reviews"] = outputs["data/raw/reviews"]
        assert lineage.inputs == known
        assert lineage.commit == project("git", "rev-parse", "HEAD").strip()
        assert lineage.left_out == ()
    assert all(run.tags["hardware"] for run in runs if run.kind in ("trial", "final"))


def test_a_final_comes_out_the_same_by_its_patch_and_data_of_the_cache(
    project: Project, temporary: Path
) -> None:
    lineages = project.root / "results/reviews/lineage"
    (requirements,) = lineages.glob("requirements-*.txt")
    text = requirements.read_text()
    shutil.rmtree(project.root / "data/prepared/reviews")
    requirements.write_text(text.replace("\nnumpy==", "\nnumpy==0.0.1-"))
    before = state(project)
    printed = project("seqarena", "reproduce", "reviews/gru/2")
    requirements.write_text(text)
    assert state(project) == before and not left(temporary)
    assert "from the DVC cache" in printed and "changes-" in printed
    assert "installed otherwise: numpy 0.0.1" in printed
    assert "Its weights are the same to the bit." in printed
    assert printed.splitlines()[-1].startswith("Equal: ")
    rows = [line.split("│") for line in printed.splitlines() if line.startswith("│")]
    shown = {row[1].strip(): [cell.strip() for cell in row[2:5]] for row in rows}
    assert {"train_loss", "valid_accuracy", "test_accuracy", "test_log_loss"} <= shown.keys()
    assert all(was == now and difference == "0" for was, now, difference in shown.values())


def test_a_trial_whose_record_is_another_is_not_called_equal(
    project: Project, temporary: Path
) -> None:
    ledger = Ledger(project.root / "results/reviews/ledger.jsonl", "reviews")
    trial = next(run for run in ledger.runs("trial").values() if run.params["variant"] == "conv1d")
    content = ledger.path.read_bytes()
    ledger.metrics(trial.id, trial.result["best_epoch"], {"objective": 0.123})  # type: ignore[index]
    printed = project("seqarena", "reproduce", f"reviews/conv1d/{trial.params['repetition']}/1",
                      fails=True)  # fmt: skip
    ledger.path.write_bytes(content)
    assert "NOT equal, though machine and packages are the same" in printed
    assert not left(temporary)


def test_an_interrupt_leaves_nothing(project: Project, temporary: Path) -> None:
    before = state(project)
    process = project.start("seqarena", "reproduce", "reviews/gru/1")
    end = time.monotonic() + 120
    while not list(temporary.glob("seqarena-*/asked")):
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.1)
    while not list(temporary.glob("seqarena-*/tree/results/reviews/ledger.jsonl")):  # it trains
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 130, printed
    assert state(project) == before and not left(temporary)
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert str(temporary) not in listed.stdout, "a process of it goes on"


def test_a_verdict_comes_out_the_same_though_no_cache_has_its_data(
    project: Project, temporary: Path
) -> None:
    shutil.rmtree(project.root / ".dvc/cache")
    shutil.rmtree(project.root / "data")
    before = state(project)
    printed = project("seqarena", "reproduce", "reviews")
    assert state(project) == before and not left(temporary)
    assert "from its stages, run again" in printed
    assert "The verdict, word for word: " in printed
    assert printed.splitlines()[-1].startswith("Equal: ")


def test_bad_input_is_one_line_and_code_2(project: Project) -> None:
    process = project.start("seqarena", "reproduce", "reviews/gro/1")
    printed, _ = process.communicate()
    assert process.returncode == 2
    assert printed.count("\n") == 1 and "did you mean 'gru'?" in printed
