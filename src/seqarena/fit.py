"""The epoch loop: one generator that every launcher drives. No ray, no mlflow."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from seqarena.data.batches import Batch, Batches, moved, windows
from seqarena.data.store import Prepared
from seqarena.decode.stepper import change_all, index
from seqarena.device import autocast, default_device, deterministic, keep_freed_memory
from seqarena.epochs import Best, Epoch, Sums, is_finite
from seqarena.inference import evaluate
from seqarena.models.model import count_parameters
from seqarena.optimizer import AdamW, Average, warm_up_and_decay
from seqarena.parallel import ALONE, Group
from seqarena.tasks import task_for

if TYPE_CHECKING:  # so that a GPU machine with only torch can train
    from seqarena.config import Experiment

SETTLING = 0.5  # of the highest learning rate: below it patience may end a training


class Learned(NamedTuple):
    """The result of one optimiser step."""

    loss: Tensor  # summed
    terms: Tensor  # of the loss
    norm: Tensor  # of the gradient, before clipping
    state: Any  # of the recurrence, where the steps that follow go on from it


class Training:
    """One model under training: iterate over `epochs`, then `model` holds the best weights.

    What is best is decided by the experiment's metric and, where that stands still, by the loss.
    """

    def __init__(
        self,
        experiment: Experiment,
        prepared: Prepared,
        variant: str,
        hyperparameters: dict[str, Any],
        seed: int,
        device: torch.device | None = None,
        group: Group = ALONE,
    ) -> None:
        """Of several processes that train it together, each is given its place in their `group`."""
        keep_freed_memory()
        self.device, self.group = device or default_device(), group
        protocol = experiment.protocol
        torch.manual_seed(seed)
        self.task, self.spec, self.protocol = task_for(experiment.task), prepared.spec, protocol
        self.hyperparameters = hyperparameters
        self.metric = experiment.metric
        self.model = self.task.model(variant, self.spec, hyperparameters)
        train = prepared.split("train")
        self.model.count(train)
        self.model.to(self.device)
        self.parameters = count_parameters(self.model)
        self.valid = prepared.split("valid")
        self.batches = Batches(
            train,
            protocol.batch_size,
            seed=seed,
            epoch_examples=protocol.epoch_examples,
            balance=protocol.balance,
        )
        self.steps = len(self.batches) * protocol.epochs
        self.optimizer = AdamW(
            self.model.parameters(),
            partial(warm_up_and_decay, peak=hyperparameters["learning_rate"], steps=self.steps),
            weight_decay=hyperparameters["weight_decay"],
            clip=protocol.clip,
        )
        self.average = Average(self.model.parameters(), hyperparameters.get("ema", 0.0))
        if self.group.rank:  # the weights are the same in all, what dropout leaves out is not
            torch.manual_seed(int(np.random.default_rng([seed, self.group.rank]).integers(1 << 31)))
        self.autocast = autocast(self.device, protocol)
        self.epoch, self.ended = 1, False
        self.sums = self._nothing()
        self.best = Best((-math.inf, -math.inf), 0, self._weights())

    def epochs(self) -> Iterator[Epoch]:
        """Train and validate, epoch by epoch, until the budget or the patience is spent."""
        while not self.ended:
            epoch = self.advance()
            assert epoch is not None
            yield epoch

    def advance(self, seconds: float = math.inf) -> Epoch | None:
        """Go on to the end of the epoch, or for about so many seconds of it: then return None."""
        with deterministic(self.protocol.deterministic, self.device):
            return self._advance(seconds)

    def _advance(self, seconds: float) -> Epoch | None:
        began = time.perf_counter()
        if not self._train(began + seconds):
            self.sums.seconds += time.perf_counter() - began
            return None
        trained = self.sums.seconds + time.perf_counter() - began
        sums, self.sums = self.sums, self._nothing()
        train_loss = float(sums.loss) / float(sums.terms)
        with self.average.in_place():
            valid_loss, scores = self._validate()
            finite = is_finite(train_loss, valid_loss)
            order = self.task.metrics[self.metric].bounds.order(scores[self.metric], valid_loss)
            improved = finite and order > self.best.order
            if improved:
                self.best = Best(order, self.epoch, self._weights())
        # A high rate hides what a low one will bring: until then there is no giving up.
        settling = self.optimizer.learning_rate < SETTLING * self.hyperparameters["learning_rate"]
        stands_still = self.epoch - self.best.epoch >= self.protocol.patience
        last = self.epoch == self.protocol.epochs
        self.ended = not finite or last or (settling and stands_still)
        if self.ended:
            self.model.load_state_dict(self.best.weights)
        number, self.epoch = self.epoch, self.epoch + 1
        return Epoch(
            number,
            train_loss,
            valid_loss,
            scores,
            self.optimizer.learning_rate,
            float(sums.norm) / sums.steps,
            sums.seconds + time.perf_counter() - began,
            sums.examples / trained,
            improved,
            self.ended,
        )

    def _validate(self) -> tuple[float, dict[str, float]]:
        batches = Batches(self.valid, self.protocol.batch_size).in_order()
        self.model.weigh(batch for _, batch in moved(batches, self.device))
        return evaluate(
            self.model, self.task, self.valid, self.spec, self.protocol, [self.metric], self.group
        )

    def state_dict(self) -> dict[str, Any]:
        """Return all that a training of the same arguments needs to go on from here.

        Tensors, numbers and names alone, so that ``torch.load`` reads it back with
        ``weights_only``. On a CPU what follows is then the same to the last bit.
        """
        on_gpu = self.device.type == "cuda"
        return {
            "epoch": self.epoch,
            "ended": self.ended,
            "sums": asdict(self.sums),
            "best": tuple(self.best),
            "model": self._weights(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict(),
            "generators": self.group.collect(torch.get_rng_state()),
            "gpu_generators": self.group.collect(
                torch.cuda.get_rng_state(self.device) if on_gpu else None
            ),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.epoch, self.ended = state["epoch"], state["ended"]
        self.sums, self.best = Sums(**state["sums"]), Best(*state["best"])
        for name in ("loss", "terms", "norm"):
            setattr(self.sums, name, getattr(self.sums, name).to(self.device))
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.load_state_dict(state["average"])
        rank = self.group.rank
        torch.set_rng_state(state["generators"][rank])
        if state["gpu_generators"][rank] is not None:
            torch.cuda.set_rng_state(state["gpu_generators"][rank], self.device)

    def _train(self, until: float) -> bool:
        """Learn from the batches of the epoch that are left; return whether none is."""
        self.model.train()
        sums = self.sums
        batches = self.batches.shuffled(self.epoch, sums.batches)
        parts = ((len(batch.lengths), self.group.part_of(batch)) for batch in batches)
        for examples, part in moved(parts, self.device):
            for learned in self._learn(part):
                sums.loss += learned.loss
                sums.terms += learned.terms
                sums.norm += learned.norm
                sums.steps += 1
            sums.examples, sums.batches = sums.examples + examples, sums.batches + 1
            if self.group.any(time.perf_counter() > until):
                break
        return sums.batches == len(self.batches)

    def _nothing(self) -> Sums:
        zero = partial(torch.zeros, (), dtype=torch.float64, device=self.device)
        return Sums(zero(), zero(), zero())

    def _learn(self, batch: Batch) -> Iterator[Learned]:
        """Learn from a batch at once, or window by window with the state carried on.

        The latter is truncated backpropagation through time (Williams & Peng 1990).
        """
        max_length, truncate = batch.inputs.shape[1], self.protocol.truncate
        if truncate is None or max_length <= truncate:
            yield self.step(batch)
            return
        state, share = None, 1 / math.ceil(max_length / truncate)
        for window, going in windows(batch, truncate):
            learned = self.step(window, index(state, going), share)
            state = learned.state
            yield learned

    def step(self, batch: Batch, state: Any = None, share: float = 1.0) -> Learned:
        """Take one optimiser step, `share` of a batch's in the schedule of the learning rate."""
        self.model.head.progress = self.optimizer.taken / self.steps
        self.optimizer.zero_grad()
        loss, count = torch.zeros((), device=self.device), 0
        if len(batch.lengths):  # not every process of a group has a part of every batch
            with self.autocast:
                output, loss, count = self.task.learn(
                    self.model, batch, state, self.hyperparameters
                )
            loss.backward()
            state = change_all(output.state, Tensor.detach)
        loss, terms = self.group.add_up(self.optimizer.parameters, loss.detach(), count)
        norm = self.optimizer.step(terms, share)
        self.average.update()
        return Learned(loss, terms, norm, state)

    def _weights(self) -> dict[str, Tensor]:
        return {name: tensor.clone() for name, tensor in self.model.state_dict().items()}


def fit(
    experiment: Experiment, prepared: Path, variant: str, hyperparameters: dict[str, Any], seed: int
) -> tuple[Training, list[Epoch]]:
    """Train one variant in this process to the end; the model then holds its best weights."""
    training = Training(experiment, Prepared(prepared), variant, hyperparameters, seed)
    return training, list(training.epochs())
