"""Manifests, splits and what becomes of them on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np
import pytest

from seqarena.config import parse
from seqarena.data.labelled import (
    LabelledOptions,
    read_manifest,
    write_labelled,
)
from seqarena.data.rows import Row, Rows
from seqarena.data.splits import Splits, assign_splits
from seqarena.data.store import SPLITS, Array, Split
from seqarena.data.targets import LabelSets, StepLabels
from seqarena.errors import InputError, InputWarning


def manifest(folder: Path, content: str, name: str = "examples.csv") -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def rows_of(*pairs: tuple[str, str | None]) -> Rows:
    """Make rows from pairs of group and split."""
    return Rows(
        Row(str(i), f"t{i}", "ab"[i % 2], s, g, f"line {i + 2}") for i, (g, s) in enumerate(pairs)
    )


def split(rows: Rows, *, valid: float, test: float, seed: int) -> dict[str, list[Row]]:
    splits = assign_splits(rows, valid=valid, test=test, seed=seed)
    return {name: list(splits.of(name)) for name in SPLITS}


def encoded(rows: Iterator[Row]) -> Generator[Array]:
    yield from map(steps_of, rows)


def test_manifest_is_read_with_quotes_and_lines(tmp_path: Path) -> None:
    path = manifest(tmp_path, '\ufefftext,label,split\n"a, b\nc",x,\nNA,y,test\n')
    first, second = read_manifest(path, "text")
    assert first == Row("2", "a, b\nc", "x", None, "a, b\nc", f"{path} line 2")
    assert (second.item, second.split, second.place) == ("NA", "test", f"{path} line 4")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("txt,label\na,x\n", "no column named 'text'; did you mean 'txt'"),
        ("text,label\na,x\n ,y\n", "line 3: the cell 'text' is empty"),
        ("text,label\na,\n", "line 2: the cell 'label' is empty"),
        ("text,label\na,x,z\n", "line 2: expected 2 cells"),
        ("text,label\na\n", "line 2: expected 2 cells"),
        ("text,label,split\na,x,valdi\n", "line 2: no split 'valdi'; did you mean 'valid'"),
        ("id,text,label\n1,a,x\n1,b,y\n", "line 3: '1' stands in line 2 already"),
        ("text,label\n", "no rows"),
        ('text,label\nb,y\n"a,x\n', "line 3: unexpected end of data.*`quotes: false`"),
    ],
)
def test_a_slip_in_a_manifest_is_told_by_its_line(
    tmp_path: Path, content: str, message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_manifest(manifest(tmp_path, content), "text")
    assert "examples.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_listed_twice_and_a_binary_file_are_refused(tmp_path: Path) -> None:
    path = manifest(tmp_path, "file,label\na.wav,x\na.wav,y\n", "labels.csv")
    with pytest.raises(InputError, match=r"labels\.csv line 3: 'a\.wav' stands in line 2"):
        read_manifest(path, "file")
    path.write_bytes(b"file,label\n\xff\xfe,x\n")
    with pytest.raises(InputError, match="UTF-8"):
        read_manifest(path, "file")
    with pytest.raises(InputError, match="No such file"):
        read_manifest(tmp_path / "none.csv", "file")


def test_carved_splits_are_disjoint_whole_groups_and_seeded() -> None:
    rows = rows_of(*((f"g{i // 4}", None) for i in range(400)))
    splits = split(rows, valid=0.1, test=0.2, seed=7)
    groups = {name: {row.group for row in held} for name, held in splits.items()}
    assert sum(map(len, splits.values())) == 400
    assert sum(map(len, groups.values())) == 100  # so no group lies in two splits
    assert (len(splits["valid"]), len(splits["test"])) == (40, 80)
    assert splits == split(rows, valid=0.1, test=0.2, seed=7)
    assert splits != split(rows, valid=0.1, test=0.2, seed=8)
    shuffled = split(Rows(list(rows)[::-1]), valid=0.1, test=0.2, seed=7)
    assert {row.id for row in shuffled["test"]} == {row.id for row in splits["test"]}


def test_given_splits_are_honoured_and_valid_is_carved_out_of_train() -> None:
    rows = rows_of(*((f"a{i}", "train") for i in range(50)), *((f"b{i}", "test") for i in range(9)))
    splits = split(rows, valid=0.1, test=0.5, seed=0)
    assert {row.group for row in splits["test"]} == {f"b{i}" for i in range(9)}
    assert (len(splits["train"]), len(splits["valid"])) == (45, 5)
    named = rows_of(("a", "train"), ("b", "valid"), ("c", "test"), ("c", None), ("d", None))
    splits = split(named, valid=0.3, test=0.3, seed=0)
    assert {name: [row.group for row in held] for name, held in splits.items()} == {
        "train": ["a", "d"],
        "valid": ["b"],
        "test": ["c", "c"],
    }


def test_what_leaks_between_named_splits_is_left_out_of_what_learns() -> None:
    named = rows_of(
        ("a", "train"), ("b", "train"), ("b", "valid"), ("c", "train"), ("c", "valid"),
        ("c", "test"), ("c", None), ("d", "train"),
    )  # fmt: skip
    with pytest.warns(InputWarning, match="2 rows of train and 1 rows of valid are left out"):
        dropped = assign_splits(named, valid=0.1, test=0.1, seed=0, leaks="drop")
    found = [(row.group, name) for name, row in dropped]
    assert found == [
        ("a", "train"),
        ("b", "valid"),
        ("c", "test"),
        ("c", "test"),
        ("d", "train"),
    ]
    kept = assign_splits(named, valid=0.1, test=0.1, seed=0, leaks="keep")
    assert [name for name, row in kept if row.split] == [row.split for row in named if row.split]


def of_classes(*targets: str, groups: int | None = None) -> Rows:
    """Make rows with such targets; with `groups`, so many groups that hold any of them."""
    named = [f"g{i % groups}" if groups else f"t{i}" for i in range(len(targets))]
    pairs = zip(targets, named, strict=True)
    return Rows(Row(str(i), f"t{i}", t, None, g, "") for i, (t, g) in enumerate(pairs))


def test_a_label_is_one_however_its_accents_are_written(tmp_path: Path) -> None:
    path = manifest(tmp_path, "text,label\na,caf\u00e9\nb,cafe\u0301 \n")
    assert [row.target for row in read_manifest(path, "text")] == ["caf\u00e9"] * 2


@pytest.mark.parametrize("seed", range(20))
def test_every_split_has_its_part_of_every_class(seed: int) -> None:
    rows = of_classes(*["a"] * 200, *["b"] * 40, *["c"] * 10, *["d"] * 2)
    splits = assign_splits(rows, valid=0.1, test=0.2, seed=seed, stratify="label")
    counts = {
        name: Counter(row.target for row in splits.of(name)) for name in ("valid", "test", "train")
    }
    assert counts["test"]["a"] == 40 and counts["valid"]["a"] == 20
    assert counts["test"]["b"] == 8 and counts["valid"]["b"] == 4
    assert counts["test"]["c"] == 2 and counts["valid"]["c"] == 1
    assert counts["train"]["d"] >= 1


def test_a_class_of_one_row_is_learned_and_told_to_be_judged_by_nothing() -> None:
    rows = of_classes(*["a"] * 30, *["b"] * 30, "rare")
    for seed in range(20):
        with pytest.warns(InputWarning, match="no row of (valid|test) has the label 'rare': ") as w:
            splits = assign_splits(rows, valid=0.1, test=0.1, seed=seed, stratify="label")
        assert len(w) == 2
        assert "rare" in {row.target for row in splits.of("train")}


@pytest.mark.parametrize("seed", range(5))
def test_every_split_has_its_part_of_the_rarest_labels(seed: int) -> None:
    """Three rows have a rare label beside a common one: train keeps some of them."""
    cells = ["a;rare"] * 3 + ["a"] * 50 + ["a;b"] * 20 + [""] * 27
    rows = Rows(Row(f"{n}", f"t{n}", cell, None, f"g{n}", "") for n, cell in enumerate(cells))
    splits = assign_splits(rows, valid=0.1, test=0.1, seed=seed, stratify="label_set")
    counts = {name: Counter(row.target for row in splits.of(name)) for name in SPLITS}
    assert counts["train"]["a;rare"] >= 1, "else it could not be learned"
    assert counts["valid"]["a;b"] == counts["test"]["a;b"] == 2
    once = Rows(Row(f"{n}", f"t{n}", cell, None, f"g{n}", "") for n, cell in enumerate(cells[2:]))
    with pytest.warns(InputWarning, match="no row of (valid|test) has the label 'rare'"):
        assign_splits(once, valid=0.1, test=0.1, seed=seed, stratify="label_set")


@pytest.mark.parametrize("seed", range(5))
def test_train_has_the_rarest_tags(seed: int) -> None:
    """Two sentences have a rare tag, one of them with another that is rarer."""
    cells = ["O RARE O", "O B RARE ONCE"] + ["O B O"] * 20 + ["O O -"] * 80
    rows = Rows(Row(f"{n}", f"t{n}", cell, None, f"g{n}", "") for n, cell in enumerate(cells))
    with pytest.warns(InputWarning, match="no row of test has the labels 'ONCE', 'RARE'"):
        splits = assign_splits(rows, valid=0.1, test=0.1, seed=seed, stratify="labels")
    targets = Counter(row.target for row in splits.of("train"))
    assert targets["O RARE O"] == targets["O B RARE ONCE"] == 1
    assert Counter(row.target for row in splits.of("test"))["O B O"] == 2


def test_what_a_model_sees_alike_is_one_group(tmp_path: Path) -> None:
    path = manifest(tmp_path, "text,label\nGood,x\nbad,y\ngood,x\nGOOD,y\n")
    groups = read_manifest(path, "text", content=str.lower).ranks("group")
    assert groups.tolist() == [0, 1, 0, 0]  # in the order of the texts, as without a content
    for name, content in (("a.wav", b"1"), ("b.wav", b"2"), ("c.wav", b"1")):
        (tmp_path / name).write_bytes(content)
    listed = "file,label,group\nb.wav,x,\nc.wav,x,\na.wav,y,\ngone.wav,y,\nd.wav,y,b.wav\n"
    groups = read_manifest(manifest(tmp_path, listed, "labels.csv"), "file").ranks("group")
    assert groups.tolist() == [1, 0, 0, 2, 1]  # by bytes; a group that is given stays


def test_a_group_of_two_classes_leaves_the_others_to_their_class() -> None:
    rows = [Row(f"{n}", f"t{n}", "ab"[n % 10 == 0], None, f"t{n}", "") for n in range(100)]
    rows += [Row("x", "t", "a", None, "t", ""), Row("y", "t", "b", None, "t", "")]
    for seed in range(10):
        splits = assign_splits(Rows(rows), valid=0.1, test=0.1, seed=seed, stratify="label")
        assert all("b" in {row.target for row in splits.of(name)} for name in SPLITS)


def test_groups_that_hold_several_classes_stay_whole() -> None:
    rows = of_classes(*"abcdabcdab" * 10, groups=10)
    splits = assign_splits(rows, valid=0.2, test=0.3, seed=1, stratify="label")
    groups = {name: {row.group for row in splits.of(name)} for name in SPLITS}
    assert [len(groups[name]) for name in SPLITS] == [5, 2, 3]
    assert len(set().union(*groups.values())) == 10


def test_divided_groups_and_empty_splits_are_refused() -> None:
    with pytest.raises(
        InputError, match="line 3: split 'test', but line 2 of the same group is in 'train': 'g'"
    ):
        assign_splits(rows_of(("g", "train"), ("g", "test")), valid=0.1, test=0.1, seed=0)
    rows = rows_of(("g", None), ("g", None), ("h", None), ("h", None))
    with pytest.raises(InputError, match="split 'valid' is empty: 4 rows in 2 groups"):
        assign_splits(rows, valid=0.1, test=0.1, seed=0)


def test_fractions_leave_something_to_train_on() -> None:
    with pytest.raises(InputError, match=r"prepare: valid 0\.5 and test 0\.5 leave nothing"):
        parse(LabelledOptions, {"valid": 0.5, "test": 0.5}, "prepare")
    with pytest.raises(InputError, match=r"prepare\.valid: .*greater than 0"):
        parse(LabelledOptions, {"valid": 0}, "prepare")


def steps_of(row: Row) -> np.ndarray:
    return np.full((int(row.id) + 1, 2), int(row.id), np.float32)


def test_written_splits_hold_every_row(tmp_path: Path) -> None:
    rows = rows_of(*((f"g{i}", SPLITS[i // 2]) for i in range(6)))
    splits = assign_splits(rows, valid=0.1, test=0.1, seed=0)
    written = write_labelled(tmp_path, splits, encoded)
    assert written["classes"] == ("a", "b")
    assert written["sizes"] == {"train": 2, "valid": 2, "test": 2}
    assert written["max_length"] == 2  # of train; test has 6
    written_test = Split(tmp_path / "test")
    assert written_test.targets.tolist() == [0, 1]
    assert written_test.sequence(1).tolist() == [[5, 5]] * 6
    assert written_test.examples()[0] == {"id": "4", "label": "a", "file": "t4", "group": "g4"}


def test_labels_and_steps_are_checked(tmp_path: Path) -> None:
    rows = rows_of(*((f"g{i}", SPLITS[i // 2]) for i in range(6)))
    splits = assign_splits(rows, valid=0.1, test=0.1, seed=0)
    odd = Rows([*rows, Row("9", "t", "c", "test", "g9", "line 9")])
    with pytest.raises(InputError, match=r"line 9: label 'c' of test"):
        write_labelled(tmp_path / "a", Splits(odd, np.append(splits.places, 2)), encoded)
    with pytest.raises(InputError, match="train has no other label than 'a'"):
        write_labelled(tmp_path / "b", Splits(rows, np.array([0, 1, 1, 1, 2, 2])), encoded)
    with pytest.raises(InputError, match=r"line 2: nothing to read in 't0'"):
        empty = (np.zeros((int(row.id), 2)) for row in rows)
        write_labelled(tmp_path / "c", splits, lambda _: empty, column="text")


def test_a_cell_may_hold_several_labels_or_none(tmp_path: Path) -> None:
    cells = ["b; a", "", "a;a;", " c ", "c;b", ";"]
    splits_of = ["train", "valid", "test", "train", "valid", "test"]
    rows = [f"t{n},{cell},{splits_of[n]}\n" for n, cell in enumerate(cells)]
    path = manifest(tmp_path, "text,labels,split\n" + "".join(rows))
    with pytest.raises(InputError, match="line 3: the cell 'labels' is empty"):
        read_manifest(path, "text", StepLabels)
    read = read_manifest(path, "text", LabelSets)
    splits = assign_splits(read, valid=0.2, test=0.2, seed=0)
    fields = write_labelled(tmp_path / "out", splits, encoded, LabelSets, column="text")
    assert fields["classes"] == ("a", "b", "c")
    written = {
        example["text"]: (row.tolist(), example["labels"])
        for name in SPLITS
        for row, example in zip(*parts_of(Split(tmp_path / "out" / name)), strict=True)
    }
    assert written["t0"] == ([1, 1, 0], "b; a")
    assert written["t1"][0] == [0, 0, 0] == written["t5"][0]
    assert written["t2"][0] == [1, 0, 0] and written["t3"][0] == [0, 0, 1]
    assert written["t4"][0] == [0, 1, 1]


def parts_of(part: Split) -> tuple[Array, list[dict[str, str]]]:
    return part.targets, part.examples()


def test_a_set_of_labels_is_learned_from_train() -> None:
    with pytest.raises(InputError, match="m: no row of train has a label"):
        LabelSets(["", " ; "], "m")
    with pytest.raises(InputError, match="m: train has no other label than 'a'"):
        LabelSets(["a", ""], "m")
    learned = LabelSets(["a;b"], "m")
    learned.check("b", "test", "line 3")
    with pytest.raises(InputError, match="line 4: label 'c' of test does not occur in train"):
        learned.check("b; c", "test", "line 4")


def test_files_that_cannot_be_read_are_left_out_as_far_as_allowed(tmp_path: Path) -> None:
    rows = Rows(Row(f"{n}", f"f{n}", "ab"[n % 2], None, f"f{n}", f"line {n}") for n in range(300))
    splits = assign_splits(rows, valid=0.1, test=0.1, seed=0)

    def damaged(rows: Iterator[Row]) -> Generator[Array | InputError]:
        for row in rows:
            bad = row.id in ("7", "100", "250")
            yield InputError(f"{row.item}: cut short") if bad else np.zeros((2, 2))

    told = r"3 of 300 files cannot be read and are left out; the first: f7: cut short"
    with pytest.warns(InputWarning, match=told):
        sizes = write_labelled(tmp_path / "a", splits, damaged, bad_share=0.01)["sizes"]
    assert sum(sizes.values()) == 297
    with pytest.raises(InputError, match="^f7: cut short"):
        write_labelled(tmp_path / "b", splits, damaged)
    with pytest.raises(InputError, match=r"^2 of 300 .* more than the 0\.50% .* first: f7: cut"):
        write_labelled(tmp_path / "c", splits, damaged, bad_share=0.005)


def test_a_group_as_large_as_a_split_is_not_all_of_it() -> None:
    groups = [f"g{i // 6}" for i in range(240)] + ["whole" for _ in range(30)]
    rows = rows_of(*((group, None) for group in groups))
    for seed in range(20):
        splits = split(rows, valid=0.1, test=0.1, seed=seed)
        assert "whole" not in {row.group for row in splits["test"] + splits["valid"]}
        assert (len(splits["valid"]), len(splits["test"])) == (30, 30)
    three = rows_of(*((f"g{i // 10}", None) for i in range(30)))
    assert all(len(held) == 10 for held in split(three, valid=0.1, test=0.1, seed=0).values())
