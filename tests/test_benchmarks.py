"""The contenders of the benchmarks can be made; what they measure is not a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from benchmarks import fit, loops


@pytest.mark.parametrize(("modality", "variant", "own", "_bare", "_lightning"), fit.CASES)
def test_the_bare_loop_trains_the_model_of_every_case(
    modality: str, variant: str, own: dict[str, Any], _bare: float, _lightning: Any, tmp_path: Path
) -> None:
    prepared = loops.MODALITIES[modality](tmp_path, train=8, valid=4)
    hyperparameters = fit.COMMON | own
    model = loops.build(prepared, variant, hyperparameters)
    assert not any(type(module).__module__.endswith("models.dropout") for module in model.modules())
    before = [parameter.detach().clone() for parameter in model.parameters()]
    optimizer = loops.stock_optimizer(model, hyperparameters)
    loops.bare_epoch(model, optimizer, loops.Epochs(prepared, 8))
    assert not all(map(torch.equal, before, model.parameters()))
