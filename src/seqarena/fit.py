"""The epoch loop: one generator that every launcher drives. No ray, no mlflow."""

from __future__ import annotations

import ctypes
import math
import time
import warnings
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from seqarena.data.batches import Batch, Batches, windows
from seqarena.data.store import Array, DataSpec, Prepared, Split
from seqarena.decode.stepper import change_all, index
from seqarena.errors import InputError, InputWarning
from seqarena.models.model import SequenceModel, count_parameters
from seqarena.optimizer import AdamW, warm_up_and_decay
from seqarena.tasks import AnyTask, Counts, Task, add, task_for
from seqarena.tasks.base import Scored

if TYPE_CHECKING:  # so that a GPU machine with only torch can train
    from seqarena.config import Experiment, Protocol


@dataclass(frozen=True)
class Epoch:
    """The result of one epoch."""

    epoch: int  # from 1
    train_loss: float  # per term, of what is learned from: smoothed where labels are
    valid_loss: float
    scores: dict[str, float]  # on valid
    learning_rate: float
    gradient_norm: float  # mean over steps, before clipping
    seconds: float  # training and validation
    examples_per_second: float  # training alone
    improved: bool
    last: bool  # the budget or the patience is spent, or the loss is not finite

    def values(self) -> dict[str, float]:
        """Return the numbers worth a curve, by name."""
        curves = {
            "train_loss": self.train_loss,
            "valid_loss": self.valid_loss,
            "learning_rate": self.learning_rate,
            "gradient_norm": self.gradient_norm,
            "epoch_seconds": self.seconds,
            "examples_per_second": self.examples_per_second,
        }
        return curves | {f"valid_{name}": value for name, value in self.scores.items()}


class Learned(NamedTuple):
    """The result of one optimiser step."""

    loss: Tensor  # summed
    terms: int  # of the loss
    norm: Tensor  # of the gradient, before clipping
    state: Any  # of the recurrence, where the steps that follow go on from it


class Training:
    """One model under training: iterate over `epochs`, then `model` holds the best weights."""

    def __init__(
        self,
        experiment: Experiment,
        prepared: Prepared,
        variant: str,
        hyperparameters: dict[str, Any],
        seed: int,
        device: torch.device | None = None,
    ) -> None:
        keep_freed_memory()
        self.device = device or default_device()
        protocol = experiment.protocol
        if protocol.deterministic:
            torch.use_deterministic_algorithms(True)
        torch.manual_seed(seed)
        self.task, self.spec, self.protocol = task_for(experiment.task), prepared.spec, protocol
        self.hyperparameters = hyperparameters
        self.metric = experiment.metric
        self.model = self.task.model(variant, self.spec, hyperparameters)
        self.model.to(self.device)
        self.parameters = count_parameters(self.model)
        self.valid = prepared.split("valid")
        self.batches = Batches(
            prepared.split("train"),
            protocol.batch_size,
            seed=seed,
            epoch_examples=protocol.epoch_examples,
        )
        self.steps = len(self.batches) * protocol.epochs
        self.optimizer = AdamW(
            self.model.parameters(),
            partial(warm_up_and_decay, peak=hyperparameters["learning_rate"], steps=self.steps),
            weight_decay=hyperparameters["weight_decay"],
            clip=protocol.clip,
        )
        self.autocast = autocast(self.device, protocol)

    def epochs(self) -> Iterator[Epoch]:
        """Train and validate, epoch by epoch, until the budget or the patience is spent."""
        best, best_epoch, best_weights = -math.inf, 0, self._weights()
        sign = self.task.metrics[self.metric].sign
        for number in range(1, self.protocol.epochs + 1):
            began = time.perf_counter()
            train_loss, norm, examples = self._train(number)
            trained = time.perf_counter()
            valid_loss, counts = evaluate(
                self.model, self.task, self.valid, self.spec, self.protocol, [self.metric]
            )
            scores = self.task.scores(counts, self.spec)
            # The nll of a text that CTC cannot spell is infinite: that is no divergence.
            finite = math.isfinite(train_loss) and not math.isnan(valid_loss)
            improved = finite and sign * scores[self.metric] > best
            if improved:
                best, best_epoch = sign * scores[self.metric], number
                best_weights = self._weights()
            last = (
                not finite
                or number == self.protocol.epochs
                or number - best_epoch >= self.protocol.patience
            )
            if last:
                self.model.load_state_dict(best_weights)
            yield Epoch(
                number,
                train_loss,
                valid_loss,
                scores,
                self.optimizer.learning_rate,
                norm,
                time.perf_counter() - began,
                examples / (trained - began),
                improved,
                last,
            )
            if last:
                return

    def _train(self, number: int) -> tuple[float, float, int]:
        """Train one epoch: mean loss, mean gradient norm, examples seen."""
        self.model.train()
        losses = torch.zeros((), dtype=torch.float64, device=self.device)
        norms = torch.zeros((), dtype=torch.float64, device=self.device)
        terms, examples, steps = 0, 0, 0
        for batch in self.batches.shuffled(number):
            examples += len(batch.lengths)
            for learned in self._learn(batch.to(self.device)):
                losses += learned.loss  # stays on the device: its value would be waited for
                norms += learned.norm
                terms, steps = terms + learned.terms, steps + 1
        return float(losses) / terms, float(norms) / steps, examples

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
        with self.autocast:
            output = self.model(batch, state)
            loss, count = self.task.training_loss(output, batch, self.hyperparameters)
        self.optimizer.zero_grad()
        (loss / count).backward()
        norm = self.optimizer.step(share)
        return Learned(loss.detach(), count, norm, change_all(output.state, Tensor.detach))

    def _weights(self) -> dict[str, Tensor]:
        return {name: tensor.clone() for name, tensor in self.model.state_dict().items()}


def evaluate(
    model: SequenceModel,
    task: AnyTask,
    split: Split,
    spec: DataSpec,
    protocol: Protocol,
    metrics: Collection[str] | None = None,
) -> tuple[float, Counts]:
    """Run a split without training: mean loss and summed counts of `metrics`, by default of all."""
    wanted = task.metrics if metrics is None else metrics
    total: dict[str, Tensor] = {}
    losses, terms = 0.0, 0
    for _, batch, output in predict_split(model, task, split, spec, protocol, wanted):
        loss, count = task.loss(output, batch)
        losses, terms = losses + float(loss), terms + count
        add(total, task.counts(output, batch, spec, wanted))
    return losses / terms, total


def predict_split(
    model: SequenceModel,
    task: Task[Any, Scored],
    split: Split,
    spec: DataSpec,
    protocol: Protocol,
    metrics: Collection[str] | None = None,
) -> Iterator[tuple[Array, Batch, Scored]]:
    """Run a whole split, batch by batch: the indices, the batch and the output.

    An output serves for `metrics`, by default for all.
    """
    wanted = task.metrics if metrics is None else metrics
    model.eval()
    device = next(model.parameters()).device
    for indices, batch in Batches(split, 4 * protocol.batch_size).in_order():
        batch = batch.to(device)
        with torch.inference_mode(), autocast(device, protocol):
            output = task.forward_with_targets(model, batch, spec, wanted)
        yield indices, batch, output


def fit(
    experiment: Experiment, prepared: Path, variant: str, hyperparameters: dict[str, Any], seed: int
) -> tuple[Training, list[Epoch]]:
    """Train one variant in this process to the end; the model then holds its best weights."""
    training = Training(experiment, Prepared(prepared), variant, hyperparameters, seed)
    return training, list(training.epochs())


def autocast(device: torch.device, protocol: Protocol) -> torch.autocast:
    """Compute in bfloat16 where asked, or on a GPU that does it in hardware ("auto").

    Raises `InputError` where it is asked of a device that cannot: oneDNN then has no LSTM.
    """
    on_gpu, able = device.type == "cuda", _computes_bfloat16(device)
    if protocol.precision == "bfloat16" and not able:
        found = f"this {device.type} does not compute it in hardware; use 'auto' or 'float32'"
        raise InputError(f"protocol.precision: bfloat16, but {found}")
    enabled = protocol.precision == "bfloat16" or (protocol.precision == "auto" and on_gpu and able)
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled)


def computable(protocol: Protocol, device: torch.device) -> Protocol:
    """Return the protocol in a precision that the device has, and warn where it is another.

    Its models may come from a GPU: what they learned in bfloat16 there is float32 anyway.
    """
    if protocol.precision != "bfloat16" or _computes_bfloat16(device):
        return protocol
    reason = f"this {device.type} does not compute it in hardware; float32 is used"
    warnings.warn(f"protocol.precision: bfloat16, but {reason}", InputWarning, stacklevel=2)
    return protocol.model_copy(update={"precision": "float32"})


def _computes_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def default_device() -> torch.device:
    """Return the first GPU that this process may use, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def keep_freed_memory() -> None:
    """Tell glibc to keep large freed buffers instead of returning them to the kernel.

    oneDNN's LSTM allocates and frees large buffers at every step; the page faults of getting them
    anew cost a third of the time. Does nothing where there is no glibc.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # musl, macOS, Windows
        return
    trim_threshold, top_pad, mmap_threshold = -1, -2, -3  # <malloc.h>
    for option, value in ((trim_threshold, 1 << 30), (top_pad, 1 << 26), (mmap_threshold, 1 << 30)):
        mallopt(option, value)
