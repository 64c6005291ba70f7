"""What only a GPU shows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from seqarena.config import Experiment
from seqarena.data.store import Prepared
from seqarena.fit import Training, fit
from seqarena.models.recurrent.layers import Bidirectional, Fused, Stack
from seqarena.predict import Predictor
from support import save_trained

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


@pytest.mark.parametrize("variant", ["gru", "lstm", "lstm_attention"])
def test_bfloat16_learns_what_float32_learns(
    variant: str,
    prepared: dict[str, Path],
    experiment: Callable[..., Experiment],
    hyperparameters: Callable[..., dict[str, Any]],
) -> None:
    losses = []
    for precision in ("float32", "bfloat16"):
        training = Training(
            experiment("audio", precision=precision),
            Prepared(prepared["audio"]),
            variant,
            hyperparameters(variant, "audio"),
            1,
        )
        assert training.device.type == "cuda"
        losses.append([epoch.train_loss for epoch in training.epochs()])
    assert losses[1] == pytest.approx(losses[0], rel=0.1)


@pytest.mark.parametrize(
    ("variant", "modality"), [("lstm_attention", "audio"), ("gru", "series"), ("bag", "text")]
)
def test_a_saved_model_answers_as_on_the_cpu(
    variant: str,
    modality: str,
    prepared: dict[str, Path],
    experiment: Callable[..., Experiment],
    hyperparameters: Callable[..., dict[str, Any]],
    tmp_path: Path,
) -> None:
    config, chosen = experiment(modality, epochs=1), hyperparameters(variant, modality)
    training, _ = fit(config, prepared[modality], variant, chosen, 0)
    folder = save_trained(tmp_path / "m", training, config.task, variant, seed=0)
    test = Prepared(prepared[modality]).split("test")
    sequences = [test.sequence(index) for index in range(len(test))]
    key = "forecast" if modality == "series" else "probability"
    here, there = (
        [answer[key] for answer in Predictor(folder, torch.device(name)).predict(sequences)]
        for name in ("cpu", "cuda")
    )
    for mine, other in zip(here, there, strict=True):
        assert other == pytest.approx(mine, rel=1e-3)


def test_layers_do_not_wait_for_the_gpu() -> None:
    gpu = torch.device("cuda")
    layer = Stack([Bidirectional(Fused("lstm", 8, 8), Fused("lstm", 8, 8)), Fused("gru", 16, 8)])
    layer.to(gpu)
    x, lengths = torch.randn(4, 7, 8, device=gpu), torch.tensor([2, 7, 4, 1], device=gpu)
    layer(x, lengths=lengths)  # kernels are loaded at the first call
    torch.cuda.set_sync_debug_mode("error")
    try:
        outputs, _ = layer(x, lengths=lengths)
        outputs.sum().backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")
