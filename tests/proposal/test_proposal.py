"""What own files are taken for, and where the user is asked."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile
from PIL import Image

from seqarena.cli.add import look_at
from seqarena.errors import InputError
from seqarena.proposal.tables import Asked, Look

GOOD, BAD = "a warm and funny film", "a cold and dull film"


def reviews(path: Path, header: str = "text,label", positive: int = 30, more: str = "") -> None:
    rows = [f"{GOOD} {n},yes{more}\n" for n in range(positive)]
    rows += [f"{BAD} {n},no{more}\n" for n in range(60 - positive)]
    path.write_text(f"{header}\n" + "".join(rows))


def look(path: Path, **asked: str) -> Look:
    return look_at(path, Asked(**asked))


def test_texts_with_classes(tmp_path: Path) -> None:
    reviews(tmp_path / "a.csv", "review,stars")
    proposal = look(tmp_path / "a.csv").proposal
    assert (proposal.task, proposal.metric) == ("classification", "accuracy")
    assert proposal.columns == {"text": "review", "label": "stars"}
    section = proposal.section("preview")
    assert section["protocol"]["name"] == "preview"
    assert section["baselines"] == ["majority", "tfidf_logistic"]
    assert "lstm_attention" in section["variants"] and "conv_lstm" not in section["variants"]


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
    spelled = look(tmp_path, names="{target}").proposal
    assert (spelled.task, spelled.metric) == ("transduction", "cer")


def test_a_header_that_looks_like_data_is_told(tmp_path: Path) -> None:
    path = tmp_path / "spa.txt"
    path.write_text(
        "Go now.\tVe ahora.\n" + "".join(f"Go {n} times.\tVe {n} veces.\n" for n in range(30))
    )
    asked = Asked(input="Go now.", target="Ve ahora.")
    assert look_at(path, asked).warnings == [
        "the first row, 'Go now.', looks like data; --no-header reads it as such"
    ]
    found = look_at(path, Asked(input="1", target="2", header=False))
    assert found.warnings == [] and found.proposal.task == "transduction"
    assert found.proposal.section(None)["data"]["header"] is False


def test_texts_side_by_side(tmp_path: Path) -> None:
    for language in ("de", "en"):
        (tmp_path / f"train.{language}").write_text("".join(f"Ein {n} Text.\n" for n in range(30)))
    proposal = look(tmp_path, input="de", target="en").proposal
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
    assert look(tmp_path / "b.csv", target="tone").proposal.columns == {"label": "tone"}
    with pytest.raises(InputError, match="--target: no column named 'ton'; did you mean 'tone'"):
        look(tmp_path / "b.csv", target="ton")
    with pytest.raises(InputError, match="no task of a table named 'classify'"):
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
    proposal = look(tmp_path / "a.csv", target="load").proposal
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
    section = look(tmp_path / "b.csv", target="load").proposal.section(None)
    assert (section["prepare"]["lookback"], section["prepare"]["horizon"]) == (28, 7)
    assert section["baselines"] == ["persistence", "seasonal_naive", "linear"]
    text = (tmp_path / "b.csv").read_text()
    (tmp_path / "b.csv").write_text(text + text.partition("\n")[2])
    with pytest.raises(InputError, match="the same time in 'when' stands in several rows"):
        look(tmp_path / "b.csv", target="load")


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
