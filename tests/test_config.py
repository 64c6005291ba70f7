"""params.yaml is read strictly: a mistake is told in one line, by key and nearest right name."""

from __future__ import annotations

import os
import pickle
import re
import signal
import warnings
from pathlib import Path

import pytest
from pydantic import ValidationError

from seqarena.config import Experiment, Protocol, Range, parse, read_params
from seqarena.errors import InputError, InputWarning, RunError, exit_with_one_line, few, nearest

ENTRY = {
    "data": "movie_reviews",
    "modality": "text",
    "task": "classification",
    "metric": "accuracy",
    "variants": ["gru"],
}


def test_an_entry_is_frozen_with_every_default() -> None:
    found = parse(Experiment, ENTRY, "here")
    assert found.protocol == Protocol()
    assert found.baselines == () and found.prepare == {} and found.space == {}
    with pytest.raises(ValidationError, match="frozen"):
        found.metric = "macro_f1"  # type: ignore[misc]


def test_every_kind_of_dimension_is_told_apart() -> None:
    space = {
        "learning_rate": {"low": 1e-3, "high": 1, "log": True},
        "width": [8, 16],
        "dropout": 0.5,
        "layers": {"low": 1, "high": 3, "integer": True},
    }
    found = parse(Experiment, {**ENTRY, "space": space}, "here").space
    assert found["learning_rate"] == Range(low=1e-3, high=1, log=True)
    assert found["width"] == [8, 16]
    assert found["dropout"] == 0.5
    assert isinstance(found["layers"], Range) and found["layers"].integer


def test_a_worker_reads_back_what_the_driver_sends() -> None:
    found = parse(Experiment, {**ENTRY, "space": {"dropout": {"low": 0, "high": 1}}}, "here")
    assert pickle.loads(pickle.dumps(found)) == found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metrics": "x"}, "here.metrics: no such key; did you mean 'metric'?"),
        ({"data": {"path": "a.csv", "colums": {}}}, "here.data.colums: no such key; did you mean"),
        ({"protocol": {"trails": 3}}, "here.protocol.trails: no such key; did you mean 'trials'?"),
        (
            {"space": {"dropout": {"low": 0, "hihg": 1}}},
            "here.space.dropout.hihg: no such key; did you mean 'high'?",
        ),
        (
            {"protocol": {"zzz": 1}},
            "here.protocol.zzz: no such key; known: balance, batch_size, clip, deterministic",
        ),
        (
            {"protocol": {"trials": 0}},
            "here.protocol.trials: .*greater than or equal to 1, found 0",
        ),
        ({"protocol": {"seeds": 3}}, "here.protocol: 'seeds' is no key any more; .*`repetitions`:"),
        ({"protocol": {"trial_epochs": 3}}, "here.protocol: 'trial_epochs' is no .*`epochs`:"),
        ({"protocol": {"repetitions": 1}}, "here.protocol.repetitions: .*equal to 2, found 1"),
        ({"protocol": {"search": "once"}}, "here.protocol.search: .*'shared', found 'once'"),
        ({"resources": {"gpus": -1}}, "here.resources.gpus: .*equal to 0, found -1"),
        ({"resources": {"gpu": 1}}, "here.resources.gpu: no such key; did you mean 'gpus'"),
        ({"protocol": {"clip": -1.0}}, "here.protocol.clip: .*greater than 0, found -1.0"),
        ({"protocol": {"seed": 2**31}}, "here.protocol.seed: .*less than 2147473648"),
        ({"protocol": {"epochs": "many"}}, "here.protocol.epochs: .*integer.*found 'many'"),
        (
            {"protocol": {"precision": "half"}},
            "here.protocol.precision: .*'bfloat16', found 'half'",
        ),
        ({"protocol": 3}, "here.protocol: .*found 3"),
        ({"variants": []}, "here.variants: .*at least 1"),
        ({"variants": "gru"}, "here.variants: .*found 'gru'"),
        ({"variants": ["gru", "gru"]}, "here: variants: 'gru' is listed twice"),
        ({"variants": [7]}, "here.variants.0: .*string, found 7"),
        ({"baselines": ["a", "b", "a"]}, "here: baselines: 'a' is listed twice"),
        ({"prepare": [1]}, r"here.prepare: .*found \[1\]"),
        (
            {"space": {"dropout": {"low": 1, "high": 0}}},
            "here.space.dropout: low 1.0 is above high",
        ),
        (
            {"space": {"dropout": {"low": 0, "high": 1, "log": True}}},
            "here.space.dropout: a logarithmic range starts above 0",
        ),
        (
            {"space": {"dropout": {"low": "x", "high": 1}}},
            "here.space.dropout.low: .*valid number.*found 'x'",
        ),
        ({"data": None}, "here.data: .*string, found None"),
    ],
)
def test_a_mistake_is_told_in_one_line(change: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}") as error:
        parse(Experiment, {**ENTRY, **change}, "here")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("key", ENTRY)
def test_a_missing_key_is_named(key: str) -> None:
    with pytest.raises(InputError, match=rf"^here\.{key}: missing$"):
        parse(Experiment, {k: v for k, v in ENTRY.items() if k != key}, "here")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "not found; run seqarena from the project's root"),
        ("experiments: [", "not YAML: while parsing"),
        ("experiments: {a: 2020-13-01}", "not YAML: month must be in 1..12"),
        ("experiments: \xff", "not YAML: 'utf-8' codec can't decode"),
        ("experiments: {2020-01-01: {}}", "experiments: expected names, found datetime.date"),
        ("- a", "expected a mapping with the key 'experiments'"),
        ("experiment: {}", "expected a mapping with the key 'experiments'"),
        ("experiments: [a]", "expected a mapping with the key 'experiments'"),
    ],
)
def test_a_file_that_is_no_params(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "params.yaml"
    if text is not None:
        path.write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=message) as error:
        read_params(path)
    assert "\n" not in str(error.value) and "params.yaml" in str(error.value)


def test_yaml_runs_no_code(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("experiments: !!python/object/apply:os.getcwd []")
    with pytest.raises(InputError, match="not YAML"):
        read_params(path)


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("params.yaml: wrong"), 2, "error: params.yaml: wrong\n"),
        (RunError("toy: nothing came of it"), 1, "failed: toy: nothing came of it\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
    ],
)
def test_a_stage_ends_with_one_line_and_its_code(
    error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def main() -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        exit_with_one_line(main)
    assert ended.value.code == code
    assert capsys.readouterr().err == line


def test_a_termination_is_told_whatever_was_made_of_it_on_the_way() -> None:
    """As Ray does, where a signal meets it waiting."""
    before = signal.getsignal(signal.SIGTERM)

    def main() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except SystemExit:
            raise SystemExit(1) from None

    try:
        with pytest.raises(SystemExit) as ended:
            exit_with_one_line(main)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ended.value.code == 143


def test_the_nearest_name_or_all() -> None:
    assert nearest("lsmt", ["gru", "lstm"]) == "did you mean 'lstm'?"
    assert nearest("zzz", ["lstm", "gru"]) == "known: gru, lstm"
    assert nearest("zzz", []) == "known: none"


def test_what_is_quoted_stays_in_one_line() -> None:
    told = str(InputError("a.csv line 2: found 'x\ny" + "z" * 10_000))
    assert told.startswith("a.csv line 2: found 'x yz") and "\n" not in told
    assert len(told) < 1000


def test_few_names_stand_for_many() -> None:
    assert few(["b", "a"]) == "b, a"
    assert few(map(str, range(12)), most=3) == "0, 1, 2 and 9 more"


def test_a_warning_is_one_line_once_and_no_end(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> None:
        for name in ("a.csv", "b.csv", "a.csv"):  # as of what is read twice
            warnings.warn(f"{name}: read otherwise", InputWarning, stacklevel=1)

    exit_with_one_line(main)
    told = "warning: a.csv: read otherwise\nwarning: b.csv: read otherwise\n"
    assert capsys.readouterr().err == told


@pytest.mark.parametrize("key", ["epochs(", "[epochs]", "str", "float"])
def test_a_key_that_is_called_like_a_part_of_a_type_is_told(key: str) -> None:
    with pytest.raises(InputError, match=f"^here.{re.escape(key)}: no such key; "):
        parse(Protocol, {key: 3}, "here")
