"""The decoding methods and their parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from seqarena.decode.beam import beam_search
from seqarena.decode.ctc import ctc_greedy, ctc_prefix_beam
from seqarena.decode.sampling import greedy, sample
from seqarena.decode.stepper import Hypothesis, Stepper
from seqarena.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """A decoding method, and how many hypotheses of each sequence it keeps."""

    method: Literal["greedy", "sample", "beam"] = "greedy"
    beam: int = 5  # hypotheses side by side
    length_penalty: float = 0.6  # see `beam_search`
    coverage_penalty: float = 0.0
    temperature: float = 1.0  # see `sample`
    top_k: int | None = None
    top_p: float = 1.0
    seed: int = 0
    best: int = 1  # at most `beam`; several samples are drawn one after another

    def decode_ctc(self, logits: Tensor, lengths: Tensor) -> list[list[Hypothesis]]:
        """Decode CTC logits ``(B, S, V)``: each step of the sources gives a token or a blank.

        Raises `InputError` for samples: a drawn alignment is not a drawn text.
        """
        if self.method == "greedy":
            return [[hypothesis] for hypothesis in ctc_greedy(logits, lengths)]
        if self.method == "beam":
            return ctc_prefix_beam(logits, lengths, width=self.beam, best=self.best)
        raise InputError("--decoding: a CTC model writes by 'greedy' or 'beam', not by 'sample'")

    def __call__(self, stepper: Stepper, max_length: int) -> list[list[Hypothesis]]:
        """Decode every sequence of the stepper; best first."""
        if self.method == "greedy":
            return [[hypothesis] for hypothesis in greedy(stepper, max_length)]
        if self.method == "beam":
            return beam_search(
                stepper,
                max_length,
                width=self.beam,
                length_penalty=self.length_penalty,
                coverage_penalty=self.coverage_penalty,
                best=self.best,
            )
        drawn = [
            sample(
                stepper,
                max_length,
                temperature=self.temperature,
                top_k=self.top_k,
                top_p=self.top_p,
                seed=self.seed + number,
            )
            for number in range(self.best)
        ]
        return [
            sorted(each, key=lambda hypothesis: -hypothesis.score)
            for each in zip(*drawn, strict=True)
        ]
