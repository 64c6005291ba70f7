"""The contenders of the benchmarks can be made; what they measure is not a test."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from benchmarks import fit, forecast, gpu, joey, loops, scan, translation
from benchmarks.turns import Turns, interleave, tell

from seqarena.data.store import DataSpec
from seqarena.models.variants import VARIANTS
from support import ROOT
from test_layers import HEAVY

TRAIN = {"text": 8, "video": 8, "series": 256, "pairs": 8}  # sequences; of a series, hours
TRAINED = [
    *((modality, variant, fit.COMMON | own) for modality, variant, own, *_ in fit.CASES),
    *(
        ("series", variant, forecast.COMMON | own | {"patch": patch})
        for variant, own in forecast.CASES
        for patch in forecast.PATCHES.values()
    ),
    *gpu.CASES,
]


@pytest.mark.parametrize(("modality", "variant", "hyperparameters"), TRAINED)
def test_the_bare_loop_trains_the_model_of_every_case(
    modality: str, variant: str, hyperparameters: dict[str, Any], tmp_path: Path
) -> None:
    size = TRAIN[modality]
    prepared = loops.MODALITIES[modality](tmp_path, train=size, valid=size)
    model = loops.build(prepared, variant, hyperparameters)
    assert not any(
        type(module).__module__.endswith("regularisation.dropout") for module in model.modules()
    )
    before = [parameter.detach().clone() for parameter in model.parameters()]
    optimizer = loops.stock_optimizer(model, hyperparameters)
    loops.bare_epoch(model, optimizer, loops.Epochs(prepared))
    assert not all(map(torch.equal, before, model.parameters()))


def test_what_is_measured_on_a_gpu_needs_torch_alone(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
for name in {HEAVY!r}:
    sys.modules[name] = None
from benchmarks import gpu, loops
kind, variant, h = gpu.CASES[1]
loops.MODALITIES[kind] = lambda folder: loops.pairs(folder, train=8, valid=8)
print(gpu.training_of(Path(sys.argv[1]), kind, variant, h, "float32").advance().epoch)
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "1"


@pytest.mark.parametrize("name", scan.LAYERS)
def test_a_loop_over_steps_says_what_all_at_once_do(name: str) -> None:
    x = torch.randn(2, 70, scan.WIDTH)
    expected = scan.reading(name)(x)
    with scan.step_by_step():
        found = scan.reading(name)(x)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert not torch.equal(found, expected), "it was no loop"


def test_the_tcn_of_its_authors_says_what_ours_does() -> None:
    ours, bare = scan.both_tcns()
    x = torch.randn(2, 300, scan.WIDTH)
    found, _ = ours.eval()(x, torch.tensor([300, 300]))
    theirs = bare.eval()(x.transpose(1, 2)).transpose(1, 2)
    torch.testing.assert_close(found, theirs, rtol=1e-4, atol=1e-5)


@pytest.fixture
def phrases(
    tmp_path: Path,
    specs: dict[str, DataSpec],
    prepare: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """Prepare texts to be written, as `translation.phrases` does."""
    monkeypatch.setitem(VARIANTS, translation.NAME, translation.VARIANT)  # gone after the test
    spec = replace(
        specs["text"],
        classes=(),
        target_vocabulary=("<pad>", "<unk>", "<end>", "no", "yes", *"abcdefgh"),
        max_target_length=4,
        target_unit="words",
    )
    prepare(tmp_path / "prepared", spec, (64, 16, 8))
    return tmp_path


def test_a_round_of_translation_trains(phrases: Path) -> None:
    step = translation.train(phrases, 16)
    first, second = step(), step()
    assert len(first) == 4
    assert sum(loss for loss, *_ in second) < sum(loss for loss, *_ in first)
    batches = translation.chosen(phrases, 16)
    others = list(joey.mixed(batches))
    for each in (0, 2):
        assert sorted(sequences(batches, each)) == sorted(sequences(others, each))
    assert sequences(batches, 0) != sequences(others, 0)


def sequences(batches: list[Any], place: int) -> list[list[int]]:
    return [
        row[:length].tolist()
        for batch in batches
        for row, length in zip(batch[place], batch[place + 1], strict=True)
    ]


@pytest.mark.parametrize("epochs", [1, 3])
def test_the_loop_over_sentences_finds_what_beam_search_finds(phrases: Path, epochs: int) -> None:
    model = translation.trained(phrases, 16, epochs)
    (batch,) = translation.chosen(phrases, 16, "valid", 16)
    for longest in (1, 6):
        with torch.inference_mode():
            together = translation.beam_of_all(model, batch, longest)
            alone = [
                translation.beam_of_one(translation.speaking(model, one), longest)
                for one in translation.alone(batch)
            ]
        assert [each.tokens for each in alone] == [each.tokens for each in together]
        for one, other in zip(alone, together, strict=True):
            assert one.score == pytest.approx(other.score, abs=1e-4)


def test_what_joeynmt_cannot_hold_is_not_trained(phrases: Path) -> None:
    weights = translation.trained(phrases, 16, 1).state_dict()
    assert not weights["head.attention.key.bias"].any()
    assert not weights["head.output.bias"].any()
    for name in ("weight", "bias"):
        hidden, cell = weights[f"head.bridge.{name}"].chunk(2)
        assert torch.equal(hidden, cell)


def test_a_missing_checkout_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv(joey.CHECKOUT, str(tmp_path))
    assert not joey.found()
    assert capsys.readouterr().out.count("\n") == 1
    monkeypatch.delenv(joey.CHECKOUT)
    assert not joey.found()
    assert "JOEYNMT" in capsys.readouterr().out


def present(turns: Turns, _: Path) -> None:
    while True:
        turns.wait()
        turns.report(1.0)


def absent(turns: Turns, _: Path) -> None:
    import no_such_library

    no_such_library.contend(turns)


def absent_with_a_note(turns: Turns, _: Path) -> None:
    try:
        import no_such_library  # noqa: F401
    except ImportError as error:
        error.add_note("pip install such-a-library")
        raise


def broken(turns: Turns, _: Path) -> None:
    turns.wait()
    raise ValueError("no figure")


def ended(turns: Turns, _: Path) -> None:
    os._exit(1)


@pytest.mark.whole
def test_a_contender_that_cannot_be_imported_is_left_out(
    capfd: pytest.CaptureFixture[str],
) -> None:
    contenders = {"ours": (present,), "theirs": (absent,), "others": (absent_with_a_note,)}
    figures = interleave(contenders, rounds=2)
    assert figures == {"ours": [1.0, 1.0], "theirs": [], "others": []}
    tell("over theirs", figures["theirs"], figures["ours"], 2.0)
    printed, errors = capfd.readouterr()
    why = "left out, No module named 'no_such_library'; install it by: pip install"
    theirs, others = printed.splitlines()
    assert theirs.startswith(f"theirs: {why}")
    assert theirs.endswith("'.[bench]'")
    assert others == f"others: {why} such-a-library"
    assert not errors
    interleave(contenders, rounds=1)
    assert not capfd.readouterr().out, "it is said once"


def test_a_benchmark_without_contenders_ends() -> None:
    with pytest.raises(SystemExit, match="no contender is left"):
        interleave({"theirs": (absent,)}, rounds=1)


@pytest.mark.parametrize(
    ("contender", "message"),
    [(broken, "ValueError: no figure"), (ended, "theirs: its process ended")],
)
def test_what_goes_wrong_in_a_contender_is_raised(contender: Any, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        interleave({"ours": (present,), "theirs": (contender,)}, rounds=1)
