"""A time that stands in several columns is found, read as one, and asked about so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from seqarena.cli.inspect import prepared_for
from seqarena.config import Experiment, OwnData, Reading, parse
from seqarena.datasets import dataset_of
from seqarena.datasets.own.asked import as_raw
from seqarena.datasets.own.tables import rows_of
from seqarena.errors import InputError
from seqarena.proposal.asked import Asked, Look
from seqarena.proposal.tables import look_at_table

HOURS = pd.date_range("2010-01-01", periods=900, freq="h")
LOAD = [f"{10 + hour % 24}.5" for hour in range(900)]
OF_PARTS: dict[str, tuple[dict[str, Any], str]] = {  # as public sets have it, and the format
    "household": (
        {"Date": HOURS.strftime("%d/%m/%Y"), "Time": HOURS.strftime("%H:%M:%S")},
        "%d/%m/%Y %H:%M:%S",
    ),
    "air": (
        {"Date": HOURS.strftime("%d/%m/%Y"), "Time": HOURS.strftime("%H.%M.%S")},
        "%d/%m/%Y %H.%M.%S",
    ),
    "beijing": (
        {"year": HOURS.year, "month": HOURS.month, "day": HOURS.day, "hour": HOURS.hour},
        "%Y %m %d %H",
    ),
    "bikes": ({"dteday": HOURS.strftime("%Y-%m-%d"), "hr": HOURS.hour}, "%Y-%m-%d %H"),
}


def write(path: Path, parts: dict[str, Any], **more: Any) -> Path:
    pd.DataFrame({**parts, "load": LOAD, **more}).to_csv(path, index=False)
    return path


def look(path: Path, **asked: Any) -> Look:
    return look_at_table(path, Asked(**asked))


@pytest.mark.parametrize("name", OF_PARTS)
def test_a_time_is_put_together_from_its_parts(name: str, tmp_path: Path) -> None:
    parts, form = OF_PARTS[name]
    found = look(write(tmp_path / "a.csv", parts))
    section = found.proposal.section(None)
    assert section["data"]["columns"] == {"time": tuple(parts)}
    prepare = section["prepare"]
    assert (prepare["time"], prepare["time_format"], prepare["target"]) == ("time", form, "load")
    assert (prepare["lookback"], prepare["season"]) == (144, 24), "the step is an hour"
    assert any(line.endswith(f"stands in {', '.join(parts)}") for line in found.found)
    said = look(tmp_path / "a.csv", inputs=tuple(parts))
    assert said.proposal == found.proposal


def test_a_time_that_one_column_says_is_that(tmp_path: Path) -> None:
    hours = {"when": HOURS.strftime("%Y-%m-%d %H:%M"), "hour": HOURS.hour}
    proposal = look(write(tmp_path / "a.csv", hours), targets=("load",)).proposal
    assert proposal.prepare["time"] == "when" and not proposal.reading.columns
    days = pd.date_range("2010-01-01", periods=900)
    daily = {"day": days.strftime("%Y-%m-%d"), "hour": 12}
    proposal = look(write(tmp_path / "b.csv", daily), targets=("load",)).proposal
    assert proposal.prepare["time"] == "day" and not proposal.reading.columns


def test_a_month_beside_what_is_none_is_no_part(tmp_path: Path) -> None:
    parts = {"year": HOURS.year, "month": HOURS.strftime("%b")}
    with pytest.raises(InputError):
        look(write(tmp_path / "a.csv", parts))


def test_what_only_counts_the_rows_is_no_covariate(tmp_path: Path) -> None:
    parts, _ = OF_PARTS["beijing"]
    wind = [f"{hour % 7}.5" for hour in range(900)]
    table = write(tmp_path / "a.csv", {"No": range(1, 901), **parts}, wind=wind)
    assert look(table, targets=("load",)).proposal.prepare["covariates"] == ["wind"]
    assert look(table, targets=("No",)).proposal.prepare["target"] == "No", "unless it is asked for"


def test_it_is_read_so_by_all_who_read_the_table(tmp_path: Path) -> None:
    parts, _ = OF_PARTS["household"]
    section = look(write(tmp_path / "a.csv", parts)).proposal.section(None)
    experiment = parse(Experiment, section, "here")
    with prepared_for(experiment, dataset_of(experiment, "here"), "here") as prepared:
        assert (prepared.spec.step, prepared.spec.step_size) == ("hour", 1.0)
    own = parse(OwnData, section["data"], "own")
    with as_raw(str(tmp_path / "a.csv"), "series", own) as raw:
        first = next(rows_of(Path(raw), Reading())).cells
    assert first["time"] == "01/01/2010 00:00:00"


def test_of_other_columns_than_the_time_there_is_one() -> None:
    with pytest.raises(InputError, match="'text' is one column; 'time' alone may stand in several"):
        parse(Reading, {"columns": {"text": ["title", "body"]}}, "own")
