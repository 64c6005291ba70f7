"""The user's own tables: every form, every name of a column, and what is wrong with which row."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from seqarena.config import Experiment, OwnData, parse
from seqarena.data.labelled import read_manifest
from seqarena.data.targets import TARGETS
from seqarena.data.timeline import read_timeline
from seqarena.datasets import dataset
from seqarena.errors import InputError, InputWarning

ROWS = [("a “good” film", "4"), ("a; b, c\td", "1"), ("two\nlines", "4"), ("x\u2028y\x85z", "1")]
COLUMNS = {"text": "review", "label": "stars"}


def frame(rows: list[tuple[str, str]] = ROWS) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["review", "stars"])


def as_lines() -> str:
    lines = [json.dumps({"review": text, "stars": int(stars)}) for text, stars in ROWS]
    return "\n".join(lines) + "\n"


def as_json_lines(path: Path) -> None:
    path.write_text(as_lines())


def as_json(path: Path) -> None:
    path.write_text(json.dumps([{"review": text, "stars": int(stars)} for text, stars in ROWS]))


def as_arrow_file(path: Path) -> None:
    table = pa.table({"review": [text for text, _ in ROWS], "stars": [int(n) for _, n in ROWS]})
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=3)


def as_saved(path: Path) -> None:
    """As the library `datasets` saves a data set: classes are numbers, with names beside."""
    stars = {"names": ["1", "4"], "_type": "ClassLabel"}
    save(path, {"review": [text for text, _ in ROWS], "stars": [1, 0, 1, 0]}, {"stars": stars})


def save(path: Path, columns: dict[str, list[Any]], features: dict[str, Any]) -> None:
    path.mkdir()
    table = pa.table(columns)
    for number in range(2):
        part = table.slice(2 * number, 2)
        name = str(path / f"data-{number}.arrow")
        with pa.OSFile(name, "wb") as file, pa.ipc.new_stream(file, part.schema) as writer:
            writer.write_table(part)
    files = [{"filename": f"data-{number}.arrow"} for number in range(2)]
    (path / "state.json").write_text(json.dumps({"_data_files": files}))
    (path / "dataset_info.json").write_text(json.dumps({"features": features}))


FORMS: dict[str, Callable[[Path], Any]] = {
    "a.csv": lambda path: frame().to_csv(path, index=False),
    "excel.csv": lambda path: frame().to_csv(path, index=False, sep=";", encoding="utf-8-sig"),
    "bars.txt": lambda path: frame().to_csv(path, index=False, sep="|"),
    "a.tsv": lambda path: frame().to_csv(path, index=False, sep="\t"),
    "packed.csv.gz": lambda path: frame().to_csv(path, index=False),
    "packed.jsonl.gz": lambda path: path.write_bytes(gzip.compress(as_lines().encode())),
    "a.parquet": lambda path: frame().astype({"stars": int}).to_parquet(path),
    "a.feather": lambda path: frame().astype({"stars": int}).to_feather(path),
    "a.arrow": as_arrow_file,
    "a.jsonl": as_json_lines,
    "lines.json": as_json_lines,
    "a.json": as_json,
    "a.json.gz": lambda path: frame().astype({"stars": int}).to_json(path, orient="records"),
    "saved": as_saved,
}


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    (tmp_path / "raw").mkdir()
    return tmp_path / "raw"


def read(path: Path, raw: Path, **reading: Any) -> list[tuple[str, str, str | None]]:
    own = parse(OwnData, {"path": str(path), "columns": COLUMNS, **reading}, "own")
    dataset(own, "text").write(raw)
    return [(r.item, r.target, r.split) for r in read_manifest(raw / "examples.csv", "text")]


@pytest.mark.parametrize("name", FORMS)
def test_a_table_of_any_form_has_the_same_rows(name: str, tmp_path: Path, raw: Path) -> None:
    FORMS[name](tmp_path / name)
    assert read(tmp_path / name, raw) == [(text, stars, None) for text, stars in ROWS]


def test_what_a_sheet_leaves_behind_is_nothing(tmp_path: Path, raw: Path) -> None:
    """Columns without a name or a cell, and rows of separators alone."""
    (tmp_path / "a.csv").write_text("review;stars;;\nbad, bad;1;;\n;;;\ngood;4;;\n;;;\n")
    assert [row[:2] for row in read(tmp_path / "a.csv", raw)] == [("bad, bad", "1"), ("good", "4")]


def test_tables_of_a_glob_follow_one_another(tmp_path: Path, raw: Path) -> None:
    frame(ROWS[:2]).to_csv(tmp_path / "part-0.csv", index=False)
    frame(ROWS[2:]).to_csv(tmp_path / "part-1.csv", index=False)
    assert [row[0] for row in read(tmp_path / "part-*.csv", raw)] == [text for text, _ in ROWS]
    (tmp_path / "part-2.csv").write_text("review,star\nx,1\n")
    with pytest.raises(InputError, match=r"part-2\.csv: columns: no column named 'stars'"):
        read(tmp_path / "part-*.csv", raw)


@pytest.mark.parametrize("name", ["{}", "{}-00000-of-00001", "SST_{}"])
def test_tables_of_a_folder_are_its_splits(name: str, tmp_path: Path, raw: Path) -> None:
    (tmp_path / "sst").mkdir()
    for split, row in zip(("train", "DEV", "test"), ROWS, strict=False):
        frame([row]).to_csv(tmp_path / "sst" / f"{name.format(split)}.tsv", index=False, sep="\t")
    found = {split: text for text, _, split in read(tmp_path / "sst", raw)}
    assert found == {"train": ROWS[0][0], "valid": ROWS[1][0], "test": ROWS[2][0]}
    (tmp_path / "sst" / "more.tsv").write_text("review\tstars\n")
    with pytest.raises(InputError, match=r"more\.tsv: in a folder of tables each is a split"):
        read(tmp_path / "sst", raw)


def test_a_table_without_a_header_has_numbered_columns(tmp_path: Path, raw: Path) -> None:
    path = tmp_path / "pairs.txt"
    path.write_text('Go.\tVe.\nSay "hi".\tDi «hola».\n')
    asked = {"columns": {"text": 1, "label": "2"}, "header": False, "quotes": False}
    assert read(path, raw, **asked) == [
        ("Go.", "Ve.", None),
        ('Say "hi".', "Di «hola».", None),
    ]
    path.write_text("Go.\tVe.\nOh!\n")
    with pytest.raises(InputError, match=r"line 2: expected 2 cells, as in the first row, found 1"):
        read(path, raw, **asked)


def parallel(folder: Path, **lines: str) -> None:
    folder.mkdir()
    for name, text in lines.items():
        path = folder / name.replace("_", ".")
        path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


def test_texts_side_by_side_are_pairs_and_their_names_splits(tmp_path: Path, raw: Path) -> None:
    texts = {
        "train_de_gz": "Ein Hund.\nEine \u201eKatze\u201c, weiß.\n",
        "train_en_gz": "A dog.\nA 'cat', white.\n",
        "val_de_gz": "Ja.\n",
        "val_en_gz": "Yes.\n",
    }
    parallel(tmp_path / "m", **texts)
    (tmp_path / "m" / "README.md").write_text("about\n")
    columns = {"columns": {"text": "de", "label": "en"}}
    assert read(tmp_path / "m", raw, **columns) == [
        ("Ein Hund.", "A dog.", "train"),
        ("Eine \u201eKatze\u201c, weiß.", "A 'cat', white.", "train"),
        ("Ja.", "Yes.", "valid"),
    ]
    parallel(tmp_path / "n", all_de="Ja.\nNein.\n", all_en="Yes.\n")
    with pytest.raises(InputError, match=r"all\.en: ends before line 2, which .*all\.de has"):
        read(tmp_path / "n", raw, **columns)


def test_a_damaged_packed_table_is_told(tmp_path: Path, raw: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(("review,stars\n" + "good,1\n" * 999).encode())[:-20])
    with pytest.raises(InputError, match=r"a\.csv\.gz: damaged, not what gzip packs"):
        read(path, raw)


def test_splits_saved_by_a_library_are_honoured(tmp_path: Path, raw: Path) -> None:
    (tmp_path / "saved").mkdir()
    as_saved(tmp_path / "saved" / "train")
    as_saved(tmp_path / "saved" / "validation")
    (tmp_path / "saved" / "dataset_dict.json").write_text('{"splits": ["train", "validation"]}')
    assert [row[2] for row in read(tmp_path / "saved", raw)] == ["train"] * 4 + ["valid"] * 4


def test_a_split_may_have_its_usual_names(tmp_path: Path, raw: Path) -> None:
    table = frame().assign(split=["Train", "validation", "test", "training"])
    table.to_csv(tmp_path / "a.csv", index=False)
    assert [row[2] for row in read(tmp_path / "a.csv", raw)] == ["train", "valid", "test", "train"]


SETS = [["late", "damaged"], [], ["rude"]]
LIST_FORMS: dict[str, Callable[[pd.DataFrame, Path], Any]] = {
    "a.jsonl": lambda table, path: table.to_json(path, orient="records", lines=True),
    "a.json": lambda table, path: table.to_json(path, orient="records"),
    "a.parquet": lambda table, path: table.to_parquet(path),
}


def lists_read(
    table: pd.DataFrame, name: str, raw: Path, targets: str, **columns: str
) -> list[tuple[str, str]]:
    LIST_FORMS[name](table, raw.parent / name)
    own = OwnData(path=str(raw.parent / name), columns=columns)
    dataset(own, "text", targets=targets).write(raw)
    found = read_manifest(raw / "examples.csv", "text", TARGETS[targets])
    return [(row.item, row.target) for row in found]


@pytest.mark.parametrize("name", LIST_FORMS)
def test_a_list_is_what_its_column_asks_for(name: str, raw: Path) -> None:
    words = [["it", "came", "late"], ["all", "is", "well"], ["he", "was", "rude"]]
    table = pd.DataFrame({"text": words, "labels": SETS})
    texts = ["it came late", "all is well", "he was rude"]
    sets = lists_read(table, name, raw, "label_set")
    assert sets == list(zip(texts, ["late;damaged", "", "rude"], strict=True))
    steps = lists_read(table.assign(labels=[["O", "O", "B"]] * 3), name, raw, "labels")
    assert steps == [(text, "O O B") for text in texts]
    written = lists_read(table, name, raw, "words", target="text", text="text")
    assert written == list(zip(texts, texts, strict=True))


def test_classes_in_lists_have_their_names(tmp_path: Path, raw: Path) -> None:
    tag = {"feature": {"names": ["O", "B-x"], "_type": "ClassLabel"}, "_type": "Sequence"}
    rows = {"text": [["a", "b"]] * 4, "labels": [[0, 1], [1, 0], [1, 1], [0, 0]]}
    save(tmp_path / "saved", rows, {"labels": tag})
    dataset(str(tmp_path / "saved"), "text", targets="labels").write(raw)
    found = read_manifest(raw / "examples.csv", "text", TARGETS["labels"])
    assert [row.target for row in found] == ["O B-x", "B-x O", "B-x B-x", "O O"]


@pytest.mark.parametrize(
    ("targets", "labels", "message"),
    [
        ("label_set", ["a;b"], "column 'labels': expected items without ';' in them, found 'a;b'"),
        ("labels", ["O", "B x"], "column 'labels': .* without ' ' in them, found 'B x'"),
        ("labels", ["O", ""], "column 'labels': .* found an empty one"),
        ("label", ["a", "b"], "column 'label': 2 labels, expected one; .*label_set}` takes"),
    ],
)
def test_a_list_that_would_be_read_as_another_is_refused(
    raw: Path, targets: str, labels: list[str], message: str
) -> None:
    column = TARGETS[targets].column
    table = pd.DataFrame({"text": [["a", "b"]] * 2, column: [["a", "b"][: len(labels)], labels]})
    with pytest.raises(InputError, match=rf"a\.jsonl line (1|2): {message}"):
        lists_read(table, "a.jsonl", raw, targets)


BAD: dict[str, tuple[bytes, str]] = {
    "cp1252.csv": (b"review,stars\na,1\n\xe9,2\n", r"line 3: the byte 0xe9 is not UTF-8.*cp1252"),
    "open.tsv": (b'review\tstars\na\t1\n"b\t1\nc\t1\n', r"tsv line 3: .*`quotes: false`"),
    "short.csv": (b"review,stars\na,1\nb\n", "line 3: expected 2 cells, as in the header, found 1"),
    "twice.csv": (b"review,stars,stars\na,1,2\n", "two columns are named 'stars'"),
    "other.csv": (b"reviews,stars\na,1\n", "no column named 'review'; did you mean 'reviews'"),
    "empty.csv": (b"", "empty file"),
    "head.csv": (b"review,stars\n", "no rows"),
    "a.jsonl": (b'{"review": "a", "stars": 1}\n{"review": \n', "jsonl line 2: not JSON"),
    "a.json": (b'{"review": "a"}', "expected a list of objects"),
    "unnamed.csv": (b"review,,stars,,\na,,1,,\nb,,2,,x\n", "line 3: expected 3 cells.*found 5"),
    "within.csv": (b"review,,,stars\na,,,1\n", "two columns have no name"),
    "b.json": (b'[{"review": "a"}', "b.json: not JSON: .*line 1"),
    "a.parquet": (b"PAR1 not", "not a readable Arrow or Parquet table"),
    "a.docx": (b"PK", r"expected a table \(\.csv"),
    "a.xlsx": (b"PK", "found '.xlsx': save the sheet as CSV"),
    "a.csv.zip": (b"PK", "found '.zip': unpack it"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_told_by_its_place(name: str, tmp_path: Path, raw: Path) -> None:
    content, message = BAD[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read(tmp_path / name, raw)
    assert name in str(caught.value)


def test_objects_need_not_have_the_same_keys(tmp_path: Path, raw: Path) -> None:
    lines = ['{"review": "a", "stars": 1, "by": "x"}', '{"review": "b", "stars": 4, "votes": 2}']
    (tmp_path / "a.json").write_text("\n".join([*lines, lines[1]]))
    with pytest.warns(InputWarning) as told:
        assert [row[:2] for row in read(tmp_path / "a.json", raw)] == [
            ("a", "1"),
            *[("b", "4")] * 2,
        ]
    left_out = "a.json line 2: the key 'votes', which the first row has not, is left out"
    assert [message for each in told if left_out in (message := str(each.message))] == [
        f"{tmp_path}/{left_out}"
    ]


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_what_is_no_text_takes_nothing_from_the_others(
    name: str, tmp_path: Path, raw: Path
) -> None:
    LIST_FORMS[name](frame().assign(by=[{"name": "x"}] * 4), tmp_path / name)
    with pytest.warns(InputWarning, match="column 'by' has objects, which are read as empty cells"):
        assert [row[:2] for row in read(tmp_path / name, raw)] == ROWS
    LIST_FORMS[name](frame().assign(stars=[{"n": 1}] * 4), tmp_path / name)
    with (
        pytest.warns(InputWarning, match="column 'stars' has objects"),
        pytest.raises(InputError, match="1: the cell 'label' is empty"),
    ):
        read(tmp_path / name, raw)


def test_an_encoding_and_quotes_that_are_none(tmp_path: Path, raw: Path) -> None:
    (tmp_path / "a.csv").write_bytes("review,stars\ncafé,1\n".encode("cp1252"))
    assert read(tmp_path / "a.csv", raw, encoding="cp1252") == [("café", "1", None)]
    (tmp_path / "a.tsv").write_text('review\tstars\n"open\t1\n')
    assert read(tmp_path / "a.tsv", raw, quotes=False) == [('"open', "1", None)]
    with pytest.raises(InputError, match=r"own\.encoding: expected an encoding such as utf-8"):
        read(tmp_path / "a.csv", raw, encoding="latin-x")


def test_a_row_is_named_by_the_users_own_file(tmp_path: Path, raw: Path) -> None:
    frame([*ROWS, ("last", "")]).to_parquet(tmp_path / "mine.parquet")
    with pytest.raises(InputError, match=r"mine\.parquet row 5: the cell 'label' is empty"):
        read(tmp_path / "mine.parquet", raw)


def test_a_column_that_is_missing_is_asked_for(tmp_path: Path, raw: Path) -> None:
    frame().to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(InputError, match=r"a\.csv: no column 'text'; `columns: \{text: …\}` says"):
        read(tmp_path / "a.csv", raw, columns={})
    own = {"path": "a.csv", "columns": {"txt": "review"}}
    entry = {"data": own, "modality": "text", "task": "t", "metric": "m", "variants": ["gru"]}
    with pytest.raises(InputError, match=r"e\.data.*no column 'txt' is read; did you mean 'text'"):
        parse(Experiment, entry, "e")


def test_decimal_commas_between_semicolons_are_numbers(tmp_path: Path, raw: Path) -> None:
    (tmp_path / "a.csv").write_text("t;y\n2020-01-01;1.200,5\n2020-01-02;-3,25\n2020-01-03;7\n")
    dataset(str(tmp_path / "a.csv"), "series").write(raw)
    values = read_timeline(raw / "series.csv", "t", ("y",), max_gap=0).values
    assert values[:, 0].tolist() == [1200.5, -3.25, 7]
    (tmp_path / "b.csv").write_text('t,y\n2020-01-01,"1,200"\n2020-01-02,3\n')
    dataset(str(tmp_path / "b.csv"), "series").write(raw)
    with pytest.raises(InputError, match=r"b\.csv line 2: column 'y': expected a number, found"):
        read_timeline(raw / "series.csv", "t", ("y",), max_gap=0)
