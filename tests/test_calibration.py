"""``make calibrate`` in small: the verdict errs as seldom as it says, the former method did not."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from benchmarks.calibration.again import APART, project_for
from benchmarks.calibration.former import best_set
from benchmarks.calibration.measure import Case, chances_covered, errors, powers
from benchmarks.calibration.page import draw_power, table_of, write_between
from benchmarks.calibration.stability import Stability, agreement_of, spread_ratios, stability
from benchmarks.calibration.worlds import World, clusters, equal

from seqarena.errors import InputError

RUNS = 150


@pytest.mark.parametrize("varies", ["repetitions", "test groups", "both"])
@pytest.mark.parametrize("count", [2, 9])
def test_errors_are_as_rare_as_promised(count: int, varies: str) -> None:
    found = errors(Case("equal", equal(count, varies), 5), RUNS, 0)
    chance = 2.6 * (0.05 * 0.95 / RUNS) ** 0.5  # 1 in 200 to be beyond it
    assert found.excluded <= 0.05 + chance
    assert found.baseline <= 0.05 + chance
    assert found.gaps <= 0.05 + chance
    assert found.means <= 0.08


def test_the_former_method_chose_the_best_and_then_forgot_it() -> None:
    found = errors(Case("equal", equal(9, "repetitions"), 3), RUNS, 1)
    assert found.excluded < 0.1 < 0.2 < found.former


def test_clusters_keep_all_that_are_best() -> None:
    found = errors(Case("clusters", clusters(5, "both", 0.1), 5), RUNS, 2)
    assert found.excluded <= 0.1


def test_power_rises_with_the_gap_and_with_repetitions() -> None:
    told = {
        (power.repetitions, power.gap): power.told
        for power in powers(equal(2, "repetitions"), [0.01, 0.08], 60, 3)
    }
    assert told[5, 0.01] < told[5, 0.08]
    assert told[3, 0.08] < told[12, 0.08]


def test_intervals_of_the_chance_to_be_ahead_hold_it() -> None:
    assert chances_covered(60, 4) >= 0.93


def test_worlds_are_what_they_say() -> None:
    random = np.random.default_rng(5)
    world = World((0.5, 0.0), "repetitions", unstable=4.0)
    scores = [
        [own.mean() for own in world.draw(random, 200)[0]["v1"]],
        [own.mean() for own in world.draw(random, 200)[0]["v0"]],
    ]
    steady, unstable = np.std(scores[1]), np.std(scores[0])
    assert unstable / steady == pytest.approx(4.0, rel=0.3)
    assert world.best == {"v0"}
    skewed = World((0.0,), "both", skewed=True).draw(random, 400)[0]["v0"].mean(1)
    assert np.mean((skewed - skewed.mean()) ** 3) < 0


def test_the_former_method_is_min_f_and_holm() -> None:
    random = np.random.default_rng(6)
    same = random.standard_normal((3, 50))
    apart = same + random.normal(-5.0, 0.1, (3, 50))
    assert best_set({"a": same, "b": same + random.normal(0.0, 1.0, (3, 50)), "c": apart}) == {
        "a",
        "b",
    }


def test_the_page_is_written_between_its_marks(tmp_path: Path) -> None:
    case = Case("equal", equal(2, "both"), 3)
    text = table_of([(case, errors(case, 4, 0))], 0.95, 4)
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- calibrate: begin -->\nstale\n<!-- calibrate: end -->\nafter\n")
    write_between(page, "calibrate", text)
    written = page.read_text()
    assert "stale" not in written
    assert written.startswith("before\n<!-- calibrate: begin -->\nPer cent of 4 simulated")
    assert written.endswith("95.0 %.\n<!-- calibrate: end -->\nafter\n")
    with pytest.raises(InputError, match=r"page\.md: expected the marks <!-- other: begin -->"):
        write_between(page, "other", text)


def test_the_picture_of_power(tmp_path: Path) -> None:
    draw_power({("both", 2): powers(equal(2, "both"), [0.02, 0.06], 2, 0)}, tmp_path / "p.png")
    assert (tmp_path / "p.png").stat().st_size > 10_000


def test_runs_that_agree_cover_each_other_and_one_that_does_not_contradicts(contest: Any) -> None:
    same = contest({"a": 0.9, "b": 0.5, "c": 0.901}, {})
    turned = contest({"a": 0.5, "b": 0.9, "c": 0.5}, {})
    agreed = stability([same, same, same])
    assert agreed == Stability(3, 9, 9, 6, 3, 6, 0, 0)  # b is told from the best in each
    found = stability([same, same, turned])
    assert found.covered < agreed.covered
    assert (found.decided, found.checks, found.contradicted) == (4, 8, 2 + 4)
    assert found.otherwise == 1
    assert "| all | 6 | " in agreement_of({"one": agreed, "other": found}, {"one": {"a": 0.5}})


def test_the_spread_between_runs_is_that_of_repetitions_or_more(contest: Any) -> None:
    same = contest({"a": 0.9, "b": 0.5}, {})[0]
    assert spread_ratios([same, same])["a"] == 0
    apart = contest({"a": 0.95, "b": 0.5}, {})[0]
    assert spread_ratios([same, apart])["a"] > 3


def test_a_run_differs_in_its_seed_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "here.txt").write_text("prepared")
    params = {"experiments": {"one": {"protocol": {"name": "standard", "seed": 7}}}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    for _ in range(2):  # a run that goes on
        project_for(tmp_path / "build" / "3", 3 * APART)
    made = yaml.safe_load((tmp_path / "build" / "3" / "params.yaml").read_text())
    assert made["experiments"]["one"]["protocol"] == {"name": "standard", "seed": 3007}
    assert (tmp_path / "build" / "3" / "data" / "here.txt").read_text() == "prepared"
