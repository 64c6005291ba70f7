"""Classes, of whole sequences and of their steps: what was confused with what."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from seqarena.data.batches import Batch
from seqarena.data.modalities import modality
from seqarena.data.store import Array
from seqarena.data.targets import BETWEEN, NO_LABEL
from seqarena.figures.final import Caption, Final, item_of
from seqarena.models.outputs import Logits
from seqarena.plots.reliability import reliability
from seqarena.plots.results import confusion, found_labels
from seqarena.plots.steps import timelines
from seqarena.tasks.calibration import CalibrationError


def draw_classes(final: Final) -> Callable[[int], Caption]:
    """Draw the confusion of classes of whole sequences, and how often each certainty is right."""
    classes, truth = final.spec.classes, np.asarray(final.test.targets)
    logits = np.stack(final.predictions)
    predicted = logits.argmax(1)
    _confusion(final, truth, predicted)
    probabilities = _softmax(logits).max(1)
    error = _calibration_error(final, logits, truth)
    reliability(probabilities, predicted == truth, error, final.out / "reliability.png")
    rows = [
        [example["id"], item_of(example), classes[truth[n]], classes[predicted[n]], f"{p:.4f}"]
        for n, (example, p) in enumerate(zip(final.test.examples(), probabilities, strict=True))
    ]
    final.write_rows(["id", "input", "truth", "predicted", "probability"], rows)

    def caption(index: int) -> Caption:
        title = f"{final.variant} says {classes[predicted[index]]}"
        wrong = (
            f", the truth is {classes[truth[index]]}" if predicted[index] != truth[index] else ""
        )
        return Caption(title + wrong)

    return caption


def draw_label_sets(final: Final) -> Callable[[int], Caption]:
    """Draw how often each label is found, is missed, and is said where it is not."""
    classes, truth = final.spec.classes, np.asarray(final.test.targets) > 0
    logits = np.stack(final.predictions)
    predicted = logits > 0
    parts = {
        "found": (truth & predicted).sum(0),
        "missed": (truth & ~predicted).sum(0),
        "said wrongly": (~truth & predicted).sum(0),
    }
    found_labels(parts, classes, final.out / "found_labels.png")
    examples = final.test.examples()
    chances = 1 / (1 + np.exp(-logits.astype(np.float64)))
    rows = [
        [example["id"], item_of(example), _set(truth[n], classes), _set(predicted[n], classes),
         *(f"{chance:.4f}" for chance in chances[n])]
        for n, example in enumerate(examples)
    ]  # fmt: skip
    final.write_rows(["id", "input", "truth", "predicted", *classes], rows)

    def caption(index: int) -> Caption:
        title = f"{final.variant} says {_set(predicted[index], classes) or 'no label'}"
        if (truth[index] == predicted[index]).all():
            return Caption(title)
        return Caption(f"{title}, the truth is {_set(truth[index], classes) or 'none'}")

    return caption


def _set(having: Array, classes: tuple[str, ...]) -> str:
    return f"{BETWEEN} ".join(classes[number] for number in np.flatnonzero(having))


def draw_labels(final: Final) -> Callable[[int], Caption]:
    """Draw the confusion of the classes of steps, and labels along time beside the true ones."""
    classes, test = final.spec.classes, final.test
    truth = [test.target(index) for index in range(len(test))]
    predicted = [np.asarray(logits.argmax(1)) + 1 for logits in final.predictions]
    labelled = np.concatenate(truth) != 0
    _confusion(final, np.concatenate(truth)[labelled] - 1, np.concatenate(predicted)[labelled] - 1)
    examples = test.examples()
    rows = [
        [example["id"], item_of(example), _named(right, right, classes), _named(s, right, classes)]
        for example, right, s in zip(examples, truth, predicted, strict=True)
    ]
    final.write_rows(["id", "input", "truth", "predicted"], rows)
    if np.mean(labelled) > 0.5:  # where few steps are labelled there is nothing to see along time
        lines = [(truth[index] - 1, predicted[index] - 1) for index in final.drawn]
        titles = [item_of(examples[index]) for index in final.drawn]
        timelines(lines, classes, titles, final.spec.step, final.out / "steps.png")

    def caption(index: int) -> Caption:
        steps = modality(final.spec.modality).step_labels(test.sequence(index), final.spec)
        queries = [
            f"{step} {classes[label - 1]}" if right else step
            for step, label, right in zip(steps, predicted[index], truth[index], strict=True)
        ]
        title = f"{final.variant} labels {item_of(examples[index])}"
        return Caption(title, queries, of_steps=True)

    return caption


def _named(labels: Array, truth: Array, classes: tuple[str, ...]) -> str:
    return " ".join(
        classes[label - 1] if right else NO_LABEL
        for label, right in zip(labels, truth, strict=True)
    )


def _confusion(final: Final, truth: Array, predicted: Array) -> None:
    count = len(final.spec.classes)
    matrix = np.zeros((count, count), int)
    np.add.at(matrix, (truth, predicted), 1)
    confusion(matrix, final.spec.classes, final.out / "confusion.png")


def _calibration_error(final: Final, logits: Array, truth: Array) -> float:
    """Return the error by the bins of the metric, so that a picture says what its table does."""
    said, lengths = torch.from_numpy(logits), torch.ones(len(logits))
    batch = Batch(said, lengths, torch.tensor(truth))
    metric = CalibrationError()
    return metric.of(metric.statistics(Logits(logits=said, lengths=lengths), batch, final.spec))


def _softmax(logits: Array) -> Array:
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(shifted / shifted.sum(1, keepdims=True))
