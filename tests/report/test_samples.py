"""Sample predictions: the worst mistakes of a final first, whatever it was asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from seqarena.files import write_csv
from seqarena.records import Summary
from seqarena.report.samples import samples_of

HEADER = ["id", "input", "truth", "predicted", "probability", "score"]


def summary_of(contest: Any, greater: bool = True) -> Summary:
    summary: Summary = contest({"gru": 0.9}, {}, greater_is_better=greater)[0]
    return summary


def written(finals: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    (finals / "gru-1").mkdir(parents=True)
    write_csv(finals / "gru-1" / "predictions.csv", header, rows)


def test_the_surest_of_the_wrong_stand_first_and_typical_ones_below(
    contest: Any, tmp_path: Path
) -> None:
    right = [[n, f"right {n}", "a", "a", 0.6 + n / 100, 1] for n in range(30)]
    wrong = [[90, "unsure", "a", "b", 0.51, 0], [91, "sure", "a", "b", 0.9996, 0]]
    written(tmp_path, HEADER, [*right, *wrong])
    found = samples_of(tmp_path, "gru", summary_of(contest))
    assert found is not None
    assert found.columns == ("example", "truth", "answer", "how sure", "accuracy")
    assert [sample.cells[0] for sample in found.worst[:3]] == ["sure", "unsure", "right 29"]
    assert [sample.wrong for sample in found.worst[:3]] == [True, True, False]
    assert found.worst[0].cells == ("sure", "a", "b", ">99%", "0.000")
    assert len(found.worst) == 12 and len(found.typical) == 4
    assert not {s.cells for s in found.worst} & {s.cells for s in found.typical}


def test_of_an_error_the_greatest_stands_first_and_forecasts_are_drawn(
    contest: Any, tmp_path: Path
) -> None:
    header = ["id", "truth+1", "truth+2", "forecast+1", "forecast+2", "score"]
    rows = [["monday", 1, 3, 1, 2, 0.5], ["tuesday", 5, 5, 1, 1, 4], ["holiday", 2, 2, 2, 2, 0]]
    written(tmp_path, header, rows)
    found = samples_of(tmp_path, "gru", summary_of(contest, greater=False))
    assert found is not None and found.drawn
    assert [sample.cells for sample in found.worst] == [
        ("tuesday", "4.00"),
        ("monday", "0.50"),
        ("holiday", "0.00"),
    ]
    drawn = found.worst[1].drawn
    assert drawn is not None
    assert drawn.truth == "0.0,34.0 132.0,0.0", "from the least to the greatest"
    assert drawn.forecast == "0.0,34.0 132.0,17.0"


@pytest.mark.parametrize("score", ["nan", ""])
def test_where_one_example_has_no_score_the_wrong_stand_first(
    score: str, contest: Any, tmp_path: Path
) -> None:
    rows = [["1", "x", "a", "a", 0.9, score], ["2", "y", "a", "b", 0.6, score]]
    written(tmp_path, HEADER, rows)
    found = samples_of(tmp_path, "gru", summary_of(contest))
    assert found is not None
    assert [sample.cells for sample in found.worst] == [
        ("y", "a", "b", "60%", "–"),
        ("x", "a", "a", "90%", "–"),
    ]


def test_without_predictions_there_is_nothing_to_show(contest: Any, tmp_path: Path) -> None:
    assert samples_of(tmp_path, "gru", summary_of(contest)) is None
