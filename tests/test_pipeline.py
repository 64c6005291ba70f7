"""The real DVC, Ray and MLflow, from the user's own files to the verdict."""

from __future__ import annotations

import csv
import json
import re
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import yaml

from projects import Project
from seqarena.files import digest_of
from seqarena.records import Summary
from seqarena.tracking.ledger import Ledger
from stores import differences, everything

pytestmark = [pytest.mark.whole, pytest.mark.timeout(900)]
PROTOCOL = {
    "name": "tiny",
    "seed": 0,
    "trials": 1,
    "epochs": 2,
    "repetitions": 2,
    "batch_size": 16,
    "grace": 1,
    "timeout": 900,
}
EXPERIMENTS = {
    "reviews": {
        "data": "files/reviews.csv",
        "modality": "text",
        "task": "classification",
        "metric": "accuracy",
        "prepare": {"min_count": 1},
        "baselines": ["majority", "tfidf_logistic"],
        "variants": ["conv1d", "gru_attention"],
        "space": {"width": 8},
        "protocol": PROTOCOL,
    },
    "hours": {
        "data": "files/hours.csv",
        "modality": "series",
        "task": "forecasting",
        "metric": "mae",
        "prepare": {"time": "ts", "target": "y", "lookback": 48, "horizon": 6},
        "baselines": ["persistence", "seasonal_naive_day", "linear"],
        "variants": ["window_mlp", "lstm"],
        "space": {"width": 8},
        "protocol": PROTOCOL,
    },
}


def _write_files(folder: Path) -> None:
    folder.mkdir()
    random = np.random.default_rng(0)
    rows = [
        f"a {random.choice(words)} film number {number},{label}\n"
        for number in range(60)
        for label, words in (("yes", ["good", "fine"]), ("no", ["bad", "poor"]))
    ]
    (folder / "reviews.csv").write_text("text,label\n" + "".join(rows))
    times = np.datetime64("2020-01-01T00") + np.arange(480)
    wave = 50 + 30 * np.sin(np.arange(480) * 2 * np.pi / 24) + random.normal(size=480)
    lines = [f"{time},{value:.2f}\n" for time, value in zip(times, wave, strict=True)]
    (folder / "hours.csv").write_text("ts,y\n" + "".join(lines))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with two small experiments, run once to the verdict."""
    run = new_project(tmp_path_factory.mktemp("project"), EXPERIMENTS)
    run.first = run("seqarena", "run", "--jobs", "2")
    return run


def new_project(root: Path, experiments: dict[str, object]) -> Project:
    """Make a fresh clone of the project with experiments over small files."""
    root.mkdir(exist_ok=True)
    _write_files(root / "files")
    write_params(root, experiments)
    return Project.begin(root)


def write_params(root: Path, experiments: dict[str, object]) -> None:
    plain = json.loads(json.dumps(experiments))  # shared sections would become YAML anchors
    protocols = {"tiny": {"patience": 3, "grace": 1}, "other": {"trials": 9}}
    text = yaml.safe_dump({"protocols": protocols, "experiments": plain}, sort_keys=False)
    (root / "params.yaml").write_text(text)


def test_a_run_tells_how_far_it_is_and_the_verdicts(project: Project) -> None:
    for name in EXPERIMENTS:
        stages = re.findall(rf"^{name}: (\w+) ", project.first, re.MULTILINE)
        assert [*dict.fromkeys(stages)][-2:] == ["evaluate", "done"]
        verdict = json.loads((project.root / "results" / name / "summary.json").read_text())
        told = rf"^{name}: done after \d+ s: {re.escape(verdict['verdict'])}$"
        assert re.search(told, project.first, re.MULTILINE)
        assert "Running stage" in (project.root / "results" / name / "run.log").read_text()
    assert re.search(r"cores busy \d+% of them, training \d+%\.$", project.first, re.MULTILINE)
    assert "Nothing to do" in project("seqarena", "run")


def test_the_first_verdict_comes_before_the_second_search(project: Project) -> None:
    stages = ["fetch", "prepare", "search", "train", "evaluate"]
    ran = project.stages(project("dvc", "repro", "--dry", "--force"))
    assert len(ran) == 11 and ran[-1] == "compare"
    for name in EXPERIMENTS:
        assert [stage for stage in ran if stage.endswith(f"@{name}")] == [
            f"{stage}@{name}" for stage in stages
        ]
    one, other = (ran.index(f"evaluate@{name}") for name in EXPERIMENTS)
    assert min(one, other) < max(ran.index(f"search@{name}") for name in EXPERIMENTS)
    assert ran.index("evaluate@reviews") < ran.index("search@hours"), "in the order of params.yaml"


def test_the_summary_has_the_keys_that_other_tools_read(project: Project) -> None:
    summary = json.loads((project.root / "report" / "summary.json").read_text())
    assert summary.keys() == EXPERIMENTS.keys()
    for name, entry in summary.items():
        config = EXPERIMENTS[name]
        keys = {"metric", "greater_is_better", "baselines", "variants"}
        keys |= {"verdict", "ending", "cost", "remarks", "series"}
        assert entry.keys() == keys
        assert entry["metric"] == config["metric"]
        assert entry["greater_is_better"] is (name == "reviews")
        assert list(entry["baselines"]) == config["baselines"]
        assert list(entry["variants"]) == config["variants"]
        assert entry["verdict"].endswith(".") and "\n" not in entry["verdict"]
        for baseline in entry["baselines"].values():
            assert baseline.keys() == {"value", "ci95", "seconds"}
            assert baseline["ci95"][0] <= baseline["value"] <= baseline["ci95"][1]
            assert baseline["seconds"] > 0
        for variant in entry["variants"].values():
            assert variant.keys() == {
                "values",
                "mean",
                "ci95",
                "parameters",
                "train_seconds",
                "milliseconds",
                "test_examples",
            }
            assert len(variant["values"]) == 2
            assert variant["mean"] == pytest.approx(np.mean(variant["values"]))
            assert variant["ci95"][0] <= variant["mean"] <= variant["ci95"][1]
            assert variant["test_examples"] > 0 and variant["milliseconds"] > 0
        own = json.loads((project.root / "results" / name / "summary.json").read_text())
        assert own == entry
    reached = {
        name: baseline["value"]
        for entry in summary.values()
        for name, baseline in entry["baselines"].items()
    }
    assert reached["tfidf_logistic"] > 0.9
    naive, last = (reached[name] for name in ("seasonal_naive_day", "persistence"))
    assert naive < last / 3


def test_the_report_and_its_pictures_are_there(project: Project) -> None:
    report = project.root / "report"
    page = (report / "index.html").read_text()
    for source in re.findall(r'src="(plots/[^"]+)"', page):
        assert (report / source).read_bytes().startswith(b"\x89PNG")
    names = {path.stem for path in (report / "plots" / "reviews").iterdir()}
    assert {"scores", "curves", "confusion-conv1d", "reliability-conv1d"} <= names
    assert "attention-gru_attention-1" in names
    assert (report / "plots" / "hours" / "forecasts-lstm.png").is_file()
    assert "reviews" in (report / "report.md").read_text()
    assert "reviews" in project("seqarena", "verdict")


def test_every_run_is_ended_and_shown(project: Project) -> None:
    with sqlite3.connect(project.root / "mlflow.db") as database:
        query = (
            "select e.name, r.status, count(*) from runs r join experiments e using (experiment_id)"
        )
        shown = database.execute(f"{query} group by e.name, r.status order by e.name").fetchall()
    # Of two variants in two repetitions: a search of one trial and a final each; and the verdict.
    assert shown == [("hours", "FINISHED", 13), ("reviews", "FINISHED", 13)]
    for name in EXPERIMENTS:
        ledger = Ledger(project.root / "results" / name / "ledger.jsonl", name)
        prepared = project.root / "data" / "prepared" / name
        for run in ledger.runs().values():
            assert run.status == "FINISHED"
            assert run.tags["data.digest"] == digest_of(prepared)
            assert len(run.tags["git.commit"]) == 40
        finals = ledger.runs("final").values()
        metric = EXPERIMENTS[name]["metric"]
        assert all(f"test_{metric}" in run.metrics for run in finals)
        (verdict,) = ledger.runs("verdict").values()
        described = Summary.read(project.root / "results" / name / "summary.json").sentences
        assert verdict.tags["description"] == described
        assert f"test_{metric}" in verdict.metrics
        with (project.root / "results" / name / "variants.csv").open(newline="") as file:
            assert set(EXPERIMENTS[name]["variants"]) < {row[0] for row in csv.reader(file)}
        searched = [*ledger.runs("search").values(), *ledger.runs("trial").values()]
        assert not any(key.startswith("test_") for run in searched for key in run.metrics)


def test_a_deleted_mlflow_comes_back_from_the_ledgers(project: Project, tmp_path: Path) -> None:
    """Database and artifacts; each is read as a copy, for MLflow keeps open what it has read."""
    held = []
    for name in ("before", "after"):
        if name == "after":
            (project.root / "mlflow.db").unlink()
            shutil.rmtree(project.root / "mlartifacts")
            assert "warning" not in project("seqarena", "sync")
        shutil.copy(project.root / "mlflow.db", tmp_path / f"{name}.db")
        held.append(everything(f"sqlite:///{tmp_path / name}.db"))
    before, after = held
    for name in EXPERIMENTS:
        runs, models = (before["experiments"][name][kind].values() for kind in ("runs", "models"))
        # All but trials say what they are made of.
        assert len(runs) == 13 and sum(bool(run["artifacts"]) for run in runs) == 9
        assert len(models) == 4
    assert differences(before, after) == []


def test_finals_answer_at_the_command_line(project: Project, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    options = ("--variant", "gru_attention", "--attention", str(picture))
    printed = project("seqarena", "predict", "reviews", "--input", "a good film", *options)
    assert "a good film" in printed and picture.read_bytes().startswith(b"\x89PNG")


def test_the_second_time_there_is_nothing_to_do(project: Project) -> None:
    runs = len(Ledger(project.root / "results/reviews/ledger.jsonl", "reviews").runs())
    printed = project("dvc", "repro")
    assert project.stages(printed) == []
    assert "up to date" in printed
    assert len(Ledger(project.root / "results/reviews/ledger.jsonl", "reviews").runs()) == runs


def test_metrics_and_plots_are_known_to_dvc(project: Project) -> None:
    shown = json.loads(project("dvc", "metrics", "show", "--json"))
    ((_, workspace),) = shown.items()
    found = {Path(path).as_posix() for path in workspace["data"]}
    assert {f"results/{name}/metrics.json" for name in EXPERIMENTS} == found
    table = project("dvc", "metrics", "show", "--md")
    assert max(map(len, table.splitlines())) <= 120
    assert "error" not in json.dumps(workspace)
    project("dvc", "plots", "show", "--out", "shown")
    page = (project.root / "shown" / "index.html").read_text()
    assert "scores.png" in page and "lstm" in page
    shutil.rmtree(project.root / "shown")


@pytest.mark.parametrize(
    ("path", "value", "stale"),
    [
        (("protocol", "trials"), 3, {"search", "train", "evaluate"}),
        (("margin",), 0.5, {"evaluate"}),
        (("space", "width"), 16, {"search", "evaluate"}),
        (("metric",), "rmse", {"search", "train", "evaluate"}),
        (("baselines",), ["linear"], {"evaluate"}),
        (("prepare", "horizon"), 4, {"prepare", "evaluate"}),
        (("data",), "files/reviews.csv", {"fetch", "evaluate"}),
    ],
)
def test_a_change_makes_only_its_own_stages_stale(
    project: Project, path: tuple[str, ...], value: object, stale: set[str]
) -> None:
    changed = json.loads(json.dumps(EXPERIMENTS))
    section = changed["hours"]
    for key in path[:-1]:
        section = section[key]
    section[path[-1]] = value
    try:
        write_params(project.root, changed)
        told = json.loads(project("dvc", "status", "--json"))
    finally:
        write_params(project.root, EXPERIMENTS)
    stages = {name for name in told if name != "compare"}
    assert stages == {f"{stage}@hours" for stage in stale}


def test_a_mistake_in_params_is_one_line_and_changes_nothing(project: Project) -> None:
    before = digest_of(project.root / "results")
    changed = {**EXPERIMENTS, "hours": {**EXPERIMENTS["hours"], "variants": ["lsmt"]}}
    try:
        write_params(project.root, changed)
        printed = project("dvc", "repro", fails=True)
    finally:
        write_params(project.root, EXPERIMENTS)
    assert "error: params.yaml: experiments.hours.variants: no variant named 'lsmt'" in printed
    assert "did you mean 'lstm'?" in printed and "Traceback" not in printed
    assert digest_of(project.root / "results") == before


def test_what_fails_in_one_experiment_is_told_at_the_end(project: Project) -> None:
    """The other is up to date: its verdict stands."""
    (project.root / "files" / "empty.csv").write_text("ts,y\n")
    changed = {**EXPERIMENTS, "hours": {**EXPERIMENTS["hours"], "data": "files/empty.csv"}}
    try:
        write_params(project.root, changed)
        printed = project("seqarena", "run", fails=True)
    finally:
        write_params(project.root, EXPERIMENTS)
        project("dvc", "repro")
    told = r"^hours: failed after \d+ s: error: .*empty\.csv: no rows"
    assert re.search(told, printed, re.MULTILINE)
    assert printed.splitlines()[-1].startswith("failed: hours: error: ")
    assert "Traceback" not in printed


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)]
)
def test_a_signal_ends_every_process_of_a_run(
    project: Project, sent: signal.Signals, code: int
) -> None:
    long = {**EXPERIMENTS["hours"], "protocol": {**PROTOCOL, "epochs": 10**5 + code}}
    ledger = Ledger(project.root / "results/hours/ledger.jsonl", "hours")
    known = set(ledger.runs())
    write_params(project.root, {**EXPERIMENTS, "hours": long})
    run = project.start("seqarena", "run", "hours")
    try:
        _wait(lambda: any(r.kind == "trial" for k, r in ledger.runs().items() if k not in known))
        family = psutil.Process(run.pid).children(recursive=True)
        assert len(family) > 3
        agents = [p for p in family if p.name().startswith("ray::") and "Agent" in p.name()]
        refused = project("seqarena", "run", "hours", fails=True).splitlines()[-1]
        assert refused.startswith(f"error: hours: is being run by process {run.pid} on ")
        assert refused.endswith("(seqarena run hours); wait until it is done, or end it")
        run.send_signal(sent)
        printed, _ = run.communicate(timeout=30)  # until all that print are gone
        if sent == signal.SIGKILL:  # two of Ray's own notice after a minute that their head is gone
            family = [p for p in family if p not in agents]
            assert psutil.wait_procs(family, timeout=30)[1] == []
        ledger.close_orphans()  # as the next command does
    finally:
        write_params(project.root, EXPERIMENTS)
        if run.poll() is None:
            run.terminate()
            run.communicate()
    assert run.returncode == code and "Traceback" not in printed, printed
    assert not [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    ended = {record.status for key, record in ledger.runs().items() if key not in known}
    assert ended == {"KILLED"}
    assert project.stages(project("dvc", "repro")) == []


def test_a_lock_that_a_killed_command_left_half_written_is_removed(project: Project) -> None:
    lock = project.root / ".dvc" / "tmp" / "rwlock"
    lock.write_text("")
    printed = project("seqarena", "run")
    assert f"warning: {lock.relative_to(project.root)}: half written" in printed
    assert project.stages(project("dvc", "repro")) == []


def _wait(until: Callable[[], bool], seconds: float = 150.0) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_an_override_runs_that_experiment_alone(project: Project) -> None:
    """Last: it leaves the project as the override made it."""
    ledger = Ledger(project.root / "results/reviews/ledger.jsonl", "reviews")
    before = len(ledger.runs("trial")) + len(ledger.runs("final"))
    override = "experiments.reviews.protocol.timeout=600"  # asks for no other training
    printed = project("dvc", "exp", "run", "--set-param", override)
    assert project.stages(printed) == [
        "search@reviews",
        "train@reviews",
        "evaluate@reviews",
        "compare",
    ]
    params = yaml.safe_load((project.root / "params.yaml").read_text())
    assert params["experiments"]["reviews"]["protocol"]["timeout"] == 600
    assert len(ledger.runs("trial")) + len(ledger.runs("final")) == before
