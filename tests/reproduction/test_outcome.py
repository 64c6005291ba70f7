"""What two results come to: equal, within what is to be expected, or not."""

from __future__ import annotations

import math
import re
from importlib.metadata import version

import pytest

from seqarena.reproduction.outcome import Outcome, Row, changed_packages, rows_of
from seqarena.tracking.environment import installed

HERE = ("CPU (cpu, threads: 1)",) * 2
ELSEWHERE = ("GPU (cuda, threads: 1)", HERE[0])


@pytest.mark.parametrize(
    ("difference", "machines", "packages", "expected", "told"),
    [
        (0.0, HERE, [], True, "^Equal"),
        (0.0, ELSEWHERE, ["numpy 1, here 2"], True, "^Equal"),
        (0.001, HERE, [], False, "^NOT equal, though machine and packages are the same"),
        (0.001, ELSEWHERE, [], True, "^Within .*recorded on GPU"),
        (0.001, HERE, ["numpy 1, here 2"], True, r"^Within .*\(numpy 1, here 2\)"),
        (0.001, ("", HERE[0]), [], True, "an unknown machine"),
        (0.2, ELSEWHERE, [], False, "^NOT equal, elsewhere .*more than the verdict's interval"),
    ],
)
def test_a_difference_is_judged_by_where_it_was_made(
    difference: float, machines: tuple[str, str], packages: list[str], expected: bool, told: str
) -> None:
    rows = [Row("test_f1", 0.5, 0.5), Row("test_accuracy", 0.5, 0.5 + difference, 0.1)]
    outcome = Outcome(rows, machines, packages)
    assert outcome.expected is expected
    assert re.search(told, outcome.conclusion)


def test_without_an_interval_no_difference_is_to_be_expected() -> None:
    outcome = Outcome([Row("valid_loss", 0.5, 0.6)], ELSEWHERE, [])
    assert not outcome.expected and "no interval" in outcome.conclusion


def test_other_words_of_a_verdict_are_a_difference() -> None:
    outcome = Outcome([Row("mean", 0.5, 0.5, 0.1)], HERE, [], ("gru wins.", "lstm wins."))
    assert not outcome.equal and not outcome.expected


def test_times_are_no_results_and_what_is_no_number_is_the_same() -> None:
    recorded = {"loss": math.nan, "top": math.inf, "train_seconds": 1.0, "system/cpu": 3.0}
    rows = rows_of(recorded, dict(recorded), {"top": 0.5})
    assert [(row.name, row.difference, row.allowed) for row in rows] == [
        ("loss", 0.0, None),
        ("top", 0.0, 0.5),
    ]
    assert Row("loss", math.nan, 1.0).difference != 0


def test_packages_are_told_that_are_installed_otherwise() -> None:
    recorded = {**installed(), "numpy": "0.0.1", "gone": "1.0"}
    del recorded["torch"]
    assert changed_packages(recorded) == [
        "gone 1.0, here missing",
        f"numpy 0.0.1, here {version('numpy')}",
        f"torch missing, here {version('torch')}",
    ]
    assert changed_packages({}) == [], "of an earlier version nothing is known"
