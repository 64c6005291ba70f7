"""An exported model answers in onnxruntime as it does here, for every variant that has a graph."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch

from seqarena.data.store import DataSpec
from seqarena.errors import InputError
from seqarena.export import onnx as exporting
from seqarena.export.onnx import export_onnx
from seqarena.models.variants import VARIANTS
from seqarena.predict import Predictor, save_model
from seqarena.tasks import TASKS, task_for

Choose = Callable[..., dict[str, Any]]
# A modality changes the frontend alone: each variant over one, and one variant over each.
PAIRS = [(name, min(variant.modalities)) for name, variant in VARIANTS.items()]
PAIRS += [("bilstm", name) for name in sorted(VARIANTS["bilstm"].modalities - {"audio"})]
TASKS_OF = {"series": "forecasting", "music": "music_modelling"}
OTHERS = [  # of each task, and of each form that is traced otherwise than it trains
    ("gru", "text", "multi_label_classification"),
    ("gru", "text", "regression"),
    ("gru", "series", "quantile_forecasting"),
    ("bilstm", "audio", "labelling"),
    ("bilstm_crf", "text", "labelling"),
    ("lstm_location", "text", "labelling"),
    ("lstm_forward", "audio", "labelling"),
    ("transformer", "audio", "labelling"),
    ("bilstm_attention", "text", "labelling"),
    ("lstm_local_p", "text", "language_modelling"),
    ("causal_transformer", "music", "music_modelling"),
    ("conv_bilstm", "video", "labelling"),
    ("gru", "text", "language_modelling"),
    ("rnn", "music", "music_modelling"),
    ("bilstm_ctc", "audio", "transduction"),
    ("lstm_ctc", "image", "transduction"),
]


@pytest.fixture
def saved(
    tmp_path: Path, specs: dict[str, DataSpec], hyperparameters: Choose
) -> Callable[..., Predictor]:
    def save(variant: str, modality: str, task: str, **chosen: Any) -> Predictor:
        torch.manual_seed(0)
        spec = replace(
            specs[modality], target_vocabulary=("<pad>", "<unk>", "<end>", "good", "bad")
        )
        spec = replace(spec, max_target_length=3)
        space = {"embedding": 8, "embedding_std": 1.0}
        chosen = {**space, **hyperparameters(variant, modality), **chosen}
        model = task_for(task).model(variant, spec, chosen)
        for name, parameter in [*model.named_parameters(), *model.named_buffers()]:
            if name == "head.margins":  # as a calibration would have set them
                parameter.data.uniform_(-0.1, 0.3)
            if parameter.is_floating_point():  # not the places of what is counted
                parameter.data.mul_(1.5)  # larger than at the start, so that an error would show
        about = {"task": task, "variant": variant, "hyperparameters": chosen, "experiment": "mine"}
        save_model(tmp_path / "m", model.state_dict(), spec, about)
        return Predictor(tmp_path / "m")

    return save


def task_of(variant: str, modality: str) -> str:
    """Return the first task that takes a variant over a modality."""
    wanted = TASKS_OF.get(modality)
    names = [wanted] if wanted else ["classification"]
    names += [name for name, task in TASKS.items() if modality in task.modalities]
    fitting = [name for name in names if not TASKS[name].incompatibility(VARIANTS[variant])]
    return fitting[0] if fitting else ""


@pytest.mark.whole
@pytest.mark.parametrize(("variant", "modality"), PAIRS)
def test_every_variant_answers_the_same_as_a_graph(
    variant: str, modality: str, saved: Callable[..., Predictor], tmp_path: Path
) -> None:
    task = task_of(variant, modality)
    if not task:
        pytest.skip("no task takes it")
    check(saved(variant, modality, task), tmp_path / "m.onnx")


@pytest.mark.whole
@pytest.mark.parametrize(("variant", "modality", "task"), OTHERS)
def test_every_task_answers_the_same_as_a_graph(
    variant: str, modality: str, task: str, saved: Callable[..., Predictor], tmp_path: Path
) -> None:
    check(saved(variant, modality, task), tmp_path / "m.onnx")


def check(predictor: Predictor, path: Path) -> None:
    reason = exporting.unexportable(predictor.model)
    if reason is not None:
        with pytest.raises(InputError, match="token by token"):
            export_onnx(predictor, path, {})
        assert not path.exists()
        return
    exported = export_onnx(predictor, path, {})
    assert exported.difference is not None and exported.difference < 1e-4
    proto = onnx.load(path)
    onnx.checker.check_model(proto)
    inputs, lengths = (each.type.tensor_type.shape.dim for each in proto.graph.input)
    assert inputs[0].dim_param == lengths[0].dim_param == "batch"
    assert predictor.spec.modality == "image" or inputs[1].dim_param == "length"
    assert [each.name for each in proto.graph.output] == list(exported.outputs)


def test_what_writes_token_by_token_is_refused_in_one_line(
    saved: Callable[..., Predictor], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"--onnx: gru writes token by token.*seqarena predict"):
        export_onnx(saved("gru", "text", "transduction"), tmp_path / "m.onnx", {})


def test_the_graph_says_what_it_is_fed_and_what_it_answers(
    saved: Callable[..., Predictor], tmp_path: Path
) -> None:
    predictor = saved("bilstm_crf", "text", "labelling")
    export_onnx(predictor, tmp_path / "m.onnx", {"data": "abc"})
    told = {each.key: each.value for each in onnx.load(tmp_path / "m.onnx").metadata_props}
    assert told["seqarena.experiment"] == "mine" and told["seqarena.data"] == "abc"
    assert json.loads(told["seqarena.classes"]) == ["no", "yes"]
    assert json.loads(told["seqarena.spec"])["vocabulary"] == list(predictor.spec.vocabulary)
    assert set(json.loads(told["seqarena.transitions"])) == {"start", "between", "end"}
    assert "Viterbi" in told["seqarena.meaning"]


def test_a_graph_that_answers_otherwise_is_not_written(
    saved: Callable[..., Predictor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = saved("gru", "text", "classification")
    true = exporting.traceable

    def wrong(model: Any) -> Any:
        changed = true(model)
        changed.head.output[1].bias.data += 1e-3
        return changed

    monkeypatch.setattr(exporting, "traceable", wrong)
    with pytest.raises(InputError, match=r"gru: logits is .* from the model's own"):
        export_onnx(predictor, tmp_path / "m.onnx", {})
    assert not (tmp_path / "m.onnx").exists()


def test_what_is_not_installed_is_named(
    saved: Callable[..., Predictor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"needs onnx; `pip install seqarena\[onnx\]`"):
        export_onnx(saved("gru", "text", "classification"), tmp_path / "m.onnx", {})
