"""Processes that train one model together, each on its part of every batch (data parallel).

Losses and gradients are summed over the processes and divided by the terms of the whole batch, so
that they are those of one process with the same batch. ``DistributedDataParallel`` averages what
each process has averaged: the terms of a small part, of a ragged last batch or of texts that have
ended, would count for more, and a process without any would hold up the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Tensor, distributed, nn

from seqarena.data.batches import Batch

PATIENCE = timedelta(seconds=120)  # with a process that does not answer

T = TypeVar("T")


class PeerLostError(RuntimeError):
    """Another process of the group does not go on, or does not answer."""


@dataclass(frozen=True)
class Group:
    """The processes that train one model, and which of them this is; by default there is one."""

    rank: int = 0
    size: int = 1
    device: torch.device = torch.device("cpu")  # noqa: RUF009

    @classmethod
    def join(cls, address: str, rank: int, size: int, device: torch.device) -> Group:
        """Meet the other processes at ``host:port``, where rank 0 listens.

        Raises `PeerLostError` where they do not come, as does all that they do together.
        """
        backend, place = "nccl" if device.type == "cuda" else "gloo", f"tcp://{address}"
        with _together():
            distributed.init_process_group(backend, place, PATIENCE, world_size=size, rank=rank)
        return cls(rank, size, device)

    def leave(self) -> None:
        """Let the others know at once that this process does not go on."""
        if distributed.is_initialized():
            distributed.destroy_process_group()

    def part_of(self, batch: Batch) -> Batch:
        """Return every `size`-th row: rows of a batch are sorted, and all get some of each length.

        There may be none.
        """
        return batch if self.size == 1 else batch.rows(slice(self.rank, None, self.size))

    def add_up(
        self, parameters: Sequence[nn.Parameter], loss: Tensor, terms: int
    ) -> tuple[Tensor, Tensor]:
        """Sum gradients in place; return the sums of the losses and of the terms of all parts.

        One message for each step. A parameter keeps no gradient where no process has one.
        """
        counted = loss.new_tensor(float(terms))
        if self.size == 1:
            return loss, counted
        gradients = [parameter.grad for parameter in parameters]
        has_gradient = loss.new_tensor([gradient is not None for gradient in gradients])
        flat = [
            torch.zeros_like(parameter) if gradient is None else gradient
            for parameter, gradient in zip(parameters, gradients, strict=True)
        ]
        parts = [*(each.flatten() for each in flat), has_gradient, loss[None], counted[None]]
        message = torch.cat(parts)
        with _together():
            distributed.all_reduce(message)
        sizes = [parameter.numel() for parameter in parameters]
        *summed, has_gradient, loss, counted = message.split([*sizes, len(sizes), 1, 1])
        learned = has_gradient.tolist()
        for parameter, gradient, ranks in zip(parameters, summed, learned, strict=True):
            parameter.grad = gradient.view_as(parameter) if ranks else None
        return loss[0], counted[0]

    def any(self, flag: bool) -> bool:
        """Tell whether any process says so; all get the same answer."""
        if self.size == 1:
            return flag
        flags = torch.tensor([flag], dtype=torch.uint8, device=self.device)
        with _together():
            distributed.all_reduce(flags, distributed.ReduceOp.MAX)
            return bool(flags.item())

    def collect(self, value: T) -> list[T]:
        """Return what each process has, in the order of their ranks."""
        if self.size == 1:
            return [value]
        found = [value] * self.size
        with _together():
            distributed.all_gather_object(found, value)
        return found


ALONE = Group()


@contextmanager
def _together() -> Iterator[None]:
    """Tell what a backend raises from what this process did wrong."""
    try:
        yield
    except RuntimeError as error:
        raise PeerLostError(str(error)) from error
