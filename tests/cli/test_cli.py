"""The command line: answers, pictures, and one line with exit code 2 for bad input."""

from __future__ import annotations

import csv
import json
import re
import runpy
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import soundfile
import yaml
from PIL import Image

from seqarena.cli.main import main
from seqarena.data.modalities import modality, options_of
from seqarena.datasets import dataset_of
from seqarena.experiments import load
from seqarena.fit import fit
from seqarena.records import AllMetrics, ComparisonRecord
from seqarena.runs import Finals
from seqarena.tracking.ledger import Ledger
from seqarena.validation import resolved
from support import final_of, prepare_raw, save_trained, script_environment

ROOT = Path(__file__).parents[2]
PIPELINES = ROOT / "pipelines"
WIDE = ("--beam", "4")
PROTOCOL = {"epochs": 12, "patience": 12, "batch_size": 16, "repetitions": 2}
SPACE = {"width": 16, "learning_rate": 0.02, "dropout": 0.0, "weight_decay": 0.0}
TEXT = {
    "data": "files/reviews.csv",
    "modality": "text",
    "task": "classification",
    "metric": "accuracy",
    "prepare": {"min_count": 1},
    "variants": ["gru", "gru_attention"],
    "baselines": ["majority"],
    "space": SPACE,
    "protocol": PROTOCOL,
}
SERIES = {
    "data": "files/series.csv",
    "modality": "series",
    "task": "forecasting",
    "metric": "mae",
    "prepare": {"time": "ts", "target": "y", "lookback": 24, "horizon": 4},
    "variants": ["lstm_attention"],
    "space": SPACE,
    "protocol": {**PROTOCOL, "epochs": 2},
}
AUDIO = {
    "data": "files/sounds",
    "modality": "audio",
    "task": "classification",
    "metric": "accuracy",
    "variants": ["gru"],
    "space": SPACE,
    "protocol": PROTOCOL,
}
GAPS = {
    "data": "files/gaps.csv",
    "modality": "text",
    "task": "labelling",
    "metric": "accuracy",
    "prepare": {"targets": "labels", "min_count": 1},
    "variants": ["lstm", "lstm_attention", "bilstm_crf"],
    "space": {**SPACE, "embedding_std": 1.0},
    "protocol": PROTOCOL,
}
PAIRS = {
    "data": "files/pairs.csv",
    "modality": "text",
    "task": "transduction",
    "metric": "exact_match",
    "prepare": {"targets": "words", "min_count": 1},
    "variants": ["lstm_attention"],
    "space": {**SPACE, "embedding": 16},
    "protocol": PROTOCOL,
}


class Ended(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _handler() -> Iterator[None]:
    """The command line takes over SIGTERM; pytest gets its own back."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def ended(start: Callable[[], object], capsys: pytest.CaptureFixture[str]) -> Ended:
    code: Any = 0
    try:
        start()
    except SystemExit as stop:
        code = stop.code or 0
    return Ended(code, *capsys.readouterr())


@pytest.fixture
def seqarena(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ended]:
    def run(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["seqarena", *arguments])
        return ended(main, capsys)

    return run


@pytest.fixture
def stage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ended]:
    def run(name: str, *arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *arguments])
        return ended(
            lambda: runpy.run_path(str(PIPELINES / f"{name}.py"), run_name="__main__"), capsys
        )

    return run


def write_files(folder: Path) -> None:
    """A user's own files: sentences, a series, recordings."""
    folder.mkdir()
    random = np.random.default_rng(0)
    good, bad = ("good fine great", "bad poor awful")
    with (folder / "reviews.csv").open("w") as file:
        file.write("text,label\n")
        for number in range(80):
            word = random.choice((bad, good)[number % 2].split())
            file.write(f"a {word} film number {number},{('no', 'yes')[number % 2]}\n")
    with (folder / "gaps.csv").open("w") as file:
        file.write("text,labels\n")
        for number in range(80):
            word, pronoun = (("she", "her"), ("he", "his"))[number % 2]
            file.write(f"{word} has read ___ book {number},_ _ _ {pronoun} _ _\n")
    with (folder / "pairs.csv").open("w") as file:
        file.write("text,target\n")
        for number in range(100):
            pair = [("one", "uno"), ("two", "dos"), ("ten", "diez")][number % 3]
            file.write(f"{pair[0]} n{number},{pair[1]} n{number % 5}\n")
    with (folder / "series.csv").open("w") as file:
        file.write("ts,y\n")
        for hour in range(400):
            value = 50 + 30 * np.sin(hour * 2 * np.pi / 24) + random.normal()
            file.write(f"2020-01-{1 + hour // 24:02d}T{hour % 24:02d}:00,{value:.2f}\n")
    for label, pitch in (("low", 200), ("high", 1200)):
        (folder / "sounds" / label).mkdir(parents=True)
        for number in range(12):
            times = np.arange(2000 + 50 * number) / 8000
            sound = 0.3 * np.sin(2 * np.pi * pitch * times) + 0.01 * random.normal(size=len(times))
            soundfile.write(folder / "sounds" / label / f"{number}.wav", sound, 8000)


def run_stages(name: str) -> None:
    """Do by hand what fetch, prepare, search, train and evaluate leave, without Ray."""
    experiment = load(name)
    config = experiment.config
    experiment.raw.mkdir(parents=True)
    dataset_of(config, experiment.where).write(experiment.raw)
    kind = modality(config.modality)
    prepare_raw(
        kind, experiment.raw, experiment.prepared, options_of(experiment.config, experiment.where)
    )
    ledger, finals = Ledger(experiment.ledger, name), []
    for variant in config.variants:
        space = resolved(experiment)["space"][variant]
        chosen = {k: v[0] if isinstance(v, list) else v for k, v in space.items()}
        with ledger.running("final", f"{variant} repetition 1") as run:
            training, epochs = fit(experiment.config, experiment.prepared, variant, chosen, 1)
            ledger.metrics(run, 1, epochs[0].values())
        about = {"experiment": name, "seed": 1}
        folder = experiment.model_of(variant, 1)
        save_trained(folder, training, config.task, variant, **about)
        finals.append(final_of(training, epochs, variant, 1, 1, run))
    Finals(finals=tuple(finals)).write(experiment.models / "finals.json")
    best = experiment.config.variants[0]
    ComparisonRecord(
        best=best,
        best_set=(best,),
        pairs={},
        baselines={},
        chances={},
        metrics=AllMetrics(variants={}, baselines={}, unfitted={}),
    ).write(experiment.results / "comparison.json")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a few small experiments, trained."""
    root = tmp_path_factory.mktemp("project")
    write_files(root / "files")
    experiments = {"reviews": TEXT, "hours": SERIES, "sounds": AUDIO, "gaps": GAPS, "pairs": PAIRS}
    experiments["later"] = TEXT
    (root / "params.yaml").write_text(yaml.safe_dump({"experiments": experiments}))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        for name in experiments.keys() - {"later"}:
            run_stages(name)
    return root


@pytest.fixture
def project(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(trained)
    return trained


def test_show_prints_every_default(project: Path, seqarena: Callable[..., Ended]) -> None:
    code, out, _ = seqarena("show", "reviews")
    shown = yaml.safe_load(out)["reviews"]
    assert code == 0
    assert re.match(r"# \d variants, \d repetitions\n# \d+ studies of \d+ trials: ", out)
    assert shown["prepare"] == {
        "folds": None,
        "targets": "label",
        "vocabulary": 8_000,
        "valid": 0.1,
        "test": 0.1,
        "leaks": "drop",
        "max_vocabulary": 10_000,
        "min_count": 1,
        "max_length": 64,
        "join": None,
        "lowercase": True,
        "units": "words",
    }
    assert shown["protocol"]["clip"] == 1.0 and shown["protocol"]["precision"] == "auto"
    assert shown["space"]["gru_attention"]["attention"] == [32, 64]
    assert "attention" not in shown["space"]["gru"]
    assert shown.keys() == load("reviews").config.model_dump().keys()


def test_what_show_prints_is_itself_a_configuration(
    project: Path, seqarena: Callable[..., Ended], tmp_path: Path
) -> None:
    shown = yaml.safe_load(seqarena("show", "hours").out)
    shown["hours"]["space"] = SPACE
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"experiments": shown}))
    assert load("hours", tmp_path / "params.yaml").config.protocol == load("hours").config.protocol


def test_a_sentence_is_answered(project: Path, seqarena: Callable[..., Ended]) -> None:
    predicted = {}
    for sentence in ("a great film", "an awful film"):
        code, out, _ = seqarena("predict", "reviews", "--input", sentence)
        assert code == 0 and sentence in out and "gru" in out
        predicted[sentence] = next(label for label in ("yes", "no") if f" {label} " in out)
    assert predicted == {"a great film": "yes", "an awful film": "no"}


def test_a_file_is_answered_into_json(
    project: Path, seqarena: Callable[..., Ended], tmp_path: Path
) -> None:
    (tmp_path / "new.txt").write_text("a fine film\na poor film\n")
    output = tmp_path / "out" / "answers.json"
    code, out, _ = seqarena(
        "predict", "reviews", "--input", str(tmp_path / "new.txt"), "--output", str(output)
    )
    assert code == 0 and "2 answers" in out
    first, second = json.loads(output.read_text())
    assert (first["label"], second["label"]) == ("yes", "no")
    assert first["probabilities"].keys() == {"yes", "no"}
    assert first["input"] == "new.txt:1"


@pytest.fixture
def table(
    project: Path, seqarena: Callable[..., Ended], tmp_path: Path
) -> Callable[..., tuple[list[dict[str, str]], str]]:
    """Ask about a source, and return the table that comes of it, and what is told."""

    def ask(name: str, source: Path | str, suffix: str = ".csv") -> tuple[list[Any], str]:
        output = tmp_path / f"answers{suffix}"
        code, out, err = seqarena("predict", name, "--input", str(source), "--output", str(output))
        assert code == 0, err
        with output.open(newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t" if suffix == ".tsv" else ","))
        assert f"{len(rows):,} rows in {output}" in out
        return rows, err

    return ask


def test_a_table_is_answered_row_by_row(table: Any, tmp_path: Path) -> None:
    """Its own columns stay, also one of true labels; an empty row keeps its place."""
    lines = [f"{n},a {('poor', 'fine')[n % 2]} film,{('no', 'yes')[n % 2]}" for n in range(150)]
    lines[70] = '70," ",yes'
    (tmp_path / "new.csv").write_text("\n".join(["number,text,label", *lines]))
    rows, err = table("reviews", tmp_path / "new.csv")
    assert list(rows[0]) == [
        "number",
        "text",
        "label",
        "predicted.label",
        "predicted.probability",
        "predicted.probabilities.no",
        "predicted.probabilities.yes",
    ]
    assert [row["number"] for row in rows] == [str(n) for n in range(150)]
    assert [row["predicted.label"] == row["label"] for row in rows] == [n != 70 for n in range(150)]
    assert rows[70]["predicted.label"] == rows[70]["predicted.probabilities.no"] == ""
    assert "new.csv line 72: an empty sentence" in err and "its answer is left empty" in err
    one = rows[1]
    assert float(one["predicted.probabilities.yes"]) == float(one["predicted.probability"]) > 0.5


def test_a_table_in_another_form_is_read_as_the_experiment_reads_it(
    table: Any, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = yaml.safe_load((trained / "params.yaml").read_text())
    params["experiments"]["reviews"]["data"] = {
        "path": "files/reviews.csv",
        "columns": {"text": "review"},
    }
    monkeypatch.chdir(tmp_path)
    for folder in ("files", "models", "results"):
        (tmp_path / folder).symlink_to(trained / folder)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    lines = [json.dumps({"id": n, "review": f"a {w} film"}) for n, w in enumerate(["bad", "good"])]
    (tmp_path / "new.jsonl").write_text("\n".join(lines))
    rows, _ = table("reviews", tmp_path / "new.jsonl", ".tsv")
    assert [(row["review"], row["predicted.label"]) for row in rows] == [
        ("a bad film", "no"),
        ("a good film", "yes"),
    ]


def test_a_folder_is_answered_file_by_file(table: Any, project: Path, tmp_path: Path) -> None:
    shutil.copytree(project / "files" / "sounds", tmp_path / "new")
    (tmp_path / "new" / "low" / "3.wav").write_bytes(b"RIFF")
    rows, err = table("sounds", tmp_path / "new")
    assert [row["file"] for row in rows[:2]] == ["high/0.wav", "high/1.wav"]
    silent = [row["file"] for row in rows if not row["predicted.label"]]
    assert silent == ["low/3.wav"] and "low/3.wav: " in err
    right = sum(row["file"].startswith(row["predicted.label"]) for row in rows)
    assert len(rows) == 24 and right >= 20


def test_a_table_that_lists_files_is_answered_row_by_row(
    table: Any, project: Path, tmp_path: Path
) -> None:
    """In its order, with its columns; a file that is not there keeps its row."""
    shutil.copytree(project / "files" / "sounds", tmp_path / "new")
    names = ["low/1.wav", "high/0.wav", "gone.wav", "high/2.wav"]
    lines = [f"{n}\t{name}" for n, name in enumerate(names)]
    (tmp_path / "new" / "calls.tsv").write_text("\n".join(["call\tfile", *lines]))
    rows, err = table("sounds", tmp_path / "new" / "calls.tsv")
    assert [(row["call"], row["file"]) for row in rows] == [
        (str(n), name) for n, name in enumerate(names)
    ]
    assert list(rows[0])[:3] == ["call", "file", "predicted.label"]
    assert [row["predicted.label"] for row in rows] == ["low", "high", "", "high"]
    assert "new/gone.wav: " in err and "its answer is left empty" in err


def test_a_forecast_is_a_row_for_each_step_ahead(table: Any) -> None:
    rows, _ = table("hours", "files/series.csv")
    assert [row["ts"] for row in rows] == [f"2020-01-17T{hour}:00:00" for hour in (16, 17, 18, 19)]
    assert all(0 < float(row["predicted.forecast"]) < 100 for row in rows)


def test_a_table_that_cannot_be_answered_is_refused_in_one_line(
    project: Path, seqarena: Callable[..., Ended], tmp_path: Path
) -> None:
    new, output = tmp_path / "new.csv", tmp_path / "answers.csv"
    for content, told in {
        "text\n' '\n": "",
        'text\n" "\n': "none of 1 inputs can be read: .*line 2: an empty sentence",
        "text,predicted.label\na film,no\n": "new.csv: has a column 'predicted.label' already",
        "texts\na film\n": "new.csv: .*'text'.*texts",
        "text\na film,too\n": "new.csv line 2: expected 1 cells",
    }.items():
        new.write_text(content)
        arguments = ("--input", str(new), "--output", str(output))
        code, _, err = seqarena("predict", "reviews", *arguments)
        assert bool(told) == (code == 2) and re.search(told, err), err
        assert output.exists() == (not told) and "Traceback" not in err
        output.unlink(missing_ok=True)
    code, _, err = seqarena("predict", "reviews", "--input", "a", "--output", "answers.xlsx")
    assert code == 2 and "answers.xlsx: expected a .csv or .tsv or .json file" in err


def test_the_best_final_is_written_as_a_graph(
    project: Path, seqarena: Callable[..., Ended], tmp_path: Path
) -> None:
    graph = tmp_path / "model.onnx"
    code, out, err = seqarena("export", "reviews", "--onnx", str(graph))
    assert code == 0, err
    assert "gru: logits, steps" in out and "from the model's own outputs" in out
    assert graph.stat().st_size > 1000
    code, _, err = seqarena("export", "pairs", "--onnx", str(tmp_path / "no.onnx"))
    assert code == 2 and "lstm_attention writes token by token" in err
    code, _, err = seqarena("export", "reviews", "--onnx", "model.pt")
    assert code == 2 and "model.pt: expected a .onnx file" in err


def test_attention_is_drawn(project: Path, seqarena: Callable[..., Ended], tmp_path: Path) -> None:
    for name, source in (("reviews", "a fine film"), ("hours", "files/series.csv")):
        picture = tmp_path / f"{name}.png"
        variant = "gru_attention" if name == "reviews" else "lstm_attention"
        arguments = ("--variant", variant, "--attention", str(picture))
        code, _, err = seqarena("predict", name, "--input", source, *arguments)
        assert code == 0, err
        assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size > 5000
        assert [path.name for path in tmp_path.glob("*reviews*")] == ["reviews.png"]


def test_a_series_is_forecast_in_its_unit(
    project: Path, seqarena: Callable[..., Ended], tmp_path: Path
) -> None:
    output = tmp_path / "a.json"
    arguments = ("predict", "hours", "--input", "files/series.csv", "--output", str(output))
    assert seqarena(*arguments).code == 0
    (prediction,) = json.loads(output.read_text())
    assert prediction["input"] == "2020-01-17T15:00:00"
    assert "attention" not in prediction
    forecast = prediction["forecast"]
    assert len(forecast) == 4 and all(0 < value < 100 for value in forecast)
    assert " ".join(f"{value:.1f}" for value in forecast) in seqarena(*arguments[:4]).out


def test_a_recording_is_answered(
    project: Path, seqarena: Callable[..., Ended], tmp_path: Path
) -> None:
    output = tmp_path / "a.json"
    arguments = ("predict", "sounds", "--input", "files/sounds", "--output", str(output))
    assert seqarena(*arguments).code == 0
    predictions = json.loads(output.read_text())
    assert len(predictions) == 24
    labels = [prediction["label"] for prediction in predictions]
    right = sum(map(str.__eq__, labels, ["high"] * 12 + ["low"] * 12))
    assert right >= 20


def test_labels_are_told_where_they_are_asked_for(
    project: Path, seqarena: Callable[..., Ended], tmp_path: Path
) -> None:
    output = tmp_path / "a.json"
    for word, right, wrong in (("she", "her", "his"), ("he", "his", "her")):
        arguments = ("predict", "gaps", "--input", f"{word} has read ___ book 3")
        code, out, err = seqarena(*arguments)
        assert (code, err) == (0, "")
        assert f"step 4: {right} 0." in out or f"step 4: {right} 1." in out
        assert out.index(right) < out.index(f"  {wrong} 0.")
        assert seqarena(*arguments, "--output", str(output)).out == f"1 answer in {output}\n"
        (prediction,) = json.loads(output.read_text())
        assert prediction["labels"] == ["_", "_", "_", right, "_", "_"]
        assert prediction["alternatives"].keys() == {"4"}
        assert list(prediction["alternatives"]["4"]) == [right, wrong]
        assert [p is None for p in prediction["probabilities"]] == [True] * 3 + [False] + [True] * 2
        chained = seqarena(*arguments, "--variant", "bilstm_crf").out
        assert f"step 4: {right} 0." in chained or f"step 4: {right} 1." in chained
    picture, steps = tmp_path / "a.png", ("--variant", "lstm_attention")
    code, out, _ = seqarena(*arguments, *steps, "--attention", str(picture))
    assert code == 0 and out.startswith(f"{picture}: what lstm_attention looked at in he has")
    with Image.open(picture) as drawn:
        assert drawn.width > drawn.height  # a row for the gap alone
    code, out, err = seqarena("predict", "gaps", "--input", "she has read")
    assert (code, out) == (2, "") and err.count("\n") == 1
    assert "she has read: nothing to label; train has labels at ___ alone" in err


def test_unknown_words_are_told(project: Path, seqarena: Callable[..., Ended]) -> None:
    code, out, err = seqarena("predict", "reviews", "--input", "a zorblax film")
    assert code == 0 and " a zorblax film " in out
    assert err == "warning: not in the vocabulary, read as <unk>: zorblax\n"


def test_hypotheses_stand_in_the_order_of_their_score(
    project: Path, seqarena: Callable[..., Ended], tmp_path: Path
) -> None:
    arguments = ("predict", "pairs", "--input", "one n1", "--decoding", "beam", "--best", "6")
    code, out, _ = seqarena(*arguments)
    assert code == 0 and " score " in out and " log probability " in out
    assert seqarena(*arguments, "--output", str(tmp_path / "a.json")).code == 0
    (prediction,) = json.loads((tmp_path / "a.json").read_text())
    scores = [each["score"] for each in (prediction, *prediction["n_best"])]
    assert len(scores) == 6 and scores == sorted(scores, reverse=True)
    assert " score " not in seqarena(*arguments[:4]).out  # greedy has no other than its probability


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "reveiws"), "no experiment named 'reveiws'; did you mean 'reviews'?"),
        (("sync", "hous"), "no experiment named 'hous'; did you mean 'hours'?"),
        (
            ("predict", "later", "--input", "x"),
            "not there yet; run `dvc repro evaluate@later` first",
        ),
        (
            ("predict", "reviews", "--input", "x", "--variant", "gru_atention"),
            "no final named 'gru_atention'; did you mean 'gru_attention'?",
        ),
        (("predict", "reviews", "--input", "none.csv"), "none.csv: no such file"),
        (("predict", "hours", "--input", "none.csv"), "none.csv"),
        (
            ("predict", "sounds", "--input", "files/series.csv"),
            "series.csv line 2: no column 'file'; `columns: {file: …}` says which it is, of ts, y",
        ),
        (
            ("predict", "reviews", "--input", "x", "--variant", "gru", "--attention", "a.png"),
            "--attention: gru has none; add --variant with one of gru_attention\n",
        ),
        (
            ("predict", "sounds", "--input", "files/sounds", "--attention", "a.png"),
            "--attention: gru has none; no variant of this experiment has\n",
        ),
        (
            ("predict", "pairs", "--input", "one", "--attention", "a.jpg"),
            "--attention: a.jpg: expected a .png file, such as looked-at.png",
        ),
        (
            ("predict", "reviews", "--input", "good", "--output", "files"),
            "--output: files: expected a .csv or .tsv or .json file",
        ),
        (
            ("predict", "reviews", "--input", "good", "--output", "params.yaml/a.json"),
            "params.yaml/a.json: cannot be written: ",
        ),
        (("predict", "pairs", "--input", "one", *WIDE), "--beam: goes with --decoding beam\n"),
        (
            ("predict", "pairs", "--input", "one", "--best", "2"),
            "--best: goes with --decoding beam or sample",
        ),
        (
            ("predict", "pairs", "--input", "one", "--decoding", "beam", *WIDE, "--best", "9"),
            "--best: 9 of a beam of 4; expected --beam 9",
        ),
        (
            ("predict", "pairs", "--input", "one", "--decoding", "greedy", "--seed", "2"),
            "--seed: goes with --decoding sample",
        ),
        (
            ("predict", "pairs", "--input", "one", "--decoding", "sample", "--top-p", "0"),
            "--top-p: a share of the probability above 0",
        ),
        (("verdict",), "report/summary.json: not there yet; run `dvc repro` first"),
    ],
)
def test_bad_input_is_one_line(
    arguments: tuple[str, ...], message: str, project: Path, seqarena: Callable[..., Ended]
) -> None:
    before = sorted(path for path in project.rglob("*"))
    code, out, err = seqarena(*arguments)
    assert code == 2
    assert message in err and err.startswith("error: ") and err.count("\n") == 1
    assert out == ""
    assert sorted(path for path in project.rglob("*")) == before


MISTAKES = [
    ("variants", ["gruu"], "no variant named 'gruu'; did you mean 'gru'?"),
    ("data", "movie_review", "no data set named 'movie_review'; did you mean 'movie_reviews'?"),
    ("metric", "acuracy", "did you mean 'accuracy'?"),
    ("baselines", ["majorty"], "did you mean 'majority'?"),
    ("space", {"widht": 8}, "did you mean 'width'?"),
    ("protocol", {"trails": 2}, "protocol.trails: no such key; did you mean 'trials'?"),
    ("protocol", {"trials": 0}, "protocol.trials: input should be greater than or equal to 1"),
    ("space", {"dropout": 3}, "space.dropout: expected numbers from 0 to 0.99, found 3"),
]


@pytest.mark.parametrize(("key", "value", "message"), MISTAKES)
def test_a_mistake_in_params_is_told_before_anything_starts(
    key: str,
    value: object,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seqarena: Callable[..., Ended],
    stage: Callable[..., Ended],
) -> None:
    monkeypatch.chdir(tmp_path)
    entry = {**TEXT, "data": "movie_reviews", key: value}
    Path("params.yaml").write_text(yaml.safe_dump({"experiments": {"toy": entry}}))
    for code, out, err in (seqarena("show", "toy"), stage("fetch", "toy")):
        assert (code, out) == (2, "")
        assert err.startswith("error: params.yaml: experiments.toy") and err.count("\n") == 1
        assert message in err
    code, out, _ = seqarena("check")
    assert code == 2 and "misconfigured" in out and "Traceback" not in out
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


@pytest.mark.parametrize("name", ["fetch", "prepare", "search", "train", "evaluate"])
def test_a_stage_is_a_process_that_ends_with_code_2(name: str, tmp_path: Path) -> None:
    entry = {**TEXT, "data": "movie_reviews", "variants": ["gruu"]}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"experiments": {"toy": entry}}))
    done = subprocess.run(
        [sys.executable, PIPELINES / f"{name}.py", "toy"],
        cwd=tmp_path,
        env=script_environment(),
        capture_output=True,
        text=True,
    )
    place = "params.yaml: experiments.toy.variants"
    wanted = f"error: {place}: no variant named 'gruu'; did you mean 'gru'?\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", wanted)
    assert [path.name for path in tmp_path.iterdir()] == ["params.yaml"]


@pytest.mark.parametrize("name", ["prepare", "search", "train", "evaluate"])
def test_a_stage_before_its_time_is_one_line(
    name: str, project: Path, stage: Callable[..., Ended]
) -> None:
    code, _, err = stage(name, "later")
    assert code == 2 and err.startswith("error: ") and err.count("\n") == 1 and "later" in err
    assert not list(project.rglob(".*.partial"))


def test_check_tells_how_far_each_experiment_is(
    project: Path, seqarena: Callable[..., Ended]
) -> None:
    _, out, _ = seqarena("check")
    reviews, later = (
        next(line for line in out.splitlines() if f" {name} " in line)
        for name in ("reviews", "later")
    )
    assert "files/reviews.csv: fetched, prepared, trained" in reviews
    assert "not fetched yet" in later


def test_sync_writes_every_ledger(project: Path, seqarena: Callable[..., Ended]) -> None:
    code, out, err = seqarena("sync")
    assert code == 0, err
    counts = dict(line.split(": ") for line in out.splitlines())
    assert counts["later"] == "0 new events" != counts["reviews"]
    assert (project / "mlflow.db").is_file()
    assert seqarena("sync", "reviews").out == "reviews: 0 new events\n"


TERMINATED = """
import sys, time
from pathlib import Path
from seqarena.errors import exit_with_one_line
from seqarena.tracking.ledger import Ledger
def main():
    with Ledger(Path("ledger.jsonl"), "toy").running("search", "s"):
        print("ready", flush=True)
        time.sleep(60)
exit_with_one_line(main)
"""


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_unwinds_and_is_recorded(tmp_path: Path, sent: signal.Signals, code: int) -> None:
    command = [sys.executable, "-c", TERMINATED]
    child = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None and child.stdout.readline() == b"ready\n"
    child.send_signal(sent)
    _, errors = child.communicate(timeout=30)
    assert child.returncode == code and b"Traceback" not in errors
    (run,) = Ledger(tmp_path / "ledger.jsonl", "toy").runs().values()
    assert run.status == "KILLED"
