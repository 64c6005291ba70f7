"""What own files are taken for, and where the user is asked."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pandas as pd
import pytest
import soundfile
from PIL import Image

from seqarena.cli.add import look_at
from seqarena.errors import InputError
from seqarena.proposal.asked import Asked, Look

GOOD, BAD = "a warm and funny film", "a cold and dull film"


def reviews(path: Path, header: str = "text,label", positive: int = 30, more: str = "") -> None:
    rows = [f"{GOOD} {n},yes{more}\n" for n in range(positive)]
    rows += [f"{BAD} {n},no{more}\n" for n in range(60 - positive)]
    path.write_text(f"{header}\n" + "".join(rows))


def look(path: Path, **asked: Any) -> Look:
    return look_at(path, Asked(**asked))


@pytest.mark.parametrize(
    ("task", "examples", "epochs", "batch"),
    [
        ("classification", 1_000, 60, 16),
        ("classification", 500_000, 7, 32),
        ("transduction", 4_000, 30, 32),
        ("transduction", 500_000, 15, 32),
    ],
)
def test_a_budget_has_the_updates_that_a_task_takes(
    tmp_path: Path, task: str, examples: int, epochs: int, batch: int
) -> None:
    reviews(tmp_path / "a.csv")
    found = replace(look(tmp_path / "a.csv").proposal, task=task, examples=examples)
    protocol = found.section(None)["protocol"]
    assert (protocol["epochs"], protocol["batch_size"]) == (epochs, batch)
    assert ("epoch_examples" in protocol) == (examples > 8_000)


def test_texts_with_classes(tmp_path: Path) -> None:
    reviews(tmp_path / "a.csv", "review,stars")
    proposal = look(tmp_path / "a.csv").proposal
    assert (proposal.task, proposal.metric) == ("classification", "accuracy")
    assert proposal.columns == {"text": "review", "label": "stars"}
    section = proposal.section("preview")
    assert section["protocol"]["name"] == "preview"
    assert section["baselines"] == ["majority", "tfidf_logistic"]
    assert "lstm_attention" in section["variants"] and "conv_lstm" not in section["variants"]


@pytest.mark.parametrize("separator", [",", ";"])
def test_cells_of_several_short_names_that_recur_are_sets(tmp_path: Path, separator: str) -> None:
    sets = ["late;damaged", "late", "", "damaged; rude", "rude", "late"]
    rows = [f'{GOOD} {n}{separator}"{sets[n % 6]}"\n' for n in range(60)]
    (tmp_path / "a.csv").write_text(f"text{separator}topics\n" + "".join(rows))
    found = look(tmp_path / "a.csv")
    proposal = found.proposal
    assert (proposal.task, proposal.metric) == ("multi_label_classification", "micro_f1")
    assert proposal.columns == {"labels": "topics"}
    assert proposal.prepare["targets"] == "label_set"
    assert any("labels: late 50%, damaged 33%, rude 33%; 10 missing" in f for f in found.found)
    assert proposal.section(None)["baselines"] == ["common_labels", "tfidf_logistic_by_label"]
    asked = look(tmp_path / "a.csv", task="classification").proposal
    assert (asked.task, asked.columns) == ("classification", {"label": "topics"})


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_lists_of_short_names_that_recur_are_sets(tmp_path: Path, name: str) -> None:
    sets = [["late", "damaged"], ["late"], [], ["damaged", "rude"], ["rude"], ["late"]]
    table = pd.DataFrame(
        {
            "text": [f"{GOOD} no. {n} of year {2000 + n}".split() for n in range(60)],
            "topics": [sets[n % 6] for n in range(60)],
        }
    )
    if name == "a.jsonl":
        table.to_json(tmp_path / name, orient="records", lines=True)
    else:
        table.to_parquet(tmp_path / name)
    found = look(tmp_path / name)
    assert found.proposal.task == "multi_label_classification"
    assert found.proposal.columns == {"labels": "topics"}
    assert any("labels: late 50%, damaged 33%, rude 33%; 10 missing" in f for f in found.found)
    assert any("text: 11 words" in line for line in found.found)


@pytest.mark.parametrize(
    ("cells", "task"),
    [
        (["bad;mad", "good", "fair"], "classification"),  # always together: a name with a ;
        (["it broke; i sent it back {n}", "it is red; blue {n}", "ok {n} then"], "transduction"),
        (
            [f"it is good{'; very good' * n}, and i would buy it" for n in range(3)],
            "classification",
        ),
    ],
)
def test_what_holds_a_semicolon_is_not_always_a_set(
    tmp_path: Path, cells: list[str], task: str
) -> None:
    rows = [f'{GOOD} {n},"{cells[n % 3].format(n=n)}"\n' for n in range(60)]
    (tmp_path / "a.csv").write_text("text,target\n" + "".join(rows))
    assert look(tmp_path / "a.csv", inputs=("text",)).proposal.task == task


def test_a_text_longer_than_a_name_of_a_file_is_no_file(tmp_path: Path) -> None:
    rows = [f"{f'{GOOD} {n} ' * 20},{n % 2}\n" for n in range(30)]
    (tmp_path / "a.csv").write_text("text,label\n" + "".join(rows))
    assert look(tmp_path / "a.csv").proposal.task == "classification"


def test_classes_may_be_asked_for_as_sets(tmp_path: Path) -> None:
    reviews(tmp_path / "a.csv")
    proposal = look(tmp_path / "a.csv", task="multi_label_classification").proposal
    assert proposal.columns == {"labels": "label"}
    assert proposal.prepare["targets"] == "label_set"


def test_a_table_of_files_may_hold_sets(tmp_path: Path) -> None:
    rows = []
    for number in range(20):
        name, cell = f"{number}.wav", ("birds;rain", "rain", "birds", "")[number % 4]
        soundfile.write(tmp_path / name, np.zeros(800), 8000)
        rows.append(f"{name},{cell}\n")
    (tmp_path / "labels.csv").write_text("file,heard\n" + "".join(rows))
    proposal = look(tmp_path).proposal
    assert (proposal.modality, proposal.task) == ("audio", "multi_label_classification")
    assert proposal.columns == {"labels": "heard"}
    assert proposal.prepare["targets"] == "label_set"


def test_uneven_classes_are_judged_by_macro_f1(tmp_path: Path) -> None:
    reviews(tmp_path / "a.csv", positive=45)
    found = look(tmp_path / "a.csv")
    assert found.proposal.metric == "macro_f1"
    assert any("yes 75%, no 25%" in line for line in found.found)


def test_a_text_with_a_number_and_one_that_is_none(tmp_path: Path) -> None:
    rows = [f"{GOOD} {n},{n / 7}\n" for n in range(40)]
    (tmp_path / "a.csv").write_text("text,target\n" + "".join(rows) + f'{BAD},"1,200"\n')
    found = look(tmp_path / "a.csv")
    assert (found.proposal.task, found.proposal.prepare["targets"]) == ("regression", "number")
    assert any("no numbers: '1,200'" in line for line in found.found)


def test_names_of_files_that_say_their_class_or_their_text(tmp_path: Path) -> None:
    for number in range(20):
        Image.new("L", (30, 12), number).save(tmp_path / f"{number % 2}_ann_{number}.png")
    with pytest.raises(
        InputError, match=r"or --names '{label}_{group}_\*', if names such as 0_ann"
    ):
        look(tmp_path)
    proposal = look(tmp_path, names="{label}_{group}_*").proposal
    assert (proposal.task, proposal.section(None)["data"]["names"]) == (
        "classification",
        "{label}_{group}_*",
    )
    several = look(tmp_path, names="{labels}_{group}_*").proposal
    assert (several.task, several.prepare["targets"]) == ("multi_label_classification", "label_set")
    assert several.columns == {}
    spelled = look(tmp_path, names="{target}").proposal
    assert (spelled.task, spelled.metric) == ("transduction", "cer")


def test_pictures_keep_their_shape_and_writing_is_read_along_it(tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (50, 200, 3)).astype(np.uint8)
    (tmp_path / "signs").mkdir()
    for name in ("ab", "cd"):
        Image.fromarray(colours).save(tmp_path / "signs" / f"{name}.png")
    line = look(tmp_path / "signs", names="{target}").proposal.prepare
    assert line == {"height": 32, "width": 128, "regions": [1, 32], "targets": "characters"}
    (tmp_path / "signs" / f"{'e' * 40}.png").write_bytes((tmp_path / "signs/ab.png").read_bytes())
    longer = look(tmp_path / "signs", names="{target}").proposal.prepare
    assert (longer["height"], longer["width"], longer["regions"]) == (80, 320, [1, 80])
    turned = Image.Exif()
    turned[0x0112] = 6  # a quarter
    phone = tmp_path / "phone"
    phone.mkdir()
    for name in "xyz":
        Image.fromarray(colours[:20, :40]).save(phone / f"{name}.jpg", exif=turned)
    (phone / "z.jpg").write_bytes((phone / "x.jpg").read_bytes()[:-200])  # told by prepare
    standing = look(phone, names="{label}").proposal.prepare
    assert (standing["height"], standing["width"], standing["regions"]) == (40, 20, [10, 1])
    for label in "01":
        (tmp_path / "digits" / label).mkdir(parents=True)
        Image.fromarray(colours[:28, :28, 0]).save(tmp_path / "digits" / label / "a.png")
    assert look(tmp_path / "digits").proposal.prepare == {
        "height": 28,
        "width": 28,
        "colour": False,
    }


def test_a_header_that_looks_like_data_is_told(tmp_path: Path) -> None:
    path = tmp_path / "spa.txt"
    path.write_text(
        "Go now.\tVe ahora.\n" + "".join(f"Go {n} times.\tVe {n} veces.\n" for n in range(30))
    )
    asked = Asked(inputs=("Go now.",), targets=("Ve ahora.",))
    assert look_at(path, asked).warnings == [
        "the first row, 'Go now.', looks like data; --no-header reads it as such"
    ]
    found = look_at(path, Asked(inputs=("1",), targets=("2",), header=False))
    assert found.warnings == [] and found.proposal.task == "transduction"
    assert found.proposal.section(None)["data"]["header"] is False


def test_texts_side_by_side(tmp_path: Path) -> None:
    for language in ("de", "en"):
        (tmp_path / f"train.{language}").write_text("".join(f"Ein {n} Text.\n" for n in range(30)))
    proposal = look(tmp_path, inputs=("de",), targets=("en",)).proposal
    assert (proposal.task, proposal.columns) == ("transduction", {"text": "de", "target": "en"})


def test_pairs_of_texts_and_texts_alone(tmp_path: Path) -> None:
    lines = [{"source": f"{GOOD} {n}", "said": f"{BAD} {n}"} for n in range(9)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)))
    proposal = look(tmp_path / "a.jsonl").proposal
    assert (proposal.task, proposal.metric) == ("transduction", "bleu")
    assert proposal.columns == {"text": "source", "target": "said"}
    (tmp_path / "b.jsonl").write_text("\n".join(json.dumps({"text": f"{GOOD} {n}"}) for n in "ab"))
    assert look(tmp_path / "b.jsonl").proposal.task == "language_modelling"


def test_what_is_not_clear_names_its_option(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"one,other\n{GOOD},{BAD}\n")
    with pytest.raises(InputError, match="one, other could be the text; say which with --input"):
        look(tmp_path / "a.csv")
    reviews(tmp_path / "b.csv", "text,mood,tone", more=",x")
    reviews(tmp_path / "b.csv", "text,mood,tone", more=",yes")
    text = (tmp_path / "b.csv").read_text()
    (tmp_path / "b.csv").write_text(text.replace("no,yes", "no,no"))
    with pytest.raises(InputError, match="mood, tone could be the answer; say which with --target"):
        look(tmp_path / "b.csv")
    assert look(tmp_path / "b.csv", targets=("tone",)).proposal.columns == {"label": "tone"}
    with pytest.raises(InputError, match="--target: no column named 'ton'; did you mean 'tone'"):
        look(tmp_path / "b.csv", targets=("ton",))
    with pytest.raises(
        InputError, match="--task: no task named 'classify'; did you mean 'classification'"
    ):
        look(tmp_path / "b.csv", task="classify")


def test_a_leak_between_given_splits_is_told(tmp_path: Path) -> None:
    rows = [f"{GOOD} {n},yes,train\n{BAD} {n},no,train\n" for n in range(20)]
    again = [f"{GOOD.upper()} {n},yes,test\n" for n in range(3)] + [f"{BAD} x,no,dev\n"]
    (tmp_path / "a.csv").write_text("text,label,part\n" + "".join(rows + again))
    found = look(tmp_path / "a.csv")
    assert found.proposal.columns == {"split": "part"}
    assert found.warnings[0] == "3 texts stand in more than one of the given splits"


def test_copies_of_files_are_told(tmp_path: Path) -> None:
    for number, name in enumerate(["train/a/1", "train/a/2", "train/b/3", "test/a/4", "test/b/5"]):
        path = tmp_path / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 50 * number).save(path)
    assert look(tmp_path).warnings == []
    shutil.copy(tmp_path / "train/a/1.png", tmp_path / "train/a/6.png")
    shutil.copy(tmp_path / "train/b/3.png", tmp_path / "test/b/7.png")
    assert look(tmp_path).warnings == [
        "2 of 7 files are copies of others, such as test/b/7.png, train/b/3.png",
        "1 files stand in more than one of the given splits",
    ]


def series(path: Path, step: str, count: int = 400) -> None:
    times = np.datetime64("2020-01-06T00") + np.arange(count) * np.timedelta64(1, step)
    rows = [f"{time},{n % 7 + n / 9},{n % 5 + 0.5}\n" for n, time in enumerate(times)]
    path.write_text("when,load,heat\n" + "".join(rows))


def test_a_series_over_time(tmp_path: Path) -> None:
    series(tmp_path / "a.csv", "h", 4000)
    with pytest.raises(InputError, match="load, heat could be what is forecast; say .*--target"):
        look(tmp_path / "a.csv")
    proposal = look(tmp_path / "a.csv", targets=("load",)).proposal
    assert proposal.prepare == {
        "time": "when",
        "target": "load",
        "covariates": ["heat"],
        "lookback": 168,
        "horizon": 24,
        "season": 24,
        "stride": 1,
    }
    assert "seasonal_naive_week" in proposal.section(None)["baselines"]
    series(tmp_path / "b.csv", "D")
    section = look(tmp_path / "b.csv", targets=("load",)).proposal.section(None)
    assert (section["prepare"]["lookback"], section["prepare"]["horizon"]) == (28, 7)
    assert section["baselines"] == ["persistence", "seasonal_naive", "linear", "ets"]
    text = (tmp_path / "b.csv").read_text()
    (tmp_path / "b.csv").write_text(text + text.partition("\n")[2])
    with pytest.raises(InputError, match="the same time in 'when' stands in several rows"):
        look(tmp_path / "b.csv", targets=("load",))


@pytest.mark.parametrize(
    ("task", "metric"), [(None, "mase"), ("quantile_forecasting", "scaled_crps")]
)
def test_several_targets_of_a_series(tmp_path: Path, task: str | None, metric: str) -> None:
    path = tmp_path / "a.csv"
    series(path, "h", 4000)
    found = look(path, targets=("heat", "load"), task=task).proposal
    assert (found.prepare["target"], found.metric) == (["heat", "load"], metric)
    assert "covariates" not in found.prepare
    with pytest.raises(InputError, match="--target: no column named 'haet'; .* 'heat'"):
        look(path, targets=("load", "haet"))


def test_several_targets_of_texts_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,tone,topic\n" + "well said,1,a\nbadly put,0,b\n" * 9)
    with pytest.raises(InputError, match="--target tone --target topic: of a series .* of text"):
        look(tmp_path / "a.csv", inputs=("text",), targets=("tone", "topic"))


def test_what_is_known_ahead_of_a_series(tmp_path: Path) -> None:
    series(tmp_path / "a.csv", "D")
    text = (tmp_path / "a.csv").read_text() + "2021-02-09T00,,4.5\n"  # a row of the future
    (tmp_path / "a.csv").write_text(text)
    prepare = look(tmp_path / "a.csv", known=("heat",)).proposal.prepare
    assert (prepare["target"], prepare["known"]) == ("load", ["heat"])
    assert "covariates" not in prepare
    with pytest.raises(InputError, match="--known load: not a number at all times; .*: heat"):
        look(tmp_path / "a.csv", targets=("load",), known=("load",))
    with pytest.raises(InputError, match=r"--known heatt: not .*; that could be: heat"):
        look(tmp_path / "a.csv", targets=("load",), known=("heatt",))
    (tmp_path / "b.csv").write_text("text,label\nwell,1\n" * 9)
    with pytest.raises(InputError, match="no column is a time; say which with --input"):
        look(tmp_path / "b.csv", known=("label",))


def sound(path: Path) -> None:
    soundfile.write(path, np.zeros(8000), 8000)


def picture(path: Path) -> None:
    Image.new("RGB", (40, 30)).save(path)


def score(path: Path) -> None:
    mido.MidiFile().save(path)


FOLDERS: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "audio": ("wav", sound, "1 seconds, 95 % at most 1"),
    "image": ("png", picture, "40 pixels"),
    "signal": ("csv", lambda path: path.write_text("a,b\n1,2\n3,4\n") and None, "2 steps"),
}


@pytest.mark.parametrize("modality", FOLDERS)
def test_a_folder_of_classes(modality: str, tmp_path: Path) -> None:
    ending, write, told = FOLDERS[modality]
    for label, count in (("cat", 3), ("dog", 1)):
        (tmp_path / "own" / label).mkdir(parents=True)
        for number in range(count):
            write(tmp_path / "own" / label / f"{number}.{ending}")
    (tmp_path / "own" / "notes.txt").write_text("")
    found = look(tmp_path / "own")
    assert (found.proposal.modality, found.proposal.task) == (modality, "classification")
    assert found.proposal.metric == "macro_f1"
    lines = "\n".join(found.found)
    assert told in lines and "left out: 1 .txt" in lines and "cat 75%, dog 25%" in lines


def test_a_list_of_files_and_a_folder_of_scores(tmp_path: Path) -> None:
    (tmp_path / "own" / "clips").mkdir(parents=True)
    rows = ["path\tsentence\n"]
    for number in range(4):
        sound(tmp_path / "own" / "clips" / f"{number}.wav")
        rows.append(f"clips/{number}.wav\tsay the number {number}\n")
    (tmp_path / "own" / "labels.tsv").write_text("".join(rows))
    proposal = look(tmp_path / "own").proposal
    assert (proposal.modality, proposal.task, proposal.metric) == ("audio", "transduction", "wer")
    assert proposal.columns == {"file": "path", "target": "sentence"}
    shutil.move(tmp_path / "own" / "labels.tsv", tmp_path / "own" / "validated.tsv")
    assert look(tmp_path / "own" / "validated.tsv").proposal.columns == proposal.columns
    score(tmp_path / "a.mid")
    (tmp_path / "midi").mkdir()
    shutil.move(tmp_path / "a.mid", tmp_path / "midi" / "a.mid")
    assert look(tmp_path / "midi").proposal.task == "music_modelling"


def test_of_a_long_table_few_rows_judge(tmp_path: Path) -> None:
    rows = [f"{(GOOD, BAD)[n % 2]} {n},{n % 2}\n" for n in range(150_000)]
    (tmp_path / "a.csv").write_text("text,label\n" + "".join(rows))
    found = look(tmp_path / "a.csv")
    assert found.found[0].endswith("150,000 rows, of which 20,000 were drawn and looked at")
    prepare = found.proposal.prepare
    assert (prepare["valid"], prepare["test"]) == (0.02, 0.0667)
    assert found.proposal.section(None)["protocol"]["epoch_examples"] == 8_000
    reviews(tmp_path / "few.csv")
    assert not {"valid", "test"} & look(tmp_path / "few.csv").proposal.prepare.keys()


def test_a_table_that_is_sorted_is_looked_at_in_all_its_parts(tmp_path: Path) -> None:
    rows = [f"{'so ' * (1 + n // 1000)}it is {n},{n // 30_000}\n" for n in range(60_000)]
    (tmp_path / "a.csv").write_text("text,label\n" + "".join(rows))
    found = look(tmp_path / "a.csv")
    assert "median 3" not in found.found[1] and "longest 6" in found.found[1]
    assert found.proposal.prepare["max_length"] == 60
    assert "class: 0 51%, 1 49%" in found.found[2]


def test_a_list_of_files_says_by_its_names_what_is_asked(tmp_path: Path) -> None:
    rows = ["file,label,group\n"]
    for number in range(20):
        sound(tmp_path / f"{number}.wav")
        rows.append(f"{number}.wav,{'ab'[number % 2]},source {number % 3}\n")
    (tmp_path / "labels.csv").write_text("".join(rows))
    proposal = look(tmp_path).proposal
    assert proposal.task == "classification"
    assert not proposal.columns, "they have the names that are read"
    assert look(tmp_path, targets=("group",)).proposal.columns["label"] == "group"


def test_files_without_classes_are_refused(tmp_path: Path) -> None:
    for number in range(3):
        sound(tmp_path / f"7_ann_{number}.wav")
    with pytest.raises(InputError, match=r"all files lie in one folder; .* a table labels\.\*"):
        look(tmp_path)


def test_what_holds_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "all.zip").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"own: expected recordings.*; found 1 \.zip"):
        look(tmp_path / "own")
    with pytest.raises(InputError, match="gone: no such file or folder"):
        look(tmp_path / "gone")


def test_what_has_no_words_is_read_by_characters(tmp_path: Path) -> None:
    rows = [f"{'GATTACA' * 3}{number:05b},{number % 2}\n" for number in range(32)]
    (tmp_path / "a.csv").write_text("text,label\n" + "".join(rows))
    prepare = look(tmp_path / "a.csv").proposal.prepare
    assert (prepare["units"], prepare["max_length"]) == ("characters", 26)


def test_a_script_without_blanks_has_a_word_for_each_character(tmp_path: Path) -> None:
    sentence = "\u6f14\u5458\u7684\u8868\u6f14\u5341\u5206\u611f\u4eba\u800c\u4e14\u6709\u8da3"
    rows = [f"{sentence}{chr(0x4E00 + number)},{number % 2}\n" for number in range(40)]
    (tmp_path / "a.csv").write_text("text,label\n" + "".join(rows))
    prepare = look(tmp_path / "a.csv").proposal.prepare
    assert ("units" in prepare, prepare["max_length"]) == (False, 14)


def panel(path: Path, shops: dict[str, int], extra: dict[str, list[str]] | None = None) -> None:
    """Write a table of shops with so many days each, and cells of each shop beside them."""
    more = extra or {}
    rows = [",".join(["when", "shop", "sold", "open", *more])]
    for number, (shop, count) in enumerate(shops.items()):
        times = np.datetime64("2020-01-06") + np.arange(count)
        own = [cells[number] for cells in more.values()]
        rows += [
            ",".join([str(time), shop, f"{n / 7 + number:.3f}", str(n % 9), *own])
            for n, time in enumerate(times)
        ]
    path.write_text("\n".join(rows) + "\n")


def test_several_series_in_one_table(tmp_path: Path) -> None:
    shops = {"north": 400, "south": 300, "east": 400, "west": 400, "mid": 400, "far": 90}
    region = {"region": ["a", "a", "b", "b", "a", "b"], "size": ["1", "2", "3", "4", "5", "6.5"]}
    panel(tmp_path / "a.csv", shops, region)
    found = look(tmp_path / "a.csv", targets=("sold",))
    assert any(line.split()[:2] == ["when", "time:"] for line in found.found)
    assert found.proposal.prepare == {
        "time": "when",
        "target": "sold",
        "series": "shop",
        "covariates": ["open"],
        "static": ["region", "size"],
        "lookback": 28,
        "horizon": 7,
        "season": 7,
        "stride": 1,
        "valid": 0.2,
        "test": 0.2,
    }


def test_what_tells_series_apart_is_asked_for_where_it_is_not_clear(tmp_path: Path) -> None:
    shops = dict.fromkeys(("1", "2", "3"), 120)
    panel(tmp_path / "a.csv", shops, {"town": ["Ulm", "Bonn", "Köln"]})
    with pytest.raises(InputError, match="shop, town could be the name of a series; .*--series"):
        look(tmp_path / "a.csv", targets=("sold",))
    prepare = look(tmp_path / "a.csv", targets=("sold",), series="shop").proposal.prepare
    assert prepare["series"] == "shop" and "static" not in prepare, "town would say it again"
    assert prepare["covariates"] == ["open"]
    with pytest.raises(InputError, match="--series open: has empty cells, or rows of one 'when'"):
        look(tmp_path / "a.csv", targets=("sold",), series="open")
    with pytest.raises(InputError, match="--series: no column named 'shops'; did you mean 'shop'"):
        look(tmp_path / "a.csv", targets=("sold",), series="shops")
    panel(tmp_path / "b.csv", {"1": 120, " 1": 120})
    with pytest.raises(InputError, match="no column tells them apart; --series COLUMN"):
        look(tmp_path / "b.csv", targets=("sold",))


def test_test_has_groups_enough_to_judge_by(tmp_path: Path) -> None:
    for groups, share in ((4, None), (45, 0.3), (200, 0.15), (400, None)):
        rows = [f"{(GOOD, BAD)[n % 2]} {n},{n % 2},{n % groups}\n" for n in range(1_200)]
        (tmp_path / "a.csv").write_text("text,label,customer\n" + "".join(rows))
        proposal = look(tmp_path / "a.csv").proposal
        assert proposal.columns["group"] == "customer"
        assert proposal.prepare.get("test") == share


def test_rows_at_any_times_are_no_grid_with_gaps(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name, spread in (("any", 3_000), ("jitter", 20)):
        seconds = 3_600 * np.arange(1, 801) + random.integers(-spread // 2, spread // 2, 800)
        seconds = np.sort(seconds + (random.integers(0, 40_000, 800) if name == "any" else 0))
        times = pd.Timestamp("2024-03-01") + pd.to_timedelta(seconds, unit="s")
        frame = pd.DataFrame({"at": times, "glucose": random.normal(size=800)})
        frame.drop_duplicates("at").to_csv(tmp_path / f"{name}.csv", index=False)
    found = look(tmp_path / "any.csv").proposal
    assert found.prepare["irregular"] and found.prepare["season"] == 1
    assert found.section(None)["baselines"] == ["persistence", "linear"]
    assert "irregular" not in look(tmp_path / "jitter.csv").proposal.prepare


def spelled(path: Path, header: str, answer: str) -> None:
    """Write rows by a template of a name of four letters, a number and one of two labels."""
    rows = []
    for number in range(60):
        name = "".join(chr(97 + (number * step) % 23) for step in (1, 3, 7, 5))
        label = ("fr", "pl")[number % 2]
        rows.append(answer.format(name=name, number=number, label=label))
    path.write_text("\n".join([header, *rows]) + "\n")


def test_names_of_one_word_are_read_letter_by_letter(tmp_path: Path) -> None:
    spelled(tmp_path / "a.csv", "surname,country", "{name}{number:02d},{label}")
    proposal = look(tmp_path / "a.csv").proposal
    assert (proposal.task, proposal.metric) == ("classification", "accuracy")
    assert proposal.columns == {"text": "surname", "label": "country"}
    assert (proposal.prepare["units"], proposal.prepare["max_length"]) == ("characters", 8)


def test_words_that_are_written_are_spelled(tmp_path: Path) -> None:
    spelled(tmp_path / "a.csv", "lemma,form", "{name},ge{name}t")
    with pytest.raises(InputError, match="lemma, form could be the text; say which with --input"):
        look(tmp_path / "a.csv")
    proposal = look(tmp_path / "a.csv", inputs=("lemma",), targets=("form",)).proposal
    assert (proposal.task, proposal.metric) == ("transduction", "cer")
    assert proposal.columns == {"text": "lemma", "target": "form"}
    assert (proposal.prepare["units"], proposal.prepare["targets"]) == ("characters", "characters")


def test_an_answer_that_is_not_seen_is_told(tmp_path: Path) -> None:
    spelled(tmp_path / "a.csv", "written,iso", "the {number}th day of March,1999-03-{number:02d}")
    lines = (tmp_path / "a.csv").read_text().splitlines()
    (tmp_path / "a.csv").write_text("\n".join([lines[0], *lines[2:32]]))
    found = look(tmp_path / "a.csv")
    assert found.proposal.task == "language_modelling"
    assert "no column answers; --target iso learns to write that" in found.warnings
    proposal = look(tmp_path / "a.csv", targets=("iso",)).proposal
    assert (proposal.task, proposal.metric) == ("transduction", "cer")
    assert proposal.prepare["targets"] == "characters"
    spelled(tmp_path / "b.csv", "id,text", f"{{name}}{{number}},{GOOD} {{number}}")
    alone = look(tmp_path / "b.csv")
    assert alone.proposal.task == "language_modelling"
    assert not [line for line in alone.warnings if "no column answers" in line]


def test_years_that_follow_each_other_are_the_times_of_a_series(tmp_path: Path) -> None:
    rows = [f"{year},{year % 7}.5\n" for year in range(1900, 1960)]
    (tmp_path / "a.csv").write_text("year,x\n" + "".join(rows))
    proposal = look(tmp_path / "a.csv").proposal
    assert (proposal.task, proposal.modality) == ("forecasting", "series")
    assert (proposal.prepare["time"], proposal.prepare["target"]) == ("year", "x")
    assert proposal.prepare["horizon"] == 2
    films = [f"{GOOD} {year},{year},{year % 7}.5\n" for year in range(1900, 1960)]
    (tmp_path / "b.csv").write_text("text,year,score\n" + "".join(films))
    assert look(tmp_path / "b.csv").proposal.task == "regression"


def test_a_lookback_is_of_whole_seasons_and_of_two_where_the_series_is_long_enough(
    tmp_path: Path,
) -> None:
    for months, lookback, able in ((144, 24, True), (100, 12, False), (36, 12, False)):
        times = pd.period_range("2010-01", periods=months, freq="M").strftime("%Y-%m-%d")
        rows = [f"{time},{month % 12}.5\n" for month, time in enumerate(times)]
        (tmp_path / "a.csv").write_text("month,sales\n" + "".join(rows))
        section = look(tmp_path / "a.csv").proposal.section(None)
        assert section["prepare"]["lookback"] == lookback
        assert ("ets" in section["baselines"]) == able


def test_clocks_that_are_set_back_ask_for_their_place(tmp_path: Path) -> None:
    times = pd.date_range("2022-10-01", periods=900, freq="h", tz="Europe/Madrid")
    local = times.tz_localize(None).strftime("%Y-%m-%d %H:%M")
    rows = [f"{time},{hour % 24}.5\n" for hour, time in enumerate(local)]
    (tmp_path / "a.csv").write_text("ts,y\n" + "".join(rows))
    with pytest.raises(InputError, match="2022-10-30 02:00 stands twice in 'ts'.*--timezone PLACE"):
        look(tmp_path / "a.csv")
    prepare = look(tmp_path / "a.csv", timezone="Europe/Madrid").proposal.prepare
    assert (prepare["timezone"], prepare["lookback"], prepare["season"]) == (
        "Europe/Madrid",
        144,
        24,
    )


DATED = {  # a way to write days from the 5th to the 30th of January on, and the one that reads it
    "%d.%m.%Y": "%d.%m.%Y",
    "%m/%d/%Y": "%m/%d/%Y",
    "%d/%m/%Y %H:%M": "%d/%m/%Y %H:%M",
    "%b %d, %Y": "%b %d, %Y",
    "%d %B %Y": "%d %B %Y",
    "%Y%m%d": None,
    "%Y-%m-%d": None,
    "%s": "seconds",
    "quarter": "quarter",
}


@pytest.mark.parametrize("written", DATED)
def test_times_are_read_as_people_write_them(written: str, tmp_path: Path) -> None:
    days = pd.date_range("2020-01-05", periods=100, freq="D")
    cells = {
        "%s": [str(int(day.timestamp())) for day in days],
        "quarter": [str(quarter) for quarter in pd.period_range("1990Q1", periods=100, freq="Q")],
    }.get(written) or list(days.strftime(written))
    rows = [f'"{cell}",{number % 7}.5\n' for number, cell in enumerate(cells)]
    (tmp_path / "a.csv").write_text("timestamp,y\n" + "".join(rows))
    found = look(tmp_path / "a.csv")
    assert any(line.endswith(f"time: {cells[0]} to {cells[-1]}") for line in found.found)
    proposal = found.proposal
    assert (proposal.task, proposal.prepare["time"]) == ("forecasting", "timestamp")
    assert proposal.prepare.get("time_format") == DATED[written]
    assert proposal.prepare["horizon"] == (4 if written == "quarter" else 7)


def test_a_day_that_may_be_a_month_is_asked_about(tmp_path: Path) -> None:
    rows = [f"01/{month:02d}/{year},1.5\n" for year in range(2000, 2010) for month in range(1, 13)]
    (tmp_path / "a.csv").write_text("day,y\n" + "".join(rows))
    with pytest.raises(InputError, match="may be %d/%m/%Y or %m/%d/%Y; say which with --time-for"):
        look(tmp_path / "a.csv")
    prepare = look(tmp_path / "a.csv", time_format="%d/%m/%Y").proposal.prepare
    assert (prepare["time_format"], prepare["season"]) == ("%d/%m/%Y", 12)
    with pytest.raises(InputError, match=r"--time-format %d\.%m\.%Y: expected a time such as 31\."):
        look(tmp_path / "a.csv", time_format="%d.%m.%Y")
    with pytest.raises(InputError, match="--time-format dd/mm: expected codes such as"):
        look(tmp_path / "a.csv", time_format="dd/mm")


def test_dates_alone_are_texts(tmp_path: Path) -> None:
    days = pd.date_range("2020-01-05", periods=100, freq="D")
    rows = [f"{day:%d %B %Y},{day:%Y-%m-%d}\n" for day in days]
    (tmp_path / "a.csv").write_text("written,iso\n" + "".join(rows))
    proposal = look(tmp_path / "a.csv", inputs=("written",), targets=("iso",)).proposal
    assert (proposal.task, proposal.metric) == ("transduction", "cer")
