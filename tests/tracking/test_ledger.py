"""The ledger keeps every run truthfully, whatever happens to the process that writes it."""

import json
import math
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from seqarena.errors import InputError
from seqarena.tracking.environment import environment
from seqarena.tracking.ledger import Ledger
from seqarena.tracking.lines import decoded

SRC = Path(__file__).parents[2] / "src"
DRIVER = """
import sys, time
from pathlib import Path
from seqarena.tracking.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]), "toy")
search = ledger.start("search", "gru")
ledger.start("trial", "gru/0", parent=search)
print("started", flush=True)
time.sleep(60)
"""


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.chdir(tmp_path)
    return Ledger(tmp_path / "results" / "toy" / "ledger.jsonl", "toy")


def test_a_run_is_read_back_as_it_was_written(ledger: Ledger) -> None:
    search = ledger.start("search", "gru", params={"variant": "gru"})
    trial = ledger.start(
        "trial", "gru/0", parent=search, params={"width": np.int64(8), "rate": math.inf}
    )
    ledger.metrics(trial, 1, {"loss": 2.0, "f1": np.float32(0.5)})
    ledger.metrics(trial, 2, {"loss": 1.0})
    ledger.tag(trial, {"stopped": "early"})
    ledger.end(trial, "FINISHED")
    runs = Ledger(ledger.path, "toy").runs()
    assert list(runs) == [search, trial]
    record = runs[trial]
    assert (record.kind, record.name, record.parent) == ("trial", "gru/0", search)
    assert record.params == {"width": 8, "rate": "inf"}
    assert record.metrics == {"loss": 1.0, "f1": 0.5}
    assert record.tags["stopped"] == "early"
    assert record.tags["torch"] == environment()["torch"]
    assert record.status == "FINISHED"
    assert record.ended
    assert record.ended >= record.started
    assert ledger.open_runs() == [search]
    assert list(ledger.runs("search")) == [search]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_survives_in_strict_json(ledger: Ledger, value: float) -> None:
    run = ledger.start("trial", "diverged")
    ledger.metrics(run, 1, {"loss": value})

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    for line in ledger.path.read_text().splitlines():
        json.loads(line, parse_constant=refuse)
    assert repr(ledger.runs()[run].metrics["loss"]) == repr(value)


@pytest.mark.parametrize("kept", [0, 1, 40])
def test_a_torn_last_line_is_ignored_then_repaired(ledger: Ledger, kept: int) -> None:
    run = ledger.start("trial", "lstm/0")
    whole = ledger.path.read_bytes()
    ledger.metrics(run, 1, {"loss": 9.0})
    torn = ledger.path.read_bytes()[len(whole) :][:kept]
    ledger.path.write_bytes(whole + torn)
    assert ledger.runs()[run].metrics == {}
    ledger.metrics(run, 1, {"loss": 3.0})
    lines = ledger.path.read_bytes().splitlines(keepends=True)
    assert lines[0] == whole
    assert len(lines) == 2
    assert ledger.runs()[run].metrics == {"loss": 3.0}


def test_a_damaged_line_within_is_named(ledger: Ledger) -> None:
    ledger.start("trial", "lstm/0")
    end = len(ledger.path.read_bytes())
    ledger.path.write_bytes(ledger.path.read_bytes() + b"\0\0\0\n")
    with pytest.raises(InputError, match=f"ledger.jsonl: damaged at byte {end}: not a JSON line"):
        ledger.runs()


def test_a_flipped_bit_is_never_read_as_another_value(ledger: Ledger) -> None:
    """Of a name, a score or the checksum itself: it is refused, or the line reads as before."""
    trial = ledger.start("trial", "lstm/0", tags={"device": "cpu"})
    ledger.metrics(trial, 1, {"valid_accuracy": 0.5})
    written, content = ledger.runs()[trial], ledger.path.read_bytes()
    refused = 0
    for place in range(0, len(content) - 1, 3):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 7
        ledger.path.write_bytes(damaged)
        try:
            (found,) = Ledger(ledger.path, "toy").runs().values()
            assert found == written
        except InputError as error:
            refused += "damaged at byte" in str(error)
    assert refused > len(content) / 3 * 0.8


@pytest.mark.parametrize(
    "line",
    [
        '{"event": ["end"], "run": "a", "time": 1}',
        '{"event": "end", "run": "a", "time": 1, "status": "DONE", "message": ""}',
        '{"event": "metrics", "run": "a", "time": 1, "step": 1.5, "values": {}}',
        '{"event": "metrics", "run": "a", "time": 1, "step": 1, "values": {"x": "high"}}',
        '{"event": "tag", "run": "a", "time": 1, "tags": {"x": 1}}',
        '{"event": "resume", "run": "a", "time": 1, "driver": [1]}',
    ],
)
def test_an_event_of_another_form_is_refused(ledger: Ledger, line: str) -> None:
    ledger.path.parent.mkdir(parents=True)
    ledger.path.write_text(f"{line}\n")
    with pytest.raises(InputError, match="ledger.jsonl: damaged at byte 0: "):
        ledger.runs()


def test_events_go_on_from_an_offset(ledger: Ledger) -> None:
    run = ledger.start("trial", "lstm/0")
    (first,) = ledger.events()
    ledger.metrics(run, 1, {"loss": 3.0})
    (second,) = ledger.events(first.end)
    assert second.data["event"] == "metrics"
    assert second.end == ledger.path.stat().st_size


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (None, "FINISHED"),
        (ValueError("bad"), "FAILED"),
        (KeyboardInterrupt(), "KILLED"),
        (SystemExit(3), "KILLED"),
    ],
)
def test_a_run_ends_as_its_block_does(
    ledger: Ledger, error: BaseException | None, status: str
) -> None:
    def block() -> None:
        with ledger.running("final", "gru/1"):
            if error is not None:
                raise error

    if error is None:
        block()
    else:
        with pytest.raises(type(error)):
            block()
    (record,) = ledger.runs().values()
    assert record.status == status
    assert record.message == ("ValueError: bad" if status == "FAILED" else record.message)


def test_only_runs_of_a_killed_driver_are_orphans(ledger: Ledger) -> None:
    mine = ledger.start("search", "lstm")
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(ledger.path)],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(SRC)},
    )
    try:
        assert driver.stdout is not None
        assert driver.stdout.readline() == "started\n"
        assert ledger.close_orphans() == 0
        driver.kill()  # not yet waited for: a zombie is gone too
        deadline = time.monotonic() + 10
        while ledger.open_runs() != [mine]:  # it may die between the looks at its two runs
            ledger.close_orphans()
            assert time.monotonic() < deadline
        statuses = {record.name: record.status for record in ledger.runs().values()}
        assert statuses == {"lstm": "RUNNING", "gru": "KILLED", "gru/0": "KILLED"}
        assert ledger.open_runs() == [mine]
        assert ledger.close_orphans() == 0
    finally:
        driver.kill()
        driver.wait()


def test_a_recycled_pid_is_not_taken_for_the_driver(ledger: Ledger) -> None:
    run = ledger.start("search", "lstm")
    line = json.loads(ledger.path.read_text())
    line["driver"][1] -= 3600.0  # the same pid, an hour earlier
    del line["sum"]
    ledger.path.write_text(json.dumps(line) + "\n")
    assert ledger.close_orphans() == 1
    assert ledger.runs()[run].status == "KILLED"


def test_files_are_relative_to_the_root_and_digested(ledger: Ledger, tmp_path: Path) -> None:
    run = ledger.start("final", "gru/1")
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "map.svg").write_text("<svg/>")
    ledger.artifact(run, tmp_path / "plots" / "map.svg", "attention")
    ledger.artifact(run, Path("plots"))
    file, folder = (event.data for event in ledger.events() if event.data["event"] == "artifact")
    assert (file["path"], file["folder"], folder["path"]) == ("plots/map.svg", "attention", "plots")
    assert len(file["sha256"]) == 64
    assert file["sha256"] != folder["sha256"]
    with pytest.raises(FileNotFoundError):
        ledger.artifact(run, Path("missing.png"))


def test_an_event_of_an_unknown_run_is_refused(ledger: Ledger) -> None:
    with pytest.raises(KeyError, match="no run nobody"):
        ledger.metrics("nobody", 1, {"loss": 1.0})
    with pytest.raises(KeyError, match="no run nobody"):
        ledger.start("trial", "lstm/0", parent="nobody")
    assert not ledger.path.exists()


def test_a_run_started_elsewhere_is_known(ledger: Ledger) -> None:
    run = Ledger(ledger.path, "toy").start("final", "gru/1")
    ledger.end(run, "FINISHED")
    assert ledger.open_runs() == []


def test_the_environment_tells_code_and_versions() -> None:
    tags = environment()
    assert {"git.commit", "git.dirty", "python", "ray", "mlflow", "dvc", "optuna"} <= tags.keys()
    assert int(tags["cpus"]) >= 1
    assert all(isinstance(value, str) for value in tags.values())


def test_the_ledger_needs_no_heavy_import() -> None:
    heavy = "{'mlflow', 'ray', 'torch'}"
    code = f"import sys, seqarena.tracking.ledger; print(sorted({heavy} & set(sys.modules)))"
    shown = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(SRC)},
    )
    assert shown.stdout == "[]\n"


def test_what_dvc_writes_while_it_runs_does_not_make_the_code_dirty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    named = ("-c", "user.name=a", "-c", "user.email=a@b")
    for name in ("dvc.lock", "code.py"):
        Path(name).write_text("1")
    for command in (("init", "-q"), ("add", "-A"), (*named, "commit", "-qm", "first")):
        subprocess.run(["git", *command], check=True)
    Path("dvc.lock").write_text("2")
    assert environment.__wrapped__()["git.dirty"] == "false"
    Path("code.py").write_text("2")
    assert environment.__wrapped__()["git.dirty"] == "true"


def test_no_bit_of_a_line_turns_unseen(ledger: Ledger) -> None:
    """Nor one of the name of its checksum, without which a line is of an earlier version."""
    ledger.start("trial", "gru/0", params={"width": 8})
    (line,) = ledger.path.read_bytes().splitlines(keepends=True)
    decoded(line)
    for place in range(len(line) - 1):  # a line without its break is torn
        for bit in range(8):
            damaged = bytearray(line)
            damaged[place] ^= 1 << bit
            with pytest.raises(ValueError):
                decoded(bytes(damaged))
