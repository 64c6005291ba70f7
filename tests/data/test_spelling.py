"""Targets that no path of CTC can spell are counted as CTC itself would find them."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
import torch
import yaml
from torch.nn import functional as F

from seqarena.data.batches import Batch
from seqarena.data.spelling import steps_needed
from seqarena.models.writing.ctc import ctc_nll

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("tokens", [t for n in range(1, 5) for t in product((1, 2), repeat=n)])
def test_the_steps_needed_are_those_of_ctc(tokens: tuple[int, ...]) -> None:
    needed = steps_needed(tokens)
    for steps in range(1, 9):
        logs = torch.zeros(steps, 1, 3).log_softmax(2)
        truth, sizes = torch.tensor([tokens]), (torch.tensor([steps]), torch.tensor([len(tokens)]))
        assert bool(F.ctc_loss(logs, truth, *sizes).isfinite()) == (steps >= needed)


def test_what_cannot_be_spelled_has_no_probability_and_no_gradient() -> None:
    logits = torch.zeros(2, 3, 5, requires_grad=True)
    targets, lengths = torch.tensor([[3, 3, 3, 2], [3, 4, 2, 0]]), torch.tensor([3, 3])
    batch = Batch(torch.empty(2, 3), lengths, targets, torch.tensor([4, 3]))
    nll = ctc_nll(logits, lengths, batch)
    assert nll.isinf().tolist() == [True, False]
    learned = ctc_nll(logits, lengths, batch, learning=True)
    assert learned.tolist() == [0.0, float(nll[1].detach())]
    learned.sum().backward()
    assert logits.grad is not None and logits.grad.isfinite().all()
    assert not logits.grad[0].any() and logits.grad[1].any()


@pytest.mark.parametrize(("variant", "warned"), [("lstm_ctc", True), ("lstm", False)])
def test_prepare_tells_what_no_variant_can_spell(
    variant: str, warned: bool, tmp_path: Path
) -> None:
    entry = {
        "data": "./texts.csv",
        "modality": "text",
        "task": "transduction",
        "metric": "wer",
        "variants": [variant],
        "prepare": {"targets": "words", "min_count": 1},
    }
    rows = ["a b,x y,train", "c,x y,train", "d e,y y,valid", "e,x,test"]
    (tmp_path / "texts.csv").write_text("text,target,split\n" + "\n".join(rows) + "\n")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"experiments": {"toy": entry}}))
    for stage in ("fetch", "prepare"):
        done = subprocess.run(
            [sys.executable, str(ROOT / "pipelines" / f"{stage}.py"), "toy"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            capture_output=True,
            text=True,
            check=True,
        )
    counted = "CTC: cannot spell targets longer than the steps of their sequences: "
    counted += "1 of 2 in train, 1 of 1 in valid"
    assert done.stderr == (f"warning: {counted}\n" if warned else "")
