"""Published tables: their experiments are in order, and the page says what is within."""

from __future__ import annotations

from pathlib import Path

import benchmarks.published
import pytest
from benchmarks.published.outcome import Ours
from benchmarks.published.page import write_page
from benchmarks.published.tables import TABLES

from seqarena.experiments import load

HERE = Path(benchmarks.published.__file__).parent


@pytest.mark.parametrize("name", TABLES)
def test_the_experiment_of_a_table_trains_what_it_has_figures_of(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(HERE)
    experiment = load(name)
    assert TABLES[name].figures.keys() <= set(experiment.config.variants)
    assert experiment.config.protocol.repetitions >= 3


def test_the_page_says_which_differences_are_beyond_the_interval(tmp_path: Path) -> None:
    ours = {
        "lstm": Ours((8.4, 8.5, 8.6), 300_000, 60),
        "gru": Ours((9.0, 9.01, 9.02), 300_000, 60),
        "rnn": Ours((8.8, 8.81, 8.82), 300_000, 60),
    }
    write_page(tmp_path / "page.md", {"jsb": ours})
    rows = {
        cells[1].strip(): [cell.strip() for cell in cells[2:-1]]
        for line in (tmp_path / "page.md").read_text().splitlines()
        if (cells := line.split("|"))[0] == "" and len(cells) > 3
    }
    assert rows["lstm"] == ["8.45", "8.5 ± 0.25", "+0.05", "within", "300,000", "60"]
    assert rows["gru"][3] == "worse" and rows["rnn"][3] == "better"
