"""Every example runs as a script and does what its how-to in docs/ says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from seqarena.data.store import Prepared
from support import rows_of, script_environment

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
DOCS = ROOT / "docs"
INDEX = DOCS / "README.md"
HOW_TOS = sorted(set(DOCS.rglob("*.md")) - {INDEX})
PAGES = [ROOT / "README.md", ROOT / "infra" / "README.md", INDEX, *HOW_TOS]
SCRIPTS = sorted(path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.rglob("*.py"))


def run(script: Path, *arguments: str, folder: Path) -> str:
    """Run a script in a folder and return what it printed."""
    done = subprocess.run(
        [sys.executable, str(script), *arguments],
        cwd=folder,
        env=script_environment(OMP_NUM_THREADS="1"),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_own_data_is_prepared_without_code(tmp_path: Path) -> None:
    printed = run(EXAMPLES / "own_data" / "tickets.py", folder=tmp_path)
    assert printed == "files/tickets.csv: 240 tickets of 40 customers\n"
    rows = rows_of(tmp_path / "files", "tickets.csv")
    assert len({row["text"] for row in rows}) == len(rows) == 240

    shutil.copy(EXAMPLES / "own_data" / "params.yaml", tmp_path)
    run(ROOT / "pipelines" / "fetch.py", "tickets", folder=tmp_path)
    printed = run(ROOT / "pipelines" / "prepare.py", "tickets", folder=tmp_path)
    prepared = Prepared(tmp_path / "data" / "prepared" / "tickets")
    assert printed.startswith(f"tickets: {prepared.spec.sizes['train']} train, ")
    assert prepared.spec.classes == ("account", "billing", "delivery")
    assert sum(prepared.spec.sizes.values()) == 240
    customers = [
        {example["group"] for example in prepared.split(split).examples()}
        for split in ("train", "valid", "test")
    ]
    assert len(set.union(*customers)) == sum(map(len, customers)) == 40


def test_a_variant_is_trained_for_an_epoch(tmp_path: Path) -> None:
    printed = run(EXAMPLES / "variant.py", folder=tmp_path)
    found = re.findall(r"^(\w+): (\d+) parameters, mse ([\d.]+) on valid$", printed, re.MULTILINE)
    (gru, weights, error), (mean, as_many, other) = found
    assert (gru, mean) == ("gru", "gru_mean") and weights == as_many
    assert error != other and max(float(error), float(other)) < 0.5
    assert not list(tmp_path.iterdir()), "nothing is left behind"


def test_a_cell_is_run_step_by_step_and_unrolled(tmp_path: Path) -> None:
    printed = run(EXAMPLES / "cell.py", folder=tmp_path)
    shapes, *comparisons = printed.splitlines()
    assert shapes == "inputs (2, 5, 3) -> outputs (2, 5, 4), state (2, 4)"
    assert len(comparisons) == 2 and all(line.endswith(": True") for line in comparisons)


def test_a_data_set_is_written_and_prepared_again_and_again(tmp_path: Path) -> None:
    first, second = (run(EXAMPLES / "data_set.py", folder=tmp_path) for _ in range(2))
    assert first == second
    folder = tmp_path / "build" / "first_colour"
    for row in rows_of(folder / "raw", "examples.csv"):
        assert row["label"] == next(w for w in row["text"].split() if w in ("red", "blue"))
    prepared = Prepared(folder / "prepared")
    assert prepared.spec.classes == ("blue", "red")
    assert prepared.spec.sizes == {"train": 300, "valid": 50, "test": 50}


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_example_has_a_how_to(script: str) -> None:
    assert any(f"examples/{script}" in path.read_text() for path in HOW_TOS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", page.read_text())
    for link in links:
        assert (page.parent / link).exists(), link
    if page == INDEX:
        assert {path.relative_to(DOCS).as_posix() for path in HOW_TOS} <= set(links)
