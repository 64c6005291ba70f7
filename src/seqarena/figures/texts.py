"""Texts that were written for sequences, token by token."""

from __future__ import annotations

from collections.abc import Callable

from seqarena.figures.final import Caption, Final, item_of
from seqarena.tasks.transduction import written


def paint_texts(final: Final) -> Callable[[int], Caption]:
    """Write what was written beside the truth."""
    spec, test, examples = final.spec, final.test, final.test.examples()
    said = [written(hypothesis.tokens, spec) for hypothesis in final.answers]
    rows = [
        [example["id"], item_of(example), example["target"], said[n], f"{h.log_probability:.4f}"]
        for n, (example, h) in enumerate(zip(examples, final.answers, strict=True))
    ]
    final.write_rows(["id", "input", "truth", "predicted", "log_probability"], rows)

    def caption(index: int) -> Caption:
        tokens = final.answers[index].tokens
        right = tokens == test.target(index)[:-1].tolist()
        truth = "" if right else f" (the truth: {examples[index]['target']})"
        names = [spec.target_vocabulary[token] for token in tokens]
        return Caption(f"{final.variant} writes: {said[index]}{truth}", names)

    return caption
