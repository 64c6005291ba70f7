"""A CRF over the states of an encoder: what it learns, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seqarena.config import Experiment, parse
from seqarena.data.batches import Batch, collate
from seqarena.data.store import DataSpec, Prepared, write_spec
from seqarena.data.writing import write_sequences
from seqarena.decode import Chain
from seqarena.figures import draw_final
from seqarena.figures.transitions import transitions_of
from seqarena.fit import fit
from seqarena.inference import evaluate, predict_split
from seqarena.models.crf import CRFHead, CRFLogits
from seqarena.models.heads import Encoded
from seqarena.models.outputs import Logits
from seqarena.models.variants import VARIANTS
from seqarena.predict import Predictor
from seqarena.tasks import TASKS
from seqarena.tasks.outputs import StepLabels
from support import save_trained

Choose = Callable[..., dict[str, Any]]
TASK = TASKS["labelling"]
TAGS = ("B-x", "I-x", "O")


def output_of(dtype: torch.dtype = torch.float32) -> tuple[CRFLogits, Batch]:
    """Sequences of 6, 1 and 4 steps through a head with scores of its own."""
    torch.manual_seed(0)
    head = CRFHead(5, None, 3, 0.0)
    for part in head.chain:
        torch.nn.init.normal_(part)
    lengths = torch.tensor([6, 1, 4])
    states = torch.randn(3, 6, 5)
    targets = torch.randint(1, 4, (3, 6)) * (torch.arange(6) < lengths[:, None])
    batch = Batch(torch.empty(3), lengths, targets, lengths)
    with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        return head(Encoded(states, states[:, 0], lengths), batch), batch


def test_labels_by_themselves_cost_what_cross_entropy_says() -> None:
    output, batch = output_of()
    chain = Chain(*(torch.zeros_like(part) for part in output.chain))
    loss, count = TASK.loss(replace(output, chain=chain), batch)
    wanted, _ = TASK.loss(Logits(logits=output.logits, lengths=output.lengths), batch)
    torch.testing.assert_close(loss, wanted)
    assert count == 11


def test_steps_without_a_label_are_summed_over() -> None:
    """The probability of some labels is that of all sequences that hold them."""
    output, batch = output_of()
    known = batch.targets.clone()
    known[0, 2], known[2, 0] = 0, 0
    partial = output.nll(known - 1).neg().exp()
    total = torch.zeros(3)
    for first in (1, 2, 3):
        filled = known.clone()
        filled[0, 2] = filled[2, 0] = first
        total += output.nll(filled - 1).neg().exp()
    torch.testing.assert_close(partial[[0, 2]], total[[0, 2]])
    torch.testing.assert_close(output.nll(torch.full((3, 6), -1)), torch.zeros(3))


def test_sums_are_in_single_precision_where_the_rest_is_not() -> None:
    output, batch = output_of(torch.bfloat16)
    assert output.logits.dtype == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = TASK.training_loss(output, batch, {})
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, TASK.loss(output_of()[0], batch)[0], rtol=0.02, atol=0.02)


def test_what_stands_in_padding_changes_neither_loss_nor_answer(
    specs: dict[str, DataSpec], hyperparameters: Choose
) -> None:
    spec = replace(specs["text"], classes=TAGS)
    torch.manual_seed(0)
    model = TASK.model("bilstm_crf", spec, hyperparameters("bilstm_crf", "text")).eval()
    for parameter in model.parameters():
        parameter.data.normal_()
    items = [np.array(steps, np.int32) for steps in ([3, 4, 5, 6, 7, 8], [9], [4, 9, 3])]
    batch = collate(items)
    labels = torch.tensor([[1, 2, 3, 3, 1, 2], [1, 0, 0, 0, 0, 0], [3, 1, 2, 0, 0, 0]])
    batch = batch._replace(targets=labels, target_lengths=batch.lengths)
    together, alone = TASK.predict(TASK.forward(model, batch, spec), batch, spec), []
    losses = 0.0
    for item, row in zip(items, labels, strict=True):
        own = collate([item])._replace(targets=row[None, : len(item)])
        losses += float(TASK.loss(model(own), own)[0].detach())
        alone += TASK.predict(TASK.forward(model, own, spec), own, spec)
    assert float(TASK.loss(model(batch), batch)[0].detach()) == pytest.approx(losses, rel=1e-5)
    for one, other in zip(together, alone, strict=True):
        assert one["labels"] == other["labels"]
        assert one["probabilities"] == pytest.approx(other["probabilities"])


SHARES = {("B-x", "I-x"): 0.4, ("B-y", "O"): 0.3, ("O", "O"): 0.3}
CLASSES = ("B-x", "B-y", "I-x", "O")


def ambiguous_names(folder: Path, spec: DataSpec) -> Path:
    """Texts in which two words after a cue are one of three pairs of tags, told by nothing.

    Step by step B-x is likeliest, then O: a pair that never is.
    """
    random = np.random.default_rng(0)
    sizes = {"train": 600, "valid": 100, "test": 100}
    for split, count in sizes.items():
        sequences, targets = [], []
        for pair, share in SHARES.items():
            for _ in range(round(share * count)):
                before, after = (random.integers(5, 15, random.integers(4)) for _ in range(2))
                words = [*before, 2, 3, 3, *after]
                tags = ["O"] * (len(before) + 1) + [*pair] + ["O"] * len(after)
                sequences.append(np.array(words, np.int32))
                targets.append(np.array([1 + CLASSES.index(tag) for tag in tags], np.int32))
        examples = [{"id": f"e{n}", "text": f"text {n}"} for n in range(count)]
        write_sequences(folder / split, sequences, targets, examples)
    write_spec(folder / "spec.json", replace(spec, classes=CLASSES, sizes=sizes))
    return folder


def tagging(*variants: str, **more: Any) -> Experiment:
    raw = {
        "data": "movie_reviews",
        "modality": "text",
        "task": "labelling",
        "metric": "span_f1",
        "prepare": {"targets": "labels"},
        "variants": list(variants),
        "protocol": {"epochs": 6, "batch_size": 16, **more},
    }
    return parse(Experiment, raw, "here")


def test_it_says_what_goes_together_and_step_by_step_models_what_never_does(
    tmp_path: Path, specs: dict[str, DataSpec], hyperparameters: Choose
) -> None:
    """What is best is known: of the likeliest pair two in five are right, of the other none."""
    folder, found = ambiguous_names(tmp_path / "data", specs["text"]), {}
    data = Prepared(folder)
    for variant in ("bilstm", "bilstm_crf"):
        chosen = hyperparameters(variant, "text", learning_rate=0.02)
        training, epochs = fit(tagging(variant), folder, variant, chosen, 0)
        _, found[variant] = evaluate(
            training.model, TASK, data.split("test"), data.spec, training.protocol
        )
        assert epochs[-1].train_loss < epochs[0].train_loss
    right, true, said = 0.4, 0.7, 1.0  # spans by text
    assert found["bilstm_crf"]["span_f1"] == pytest.approx(2 * right / (true + said))
    assert found["bilstm"]["span_f1"] == 0

    scores = transitions_of(training.model)
    assert scores is not None
    assert scores[:, CLASSES.index("I-x")].argmax() == 1 + CLASSES.index("B-x")
    assert np.isnan(scores[0, -1]) and np.isfinite(scores).sum() == 24
    said = [np.zeros((n, len(CLASSES)), np.float32) for n in data.split("test").lengths]
    draw_final(tmp_path / "f", folder, "labelling", "crf", said, {}, [0], transitions=scores)
    assert (tmp_path / "f" / "transitions.png").is_file()

    predictor = Predictor(save_trained(tmp_path / "model", training, "labelling", "bilstm_crf"))
    (answer,) = predictor.predict([np.array([7, 2, 3, 3, 9], np.int32)])
    assert answer["labels"] == ["O", "O", "B-x", "I-x", "O"]
    wanted = [1, 1, 0.4, 0.4, 1]
    np.testing.assert_allclose(answer["probabilities"], wanted, atol=0.1)

    test = (data.split("test"), data.spec, training.protocol)
    for _, batch, output in predict_split(predictor.model, TASK, *test):
        claimed = TASK.output_from_predictions(TASK.predictions(output), batch)
        for name in ("accuracy", "span_f1", "macro_f1"):
            rows_of = partial(TASK.metrics[name].statistics, batch=batch, spec=data.spec)
            torch.testing.assert_close(rows_of(output), rows_of(claimed), check_layout=False)


@pytest.mark.parametrize("task", [name for name in TASKS if name != "labelling"])
def test_other_tasks_refuse_it(task: str) -> None:
    reason = TASKS[task].incompatibility(VARIANTS["bilstm_crf"])
    assert reason is not None and "\n" not in reason
    causal = replace(VARIANTS["lstm"], crf=True)
    assert TASKS[task].incompatibility(causal) == (
        "labels steps by a CRF, and no steps are labelled here"
    )
    assert TASK.incompatibility(causal) is None


def test_labels_are_ranked_behind_the_one_that_is_said() -> None:
    """What is likeliest with the labels beside it is the answer, also where it is not alone."""
    spec = DataSpec(
        modality="text",
        feature_shape=(),
        max_length=2,
        step="token",
        step_size=1.0,
        classes=("a", "b", "c"),
        labelled_tokens=(3,),
    )
    chances = torch.tensor([[[0.5, 0.1, 0.4], [0.2, 0.5, 0.3]]])
    output = StepLabels(
        logits=chances.log(),
        labels=torch.tensor([[2, 1]]),
        lengths=torch.tensor([2]),
        label_mask=torch.tensor([[True, False]]),
    )
    (answer,) = TASK.predict(output, collate([np.array([3, 4], np.int32)]), spec)
    assert answer["labels"] == ["c", "_"]
    assert answer["probabilities"] == [pytest.approx(0.4), None]
    assert list(answer["alternatives"]) == [1]
    assert list(answer["alternatives"][1].items()) == [
        ("c", pytest.approx(0.4)),
        ("a", pytest.approx(0.5)),
        ("b", pytest.approx(0.1)),
    ]
