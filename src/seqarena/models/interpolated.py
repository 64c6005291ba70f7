"""A language model interpolated with a Kneser-Ney trigram, as old as neural ones are.

Each knows what the other does not: which few words followed two others exactly, and what is alike
(Bengio et al. 2003, section 4.2; Mikolov et al. 2010, section 3). Nothing of the trigram is learned
by gradients: it is counted in train, and what it counts for is chosen by valid.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from seqarena.data.batches import Batch, mask_of
from seqarena.data.store import Array, Split
from seqarena.data.tokens import END, PAD
from seqarena.models.heads import Encoded
from seqarena.models.kneser_ney import KneserNey, Level, targets_of
from seqarena.models.model import SequenceModel
from seqarena.models.outputs import Logits

MIXTURE = "mixture"  # the hyperparameter
NONE, KNESER_NEY = CHOICES = ("none", "kneser_ney")
ORDER = 3
ROUNDS = 50  # of expectation and maximisation: one number, whose likelihood is concave


class Continuations(nn.Module):
    """What followed the histories of one length, by the places of each in long rows.

    It is kept with the weights, and takes the size of what is loaded.
    """

    histories: Tensor  # (H,), in order
    starts: Tensor  # (H + 1,), of the tokens after each
    tokens: Tensor  # (M,)
    shares: Tensor  # (M,), their probabilities, less what is left to shorter histories
    backoffs: Tensor  # (H,), what that is

    def __init__(self) -> None:
        super().__init__()
        for name in ("histories", "starts", "tokens"):
            self.register_buffer(name, torch.zeros(0, dtype=torch.long))
        for name in ("shares", "backoffs"):
            self.register_buffer(name, torch.zeros(0))
        self.register_load_state_dict_pre_hook(_take_sizes)  # type: ignore[no-untyped-call]

    def fill(self, level: Level) -> None:
        """Take the counts of one length."""
        of_key = level.keys // level.size
        places = level.histories.searchsorted(of_key)
        self.histories = torch.from_numpy(level.histories)
        self.starts = torch.from_numpy(of_key.searchsorted(level.histories)).long()
        self.starts = torch.cat([self.starts, torch.tensor([len(of_key)])])
        self.tokens = torch.from_numpy(level.keys % level.size)
        self.shares = torch.from_numpy(level.kept / level.totals[places]).float()
        self.backoffs = torch.from_numpy(level.freed / level.totals).float()

    def forward(self, history: Tensor, shorter: Tensor) -> Tensor:
        """Interpolate the probabilities ``(N, V)`` after shorter histories; `history` is ``(N,)``.

        One that was never seen leaves them as they are.
        """
        if not len(self.histories):
            return shorter
        place = torch.searchsorted(self.histories, history).clamp(max=len(self.histories) - 1)
        known = self.histories[place] == history
        found = shorter * torch.where(known, self.backoffs[place], 1.0)[:, None]
        counts = torch.where(known, self.starts[place + 1] - self.starts[place], 0)
        rows = torch.repeat_interleave(counts)
        ahead = torch.arange(len(rows), device=rows.device) - (counts.cumsum(0) - counts)[rows]
        entries = self.starts[place][rows] + ahead
        found[rows, self.tokens[entries]] += self.shares[entries]
        return found


class NGrams(nn.Module):
    """Kneser-Ney as tensors: the probabilities of all tokens, after many histories at once."""

    unigrams: Tensor  # (V,)

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("unigrams", torch.full((size,), 1 / (size - 1)))
        self.longer = nn.ModuleList(Continuations() for _ in range(ORDER - 1))

    def count(self, sequences: list[Array]) -> None:
        """Count n-grams of token ids; see `KneserNey`."""
        shortest, *longer = KneserNey(sequences, self.size, ORDER).levels
        uniform = np.full(self.size, 1 / (self.size - 1))
        found = shortest.probabilities(np.arange(self.size), uniform)
        self.unigrams = torch.from_numpy(found).float()
        self.unigrams[PAD] = 0.0
        for continuations, level in zip(self.longer, longer, strict=True):
            assert isinstance(continuations, Continuations)
            continuations.fill(level)

    def forward(self, before: Tensor, last: Tensor) -> Tensor:
        """Return the probabilities ``(*, V)`` after two tokens ``(*)``, `before` and the `last`."""
        history = (before.long() * self.size + last).flatten()
        found: Tensor = self.unigrams.expand(len(history), -1)
        for length, continuations in enumerate(self.longer, start=1):
            found = continuations(history % self.size**length, found)
        after: Tensor = found.unflatten(0, last.shape)
        return after


class Interpolated(SequenceModel):
    """A language model whose answers are in part those of a trigram.

    In training its logits are its own alone. The state also holds the last token ``(B, 1)``.
    """

    share: Tensor  # of the trigram, 0 until it is chosen

    def __init__(self, model: SequenceModel, vocabulary: int) -> None:
        super().__init__(model.frontend, model.encoder, model.head)
        self.ngrams = NGrams(vocabulary)
        self.register_buffer("share", torch.zeros(()))

    def count(self, train: Split) -> None:
        self.ngrams.count(targets_of(train))

    def encode(self, batch: Batch, state: Any = None) -> Encoded:
        own = None if state is None else state[0]
        encoded = super().encode(batch, own)
        return encoded._replace(state=(encoded.state, batch.inputs[:, -1:]))

    def forward(self, batch: Batch, state: Any = None) -> Logits:
        output = super().forward(batch, state)
        if self.training:
            return output
        odds = torch.log_softmax(output.logits.float(), -1) + torch.log1p(-self.share)
        counted = self._counted(batch, state).log() + self.share.log()
        return replace(output, logits=torch.logaddexp(odds, counted))

    @torch.no_grad()
    def weigh(self, valid: Iterable[Batch]) -> None:
        """Choose the share that makes valid likeliest (Jelinek & Mercer 1980)."""
        self.eval()
        own, counted = [], []
        for batch in valid:
            assert batch.target_lengths is not None
            real = mask_of(batch.target_lengths, batch.inputs.shape[1])
            truth = batch.targets.long()[..., None]
            chances = torch.softmax(super().forward(batch).logits.double(), -1)
            own.append(chances.gather(2, truth).squeeze(2)[real])
            counted.append(self._counted(batch, None).gather(2, truth).squeeze(2)[real].double())
        one, other = torch.cat(own), torch.cat(counted)
        share = one.new_tensor(0.5)
        for _ in range(ROUNDS):
            share = (share * other / (share * other + (1 - share) * one)).mean()
        self.share.copy_(share)

    def _counted(self, batch: Batch, state: Any) -> Tensor:
        """Return the probabilities ``(B, T, V)`` by the trigram, 0 of padding."""
        tokens = batch.inputs
        first = torch.full_like(tokens[:, :1], END) if state is None else state[1]
        found: Tensor = self.ngrams(torch.cat([first, tokens[:, :-1]], 1), tokens)
        return found


def _take_sizes(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    for name, buffer in module.named_buffers():
        if prefix + name in state:
            module.register_buffer(name, buffer.new_empty(state[prefix + name].shape))
