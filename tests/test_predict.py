"""A model folder answers for sequences of any length as the model in training did."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from seqarena.config import Experiment
from seqarena.data.batches import Batches
from seqarena.data.store import Prepared
from seqarena.errors import InputError
from seqarena.fit import Training, fit
from seqarena.predict import Predictor
from support import save_trained

PAIRS = [("gru", "text"), ("lstm_attention", "audio"), ("gru_attention", "series")]
PAIRS += [("bilstm", "series"), ("conv_lstm", "video")]


@pytest.fixture
def trained(
    tmp_path: Path,
    prepared: dict[str, Path],
    experiment: Callable[..., Experiment],
    hyperparameters: Callable[..., dict[str, Any]],
) -> Callable[[str, str], tuple[Training, Path]]:
    def train(variant: str, modality: str) -> tuple[Training, Path]:
        chosen = hyperparameters(variant, modality)
        config = experiment(modality, epochs=1)
        training, _ = fit(config, prepared[modality], variant, chosen, 0)
        return training, save_trained(tmp_path / "m", training, config.task, variant, seed=0)

    return train


@pytest.mark.parametrize(("variant", "modality"), PAIRS)
def test_a_saved_model_answers_as_it_did(
    variant: str, modality: str, trained: Any, prepared: dict[str, Path]
) -> None:
    training, folder = trained(variant, modality)
    predictor = Predictor(folder)
    assert predictor.spec == training.spec
    test = Prepared(prepared[modality]).split("test")
    predictions = predictor.predict([test.sequence(index) for index in range(len(test))])
    training.model.eval()
    for indices, batch in Batches(test, 3).in_order():
        with torch.inference_mode():
            output = training.model(batch)
        wanted = training.task.predict(output, batch, training.spec)
        for row, index in enumerate(indices):
            prediction = predictions[int(index)]
            key = "forecast" if modality == "series" else "probability"
            assert prediction[key] == pytest.approx(wanted[row][key], rel=1e-4)
            if output.weights is None:
                assert "attention" not in prediction
                continue
            length = int(output.lengths[row])
            assert prediction["attention"].shape[-1] == length
            mine = output.weights[row, ..., :length].numpy()
            np.testing.assert_allclose(prediction["attention"], mine, rtol=1e-4, atol=1e-6)


def test_any_length_and_any_number(trained: Any) -> None:
    predictor = Predictor(trained("lstm_attention", "audio")[1])
    random = np.random.default_rng(0)
    items = [random.normal(size=(n % 40 + 1, 5)).astype(np.float32) for n in range(130)]
    together = predictor.predict(items)
    assert len(together) == 130
    for index in (0, 63, 64, 129):
        (alone,) = predictor.predict([items[index]])
        assert together[index]["probability"] == pytest.approx(alone["probability"], rel=1e-4)
        assert together[index]["attention"].shape == (1, 1, len(items[index]))
        assert together[index]["attention"].sum() == pytest.approx(1, rel=1e-5)
    assert predictor.predict([]) == []


def test_the_weights_are_no_pickle(trained: Any) -> None:
    training, folder = trained("gru", "text")
    assert sorted(path.name for path in folder.iterdir()) == [
        "digests.json",
        "model.json",
        "spec.json",
        "weights.safetensors",
    ]
    with safe_open(folder / "weights.safetensors", "pt") as weights:
        assert set(weights.keys()) == training.model.state_dict().keys()


@pytest.mark.parametrize("part", ["weights.safetensors", "spec.json", "model.json", "digests.json"])
def test_a_damaged_model_is_named(trained: Any, part: str) -> None:
    _, folder = trained("gru", "text")
    content = bytearray((folder / part).read_bytes())
    content[-3] ^= 1
    (folder / part).write_bytes(content)
    with pytest.raises(InputError, match=r"m/.*(damaged).*"):
        Predictor(folder)


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing: no model here; run `dvc repro` first"):
        Predictor(tmp_path / "nothing")
