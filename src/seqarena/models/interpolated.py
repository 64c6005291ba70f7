"""A language model interpolated with a Kneser-Ney trigram, as old as neural ones are.

Each knows what the other does not: which few words followed two others exactly, and what is alike
(Bengio et al. 2003, section 4.2; Mikolov et al. 2010, section 3). Nothing of the trigram is learned
by gradients: it is counted in train, and what it counts for is chosen by valid.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
from seqarena.models.outputs import Carried, Logits

NONE, KNESER_NEY = CHOICES = ("none", "kneser_ney")
ORDER = 3
SMALLEST = torch.finfo(torch.float32).tiny  # of a probability: its logarithm is finite
ROUNDS = 50  # of expectation and maximisation: one number, whose likelihood is concave


class Continuations(nn.Module):
    """What followed the histories of one length: the n-grams that were seen, and their shares.

    It is kept with the weights, and takes the size of what is loaded.
    """

    histories: Tensor  # (H,), in order
    starts: Tensor  # (H + 1,), of the n-grams of each
    ngrams: Tensor  # (M,), in order: the number of a history times V, and the token after it
    shares: Tensor  # (M,), their probabilities, less what is left to shorter histories
    backoffs: Tensor  # (H,), what that is

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        for name in ("histories", "starts", "ngrams"):
            self.register_buffer(name, torch.zeros(0, dtype=torch.long))
        for name in ("shares", "backoffs"):
            self.register_buffer(name, torch.zeros(0))
        self.register_load_state_dict_pre_hook(_take_sizes)  # type: ignore[no-untyped-call]

    def fill(self, level: Level) -> None:
        """Take the counts of one length."""
        before = level.keys // level.size
        totals = level.totals[level.histories.searchsorted(before)]
        starts = np.append(before.searchsorted(level.histories), len(before))
        self.histories, self.ngrams = (torch.from_numpy(n) for n in (level.histories, level.keys))
        self.starts = torch.from_numpy(starts).long()
        self.shares = torch.from_numpy(level.kept / totals).float()
        self.backoffs = torch.from_numpy(level.freed / level.totals).float()

    def add_to(self, chances: Tensor, history: Tensor, weight: Tensor) -> Tensor:
        """Add what followed histories ``(N,)`` to ``(N, V)`` in place, times a weight ``(N,)``.

        Return the weight that is left to shorter ones: all of it of one that was never seen.
        """
        if not len(self.histories):
            return weight
        place, known = _found(self.histories, history)
        counts = torch.where(known, self.starts[place + 1] - self.starts[place], 0)
        rows = torch.repeat_interleave(counts)
        ahead = torch.arange(len(rows), device=rows.device) - (counts.cumsum(0) - counts)[rows]
        entries = self.starts[place][rows] + ahead
        chances[rows, self.ngrams[entries] % self.size] += self.shares[entries] * weight[rows]
        return self._left(place, known, weight)

    def of(self, token: Tensor, history: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Return what `add_to` adds for one token of each ``(N,)``, and the weight left."""
        if not len(self.histories):
            return torch.zeros_like(weight), weight
        entry, there = _found(self.ngrams, history * self.size + token)
        found = torch.where(there, self.shares[entry], 0.0) * weight
        return found, self._left(*_found(self.histories, history), weight)

    def _left(self, place: Tensor, known: Tensor, weight: Tensor) -> Tensor:
        return weight * torch.where(known, self.backoffs[place], 1.0)


class NGrams(nn.Module):
    """Kneser-Ney as tensors: the probabilities of all tokens, after many histories at once."""

    unigrams: Tensor  # (V,)

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("unigrams", torch.full((size,), 1 / (size - 1)))
        self.levels = nn.ModuleList(Continuations(size) for _ in range(ORDER - 1))

    def count(self, sequences: list[Array]) -> None:
        """Count n-grams of token ids; see `KneserNey`."""
        shortest, *longer = KneserNey(sequences, self.size, ORDER).levels
        uniform = np.full(self.size, 1 / (self.size - 1))
        found = shortest.probabilities(np.arange(self.size), uniform)
        self.unigrams = torch.from_numpy(found).float()
        self.unigrams[PAD] = 0.0
        for continuations, level in zip(self.levels, longer, strict=True):
            assert isinstance(continuations, Continuations)
            continuations.fill(level)

    def add_to(self, chances: Tensor, before: Tensor, last: Tensor, weight: Tensor) -> Tensor:
        """Add probabilities to ``(N, V)`` in place, times one weight for all.

        They are those after two tokens ``(N,)`` each, `before` and the `last`; 0 of padding.
        """
        weights = weight.expand(len(last))
        for level, history in self._levels(before, last):
            weights = level.add_to(chances, history, weights)
        return chances.addr_(weights, self.unigrams)

    def of(self, token: Tensor, before: Tensor, last: Tensor) -> Tensor:
        """Return the probability of one token after each two, ``(N,)``."""
        total, weights = torch.zeros_like(self.unigrams[token]), torch.ones_like(token).float()
        for level, history in self._levels(before, last):
            found, weights = level.of(token, history, weights)
            total = total + found
        return total + weights * self.unigrams[token]

    def _levels(self, before: Tensor, last: Tensor) -> Iterator[tuple[Continuations, Tensor]]:
        """Give what followed with the number of each history, the longest first."""
        number = before.long() * self.size + last
        for length, level in reversed([*enumerate(self.levels, start=1)]):
            assert isinstance(level, Continuations)
            yield level, number % self.size**length


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

    def forward(self, batch: Batch, state: Carried | None = None) -> Logits:
        output = super().forward(batch, state)
        if self.training:
            return output
        # A product of its own, which gradients need not read again: all after it is done in place.
        chances = (torch.softmax(output.logits.float(), -1) * (1 - self.share)).contiguous()
        before, last = _histories(batch, None if state is None else state.encoder)
        rows = chances.view(-1, chances.shape[-1])  # what is added there is added here
        self.ngrams.add_to(rows, before.flatten(), last.flatten(), self.share)
        return replace(output, logits=chances.clamp_(min=SMALLEST).log_())

    @torch.no_grad()
    def weigh(self, valid: Iterable[Batch]) -> None:
        """Choose the share that makes valid likeliest (Jelinek & Mercer 1980)."""
        self.eval()
        parts = []
        for batch in valid:
            assert batch.target_lengths is not None
            real = mask_of(batch.target_lengths, batch.inputs.shape[1])
            truth = batch.targets.long()
            odds = torch.log_softmax(super().forward(batch).logits.float(), -1)
            own = odds.gather(2, truth[..., None]).squeeze(2)[real].exp()
            before, last = _histories(batch, None)
            parts.append(torch.stack([own, self.ngrams.of(truth[real], before[real], last[real])]))
        one, other = torch.cat(parts, dim=1).double()
        share = one.new_tensor(0.5)
        for _ in range(ROUNDS):
            share = (share * other / (share * other + (1 - share) * one)).mean()
        self.share.copy_(share)


def _histories(batch: Batch, state: Any) -> tuple[Tensor, Tensor]:
    """Return the token before each and the token itself, ``(B, T)`` each."""
    tokens = batch.inputs
    first = torch.full_like(tokens[:, :1], END) if state is None else state[1]
    return torch.cat([first, tokens[:, :-1]], 1), tokens


def _found(ordered: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Return the places of what is wanted in what is in order, and whether it is there."""
    place = torch.searchsorted(ordered, wanted).clamp(max=len(ordered) - 1)
    return place, ordered[place] == wanted


def _take_sizes(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    for name, buffer in module.named_buffers():
        if prefix + name in state:
            module.register_buffer(name, buffer.new_empty(state[prefix + name].shape))
