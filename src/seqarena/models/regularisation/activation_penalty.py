"""What a state costs in training by how large it is, and by how much it changes in a step."""

from __future__ import annotations

from torch import Tensor

from seqarena.data.batches import mask_of
from seqarena.models.hyperparameters import Hyperparameters

ACTIVATION, SLOWNESS = "activation_penalty", "slowness_penalty"
SPACE = {ACTIVATION: 0.0, SLOWNESS: 0.0}


def penalty(states: Tensor, lengths: Tensor, h: Hyperparameters) -> Tensor | float:
    """Return the activation regularisation of states ``(B, T, V)``, summed over real steps.

    ``alpha mean(h_t ** 2) + beta mean((h_t - h_(t-1)) ** 2)`` of each step (Merity et al. 2018,
    section 4.3), means over the units; a sum, so that it is divided as the loss beside it is. The
    states are those before dropout, whose squares on average differ by a factor alone.
    """
    size, change = (h.get(name, 0.0) for name in SPACE)
    if not size and not change:
        return 0.0
    real = mask_of(lengths, states.shape[1])
    squares = states.square().mean(2) * real
    changes = (states[:, 1:] - states[:, :-1]).square().mean(2) * real[:, 1:]
    total: Tensor = size * squares.sum() + change * changes.sum()
    return total
