"""Texts that were written for sequences, token by token."""

from __future__ import annotations

from collections.abc import Callable

from seqarena.data.tokens import readable
from seqarena.figures.final import Caption, Final, item_of
from seqarena.models.variants import VARIANTS
from seqarena.tasks.text_scores import written


def draw_texts(final: Final) -> Callable[[int], Caption]:
    """Write what was written beside the truth."""
    spec, test, examples = final.spec, final.test, final.test.examples()
    predicted = [written(hypothesis.tokens, spec) for hypothesis in final.predictions]
    rows = [
        [
            example["id"],
            item_of(example),
            example["target"],
            predicted[n],
            f"{h.log_probability:.4f}",
        ]
        for n, (example, h) in enumerate(zip(examples, final.predictions, strict=True))
    ]
    final.write_rows(["id", "input", "truth", "predicted", "log_probability"], rows)

    points = VARIANTS[final.variant].decoder == "pointer"
    copied = "; head 2 is what it copied" if points else ""

    def caption(index: int) -> Caption:
        tokens = final.predictions[index].tokens
        right = tokens == test.target(index)[:-1].tolist()
        truth = "" if right else f" (the truth: {examples[index]['target']})"
        names = [readable(spec.target_vocabulary[token]) for token in tokens]
        return Caption(f"{final.variant} writes: {predicted[index]}{truth}{copied}", names)

    return caption
