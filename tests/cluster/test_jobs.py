"""A run as a job of a Ray cluster: sent, followed, fetched, and gone on with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pytest

from infra.conftest import write_params, write_reviews
from projects import Project
from seqarena.cli.archive import pack, take_all
from seqarena.errors import InputError
from seqarena.tracking.ledger import Ledger
from servers import ray_head

pytestmark = [pytest.mark.whole, pytest.mark.timeout(900)]


@dataclass(frozen=True)
class Submitted:
    """A project that was run on a cluster."""

    project: Project
    home: Path  # of the user there

    def ledger(self, root: Path | None = None) -> Ledger:
        root = root or self.project.root
        return Ledger(root / "results" / "reviews" / "ledger.jsonl", "reviews")

    @property
    def there(self) -> Path:
        """The project's folder on the cluster."""
        (found,) = (self.home / ".seqarena" / "jobs").iterdir()
        return found


@pytest.fixture(scope="module")
def submitted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Submitted]:
    home, root = (tmp_path_factory.mktemp(name) for name in ("home", "project"))
    token = home / "token"
    token.write_text("0" * 64)
    token.chmod(0o600)
    write_reviews(root / "files")
    write_params(root, "reviews")
    project = Project.begin(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN_PATH", str(token))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        with ray_head(home) as (_, jobs):
            patch.setenv("RAY_API_SERVER_ADDRESS", jobs)
            project.first = project("seqarena", "submit", "reviews")
            yield Submitted(project, home)


def test_its_log_is_followed_and_its_results_are_fetched(submitted: Submitted) -> None:
    root, printed = submitted.project.root, submitted.project.first
    assert "is submitted" in printed
    assert "reviews: done" in printed
    assert printed.rstrip().endswith("Fetched: reviews")
    assert "dashboard_sdk" not in printed
    summary = json.loads((root / "results" / "reviews" / "summary.json").read_text())
    assert summary["metric"] == "accuracy"
    assert (root / "report" / "index.html").is_file()
    assert not (root / "data").exists(), "that stays where it is"
    there, here = (
        sorted(ledger.runs()) for ledger in (submitted.ledger(), submitted.ledger(submitted.there))
    )
    assert there == here
    client = mlflow.MlflowClient(f"sqlite:///{root / 'mlflow.db'}")
    (shown,) = client.search_experiments(filter_string="name = 'reviews'")
    assert len(client.search_runs([shown.experiment_id])) == len(here)


def test_a_run_here_takes_what_was_done_there(submitted: Submitted) -> None:
    printed = submitted.project("dvc", "repro", "evaluate@reviews")
    assert submitted.project.stages(printed) == ["fetch@reviews", "prepare@reviews"]


def test_submitted_again_it_goes_on_where_it_was(submitted: Submitted) -> None:
    before = sorted(submitted.ledger().runs("trial"))
    params = submitted.project.root / "params.yaml"
    text = params.read_text()
    params.write_text(text.replace("repetitions: 2", "repetitions: 3"))
    submitted.project("seqarena", "submit", "reviews")
    after = sorted(submitted.ledger().runs("trial"))
    assert set(before) < set(after)
    assert len(after) == len(before) * 3 // 2


def test_trainings_that_the_cluster_has_not_are_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mine = Ledger(tmp_path / "results" / "reviews" / "ledger.jsonl", "reviews")
    mine.start("trial", "gru/0")
    pack(tmp_path / "packed.tar.gz", ["reviews"])
    mine.start("trial", "gru/1")
    kept = mine.path.read_bytes()
    with pytest.raises(InputError, match="holds trainings that the cluster has not; move its"):
        take_all(tmp_path / "packed.tar.gz", tmp_path / "unpacked")
    assert mine.path.read_bytes() == kept
    mine.path.unlink()
    assert take_all(tmp_path / "packed.tar.gz", tmp_path / "again") == ["reviews"]
    assert kept.startswith(mine.path.read_bytes())


def test_a_run_that_fails_there_fails_here(submitted: Submitted) -> None:
    params = submitted.project.root / "params.yaml"
    kept = params.read_text()
    params.write_text(kept.replace("files/reviews.csv", "files/none.csv"))
    try:
        printed = submitted.project("seqarena", "submit", "reviews", fails=True)
    finally:
        params.write_text(kept)
    assert "files/none.csv" in printed
    assert "failed, see above; what it had is fetched: reviews" in printed.splitlines()[-1]
    assert "Traceback" not in printed
    assert submitted.ledger().runs("trial")


def test_where_no_jobs_are_taken_one_line_says_so(submitted: Submitted, tmp_path: Path) -> None:
    project = submitted.project
    printed = project("seqarena", "submit", "--address", "http://127.0.0.1:9", fails=True)
    assert "Traceback" not in printed
    line = printed.splitlines()[-1].removeprefix("error: ")
    assert line.startswith("http://127.0.0.1:9: no jobs of Ray are taken there")
