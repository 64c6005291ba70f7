"""Finals over a real Ray: fresh seeds, paired across variants, each a model on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from seqarena.config import Experiment
from seqarena.data.store import Prepared
from seqarena.fit import fit
from seqarena.predict import Predictor
from seqarena.search.cluster import Slot
from seqarena.search.finals import FinalError, train_finals
from seqarena.tracking.ledger import Ledger
from seqarena.tracking.recorder import Recorder

from .conftest import over

VARIANTS = ("gru", "lstm_attention")
Choose = Callable[..., dict[str, Any]]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.jsonl", "toy")


def test_finals_are_paired_repeatable_and_saved(
    ledger: Ledger,
    slot: Slot,
    tmp_path: Path,
    prepared: dict[str, Path],
    experiment: Callable[..., Experiment],
    hyperparameters: Choose,
) -> None:
    config = experiment("audio", VARIANTS, seed=5, seeds=2, epochs=3, patience=3)
    best = {
        variant: {"hyperparameters": hyperparameters(variant, "audio"), "run": f"of {variant}"}
        for variant in VARIANTS
    }
    finals = train_finals(
        over(config, prepared["audio"], tmp_path),
        best,
        tmp_path / "models",
        slot,
        Recorder(ledger, {"a": "b"}),
    )
    assert [(f["variant"], f["seed"]) for f in finals] == [(v, s) for v in VARIANTS for s in (6, 7)]

    runs = ledger.runs("final")
    for final in finals:
        run = runs[final["run"]]
        assert run.status == "FINISHED"
        assert run.params["seed"] == final["seed"]
        assert run.tags["search_run"] == f"of {final['variant']}" and run.tags["a"] == "b"

        chosen = best[final["variant"]]["hyperparameters"]
        training, epochs = fit(config, prepared["audio"], final["variant"], chosen, final["seed"])
        for mine, theirs in zip(final["curve"], epochs, strict=True):
            assert mine["train_loss"] == pytest.approx(theirs.train_loss, rel=1e-6)
            assert mine["valid_loss"] == pytest.approx(theirs.valid_loss, rel=1e-6)
        assert final["best_epoch"] == max(e.epoch for e in epochs if e.improved)
        assert final["parameters"] == training.parameters

        predictor = Predictor(tmp_path / "models" / final["variant"] / str(final["seed"]))
        assert predictor.about["seed"] == final["seed"]
        assert predictor.spec == Prepared(prepared["audio"]).spec
        for name, tensor in training.model.state_dict().items():
            torch.testing.assert_close(predictor.model.state_dict()[name], tensor)


def test_a_final_without_a_model_is_told(
    ledger: Ledger,
    slot: Slot,
    tmp_path: Path,
    prepared: dict[str, Path],
    experiment: Callable[..., Experiment],
    hyperparameters: Choose,
) -> None:
    config = experiment("audio", ("gru",), seeds=2, epochs=2)
    diverging = hyperparameters("gru", "audio", learning_rate=1e30, weight_decay=1e9)
    best = {"gru": {"hyperparameters": diverging, "run": "s"}}
    with pytest.raises(FinalError, match="toy: gru seed [12]: the loss is not finite"):
        train_finals(
            over(config, prepared["audio"], tmp_path),
            best,
            tmp_path / "models",
            slot,
            Recorder(ledger, {}),
        )
    assert {run.status for run in ledger.runs().values()} == {"FAILED"}
    assert not list(tmp_path.rglob("*.safetensors"))
