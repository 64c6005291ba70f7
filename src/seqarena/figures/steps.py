"""What comes next: the nll of each step of a sequence."""

from __future__ import annotations

from collections.abc import Callable

from seqarena.data.modalities import modality
from seqarena.figures.final import Caption, Final, item_of
from seqarena.plots.steps import nlls


def draw_next(final: Final) -> Callable[[int], Caption]:
    """Draw the nll of each step of a few sequences, in nats."""
    spec, test, examples = final.spec, final.test, final.test.examples()
    namer = modality(spec.modality)
    chosen = final.drawn
    labels = [namer.step_labels(test.target(index), spec) for index in chosen]
    rows = [final.predictions[index] for index in chosen]
    titles = [item_of(examples[index]) for index in chosen]
    nlls(rows, labels, titles, final.out / "steps.png")
    table = [
        [example["id"], item_of(example), len(row), f"{row.mean():.4f}"]
        for example, row in zip(examples, final.predictions, strict=True)
    ]
    final.write_rows(["id", "input", "steps", "nll"], table)

    def caption(index: int) -> Caption:
        """Name each step by what it is to tell, which is seen a step later."""
        coming = namer.step_labels(test.target(index), spec)
        title = f"{final.variant} expects what comes next in {item_of(examples[index])}"
        return Caption(title, coming, of_steps=True)

    return caption
