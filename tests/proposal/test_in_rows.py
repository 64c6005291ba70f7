"""Tables each row of which is a signal: what is proposed, read and asked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from seqarena.cli.add import look_at
from seqarena.config import OwnData, parse
from seqarena.data.modalities.signal import Signal, SignalOptions
from seqarena.data.store import DataSpec, Prepared
from seqarena.datasets import dataset
from seqarena.datasets.own.asked import as_raw
from seqarena.errors import InputError
from seqarena.proposal.asked import Asked, Look

STEPS = 30
ROWS = 40


def values(row: int) -> list[str]:
    """The steps of a row, which rise in every second one."""
    noise = np.random.default_rng(row).normal(size=STEPS)
    return [f"{step * (row % 2) + noise[step]:.3f}" for step in range(STEPS)]


def table(path: Path, header: str = "", last: bool = False) -> None:
    """Write a class and steps in each row, the class first or last."""
    rows = []
    for row in range(ROWS):
        label = [str(1 + row % 2)]
        rows.append("\t".join(values(row) + label if last else label + values(row)))
    path.write_text("\n".join([header, *rows][not header :]) + "\n")


def look(path: Path, **asked: object) -> Look:
    return look_at(path, Asked(**asked))  # type: ignore[arg-type]


def prepared(own: dict[str, object], tmp_path: Path) -> tuple[DataSpec, Prepared]:
    raw, out = tmp_path / "raw", tmp_path / "out"
    for folder in (raw, out):
        folder.mkdir()
    dataset(parse(OwnData, own, "data"), "signal").write(raw)
    spec = Signal().write(raw, out, SignalOptions(), seed=0)
    return spec, Prepared(out)


@pytest.mark.parametrize("last", [False, True])
def test_a_class_and_many_numbers_in_a_row_are_a_signal(tmp_path: Path, last: bool) -> None:
    table(tmp_path / "own.tsv", last=last)
    found = look(tmp_path / "own.tsv", header=False)
    proposal = found.proposal
    assert (proposal.modality, proposal.task) == ("signal", "classification")
    label, steps = ("31", "1..30") if last else ("1", "2..31")
    assert (proposal.columns, proposal.in_rows) == ({"label": label}, [steps])
    assert f"  {steps}  a signal of 30 steps" in found.found
    section = proposal.section("preview")
    assert "dtw_nearest" in section["baselines"]
    spec, data = prepared(section["data"], tmp_path)
    assert spec.classes == ("1", "2") and spec.feature_shape == (1,)
    assert set(data.split("train").lengths) == {STEPS}
    assert sum(spec.sizes.values()) == ROWS


def test_lists_of_numbers_are_channels(tmp_path: Path) -> None:
    lines = []
    for row in range(ROWS):
        steps = [float(value) for value in values(row)[: 20 + row % 5]]
        lines.append({"who": f"p{row % 12}", "x": steps, "y": steps[::-1], "label": "ab"[row % 2]})
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    found = look(path, group="who")
    assert found.proposal.in_rows == ["x", "y"]
    assert any("numbers: 22 steps, 95 % at most 24, longest 24" in line for line in found.found)
    spec, data = prepared(found.proposal.section(None)["data"], tmp_path)
    assert spec.options["channels"] == ["x", "y"]
    assert sorted(set(data.split("train").lengths)) == [20, 21, 22, 23, 24]


def test_few_numbers_or_dated_ones_are_no_signal(tmp_path: Path) -> None:
    few = [f"{row % 2},{row},1.5,{row}.5" for row in range(ROWS)]
    (tmp_path / "few.csv").write_text("kind,f1,f2,f3\n" + "\n".join(few))
    with pytest.raises(InputError, match="no column is the text"):
        look(tmp_path / "few.csv")
    names = ",".join(f"s{number}" for number in range(STEPS))
    dated = [",".join([f"2020-01-{row + 1:02d}", *values(row)]) for row in range(28)]
    (tmp_path / "wide.csv").write_text(f"day,{names}\n" + "\n".join(dated))
    with pytest.raises(InputError, match="could be what is forecast; say which with --target"):
        look(tmp_path / "wide.csv")


def test_rows_of_other_lengths_end_where_their_cells_are_empty(tmp_path: Path) -> None:
    shapes = (["a", "1", "2", "{}"], ["b", "{}", "", ""], ["a", "1", "{}", "NaN"])
    rows = [[cell.format(row) for cell in shapes[row % 3]] for row in range(30)]
    (tmp_path / "own.csv").write_text("label,t0,t1,t2\n" + "\n".join(map(",".join, rows)))
    own = {"path": str(tmp_path / "own.csv"), "in_rows": ["t0..t2"]}
    _, data = prepared(own, tmp_path)
    assert sorted(set(data.split("train").lengths)) == [1, 2, 3]


@pytest.mark.parametrize(
    ("cells", "channels", "message"),
    [
        ("a,1,x,3", ["t0..t2"], "own.csv line 2: column 't1': expected a number, found 'x'"),
        ("a,1,,3", ["t0..t2"], "line 2: column 't1': expected a number, found ''"),
        ("a,,,", ["t0..t2"], "line 2: column 't0': expected numbers, found none"),
        ("a,1,2,3", ["t0..t3"], "line 2: in_rows: no column named 't3'; did you mean"),
        ("a,1,2,", ["t0..t1", "t2..t2"], "column 't2': expected numbers, found none"),
        ("a,1,2,3", ["t0..t1", "t2..t2"], r"1 steps in t2\.\.t2, 2 in t0\.\.t1; expected as many"),
    ],
)
def test_what_is_no_signal_is_told_by_its_row(
    cells: str, channels: list[str], message: str, tmp_path: Path
) -> None:
    (tmp_path / "own.csv").write_text(f"label,t0,t1,t2\n{cells}\n")
    with pytest.raises(InputError, match=message):
        prepared({"path": str(tmp_path / "own.csv"), "in_rows": channels}, tmp_path)


def test_rows_are_asked_as_they_were_learned_from_with_or_without_their_class(
    tmp_path: Path,
) -> None:
    header = "\t".join(["kind", *(f"t{step}" for step in range(STEPS))])
    table(tmp_path / "own.tsv", header)
    own = look(tmp_path / "own.tsv").proposal.section(None)["data"]
    spec, _ = prepared(own, tmp_path)
    new = tmp_path / "new.csv"
    new.write_text(",".join(header.split("\t")[1:]) + "\n" + ",".join(values(1)) + "\n")
    for source, count in ((new, 1), (tmp_path / "own.tsv", ROWS)):
        with as_raw(str(source), "signal", parse(OwnData, own, "data")) as raw:
            found = Signal().read(raw, spec)
        assert len(found) == count and found[0].steps.shape == (STEPS, 1)


def test_only_signals_stand_in_rows(tmp_path: Path) -> None:
    table(tmp_path / "own.tsv")
    own = OwnData(path=str(tmp_path / "own.tsv"), in_rows=("x",))
    with pytest.raises(InputError, match="here.in_rows: rows are signals, and this is text"):
        dataset(own, "text", "here")
