"""How a model is made to write, as people ask for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from seqarena.data.batches import Batch
from seqarena.decode.beam import beam_search
from seqarena.decode.sampling import greedy, sample
from seqarena.decode.stepper import Hypothesis, Stepper


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """How a model is made to write, and how many hypotheses of each sequence are kept."""

    method: Literal["greedy", "sample", "beam"] = "greedy"
    beam: int = 5  # hypotheses side by side
    length_penalty: float = 0.6  # see `beam_search`
    coverage_penalty: float = 0.0
    temperature: float = 1.0  # see `sample`
    top_k: int | None = None
    top_p: float = 1.0
    seed: int = 0
    best: int = 1  # at most `beam`; several samples are drawn one after another

    def __call__(self, stepper: Stepper, batch: Batch, longest: int) -> list[list[Hypothesis]]:
        """Write for every sequence of the batch; best first."""
        if self.method == "greedy":
            return [[hypothesis] for hypothesis in greedy(stepper, batch, longest)]
        if self.method == "beam":
            return beam_search(
                stepper,
                batch,
                longest,
                width=self.beam,
                length_penalty=self.length_penalty,
                coverage_penalty=self.coverage_penalty,
                best=self.best,
            )
        generator = torch.Generator(batch.lengths.device).manual_seed(self.seed)
        drawn = [
            sample(
                stepper,
                batch,
                longest,
                temperature=self.temperature,
                top_k=self.top_k,
                top_p=self.top_p,
                generator=generator,
            )
            for _ in range(self.best)
        ]
        return [
            sorted(each, key=lambda hypothesis: -hypothesis.score)
            for each in zip(*drawn, strict=True)
        ]
