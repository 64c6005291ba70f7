"""The page of `seqarena inspect` shows any prepared data, and own files in one command."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from seqarena.cli.main import app
from seqarena.data.store import DataSpec, Prepared
from seqarena.report.look import write_look

OPTIONS = {
    "signal": {"channels": ["a", "b", "c", "<d>"]},
    "series": {"season": 4, "target": "load", "covariates": ["heat", "hour"]},
}


ALL = ["text", "audio", "video", "image", "signal", "series", "music"]


@pytest.mark.parametrize("modality", ALL)
def test_every_modality_has_a_page_of_pictures(
    modality: str, specs: dict[str, DataSpec], prepare: Callable[..., Path], tmp_path: Path
) -> None:
    spec = specs[modality]
    spec = replace(spec, options={**spec.options, **OPTIONS.get(modality, {})})
    data = Prepared(prepare(tmp_path / "data", spec))
    page = write_look("mine", data, tmp_path / "page")
    text = page.read_text()
    assert "24 train, 8 valid, 8 test" in text
    shown = re.findall(r'src="([^"]+)"', text)
    assert {tmp_path / "page" / name for name in shown} == set((tmp_path / "page").glob("*.png"))
    assert len([name for name in shown if name.startswith("example-")]) == 6 * (modality != "text")
    for name in shown:
        assert np.asarray(Image.open(tmp_path / "page" / name)).std() > 5, f"{name} is empty"


def test_sets_of_labels_are_counted_label_by_label(
    specs: dict[str, DataSpec], prepare: Callable[..., Path], tmp_path: Path
) -> None:
    data = Prepared(prepare(tmp_path / "data", specs["audio"], targets="label_set"))
    text = write_look("mine", data, tmp_path / "page").read_text()
    assert 'src="classes.png"' in text
    assert np.asarray(Image.open(tmp_path / "page" / "classes.png")).std() > 5


def test_tokens_that_are_unknown_are_marked(
    specs: dict[str, DataSpec], prepare: Callable[..., Path], tmp_path: Path
) -> None:
    folder = prepare(tmp_path / "data", specs["text"])
    inputs = np.load(folder / "train" / "inputs.npy")
    inputs[::2] = 1
    np.save(folder / "train" / "inputs.npy", inputs)
    text = write_look("mine", Prepared(folder), tmp_path / "page").read_text()
    share = float((inputs == 1).mean())
    assert f"{share:.1%} of train, 0.0% of valid" in text
    assert '<span class="unknown">&lt;unk&gt;</span>' in text


def test_own_files_are_drawn_in_one_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"a good film {n},pos\na bad film {n},neg\n" for n in range(30))
    Path("films.csv").write_text("text,label\n" + rows)
    result = CliRunner().invoke(app, ["inspect", "films.csv"])
    assert result.exception is None, result.output
    assert result.output.rstrip().endswith("Drawn: inspected/films/index.html")
    assert "48 train, 6 valid, 6 test" in Path("inspected/films/index.html").read_text()
    assert not Path("params.yaml").exists(), "nothing is written but the page"


@pytest.mark.parametrize("kind", ["rows", "files"])
def test_of_many_rows_or_files_some_are_drawn_and_that_is_told(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("seqarena.cli.inspect.MOST_ROWS", 60)
    monkeypatch.setattr("seqarena.cli.inspect.MOST_FILES", 30)
    if kind == "rows":
        rows = "".join(f"a good film {n},pos\na bad film {n},neg\n" for n in range(300))
        Path("own").write_text("text,label\n" + rows)
        Path("own").rename("own.csv")
    for number in range(60 if kind == "files" else 0):
        path = Path("own", "ab"[number % 2], f"{number}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), number).save(path)
    result = CliRunner().invoke(app, ["inspect", "own.csv" if kind == "rows" else "own"])
    assert result.exception is None, result.output
    told = {"rows": "about 60 of 600 rows", "files": "about 30 of 60 files"}[kind]
    assert result.output.rstrip().endswith(f"Drawn: inspected/own/index.html, of {told}")
    page = Path("inspected/own/index.html").read_text()
    counts = re.search(r"(\d+) train, (\d+) valid, (\d+) test", page)
    assert told in page and counts
    of = {"rows": 60, "files": 30}[kind]
    assert 0.6 * of < sum(map(int, counts.groups())) < 1.4 * of
