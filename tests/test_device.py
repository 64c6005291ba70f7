"""What a device can: in which precision, and whether the same each time."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from seqarena.config import Experiment
from seqarena.device import computable, deterministic
from seqarena.errors import InputError, InputWarning

CPU = torch.device("cpu")


def test_a_gpu_that_emulates_bfloat16_computes_in_float32(
    experiment: Callable[..., Experiment], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A T4 does: slower than in float32."""

    def supported(including_emulation: bool = True) -> bool:
        return including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    protocol = experiment("audio", precision="bfloat16").protocol
    with pytest.warns(InputWarning, match="this cuda does not compute it in hardware"):
        assert computable(protocol, torch.device("cuda")).precision == "float32"


def test_what_is_not_deterministic_is_named() -> None:
    step = torch.arange(2)
    told = (
        "protocol.deterministic: true, but put_ comes out the same each time on no cpu; "
        "set it to false, or leave out the variants that need it"
    )
    with pytest.raises(InputError) as raised, deterministic(True, CPU):
        torch.zeros(2).put_(step, torch.ones(2))
    assert str(raised.value) == told
    assert not torch.are_deterministic_algorithms_enabled()
    with pytest.raises(RuntimeError, match="another"), deterministic(True, CPU):
        raise RuntimeError("another")
    with deterministic(False, CPU):
        torch.zeros(2).put_(step, torch.ones(2))
