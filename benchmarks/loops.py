"""The same training three ways: seqarena's `Training`, a bare PyTorch loop, Lightning's Trainer.

All draw the same batches in the same order from the same `Batches`, for the same model from the
same seed, with AdamW at the same settings and gradients clipped at the same norm.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.data import clips, experiment, hours, pairs, section_of, sentences
from benchmarks.turns import Turns
from seqarena.data.batches import Batch, Batches
from seqarena.data.store import Prepared
from seqarena.fit import Training
from seqarena.models.model import SequenceModel
from seqarena.models.regularisation.dropout import Dropout, TokenDropout
from seqarena.tasks import AnyTask, task_for

SEED = 0
CPU = torch.device("cpu")
MODALITIES = {"text": sentences, "video": clips, "series": hours, "pairs": pairs}


def seqarena(turns: Turns, folder: Path, modality: str, variant: str, h: dict[str, Any]) -> None:
    """Train with seqarena; an epoch tells its own training speed, validation apart."""
    prepared = MODALITIES[modality](folder)
    training = Training(experiment(modality), prepared, variant, h, SEED)
    turns.wait()
    for epoch in training.epochs():
        turns.report(training.batches.epoch_examples / epoch.examples_per_second)
        turns.wait()


def bare(turns: Turns, folder: Path, modality: str, variant: str, h: dict[str, Any]) -> None:
    """Train as PyTorch's tutorials do."""
    prepared = MODALITIES[modality](folder)
    model = build(prepared, variant, h)
    optimizer = stock_optimizer(model, h)
    epochs = Epochs(prepared)
    while True:
        turns.wait()
        began = time.perf_counter()
        bare_epoch(model, optimizer, epochs)
        turns.report(time.perf_counter() - began)


def bare_epoch(model: SequenceModel, optimizer: torch.optim.Optimizer, batches: Epochs) -> float:
    """Train one epoch with PyTorch's own settings; return the mean loss."""
    model.train()
    total, steps = 0.0, 0
    for batch in batches:
        optimizer.zero_grad()
        loss = _loss(batches.task, model, batch)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total, steps = total + loss.item(), steps + 1
    return total / steps


def lightning(turns: Turns, folder: Path, modality: str, variant: str, h: dict[str, Any]) -> None:
    """Train with Lightning's Trainer, its logger, checkpoints and progress bar off."""
    import lightning as L

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")

    class Module(L.LightningModule):
        def __init__(self, model: SequenceModel) -> None:
            super().__init__()
            self.model = model

        def training_step(self, batch: Batch, index: int) -> Tensor:
            return _loss(epochs.task, self.model, batch)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return stock_optimizer(self.model, h)

    class Clock(L.Callback):
        def on_train_epoch_start(self, trainer: L.Trainer, module: L.LightningModule) -> None:
            turns.wait()
            self.began = time.perf_counter()

        def on_train_epoch_end(self, trainer: L.Trainer, module: L.LightningModule) -> None:
            turns.report(time.perf_counter() - self.began)

    prepared = MODALITIES[modality](folder)
    epochs = Epochs(prepared)
    L.Trainer(
        max_epochs=-1,
        accelerator="cpu",
        gradient_clip_val=1.0,
        callbacks=[Clock()],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    ).fit(Module(build(prepared, variant, h)), epochs)


class Epochs:
    """The batches that `Training` draws, epoch after epoch, and the task that they are for."""

    def __init__(self, prepared: Prepared, device: torch.device = CPU) -> None:
        given = section_of(prepared.spec)
        self.task, self.epoch, self.device = task_for(given.task), 0, device
        self.batches = Batches(
            prepared.split("train"),
            given.batch_size,
            seed=SEED,
            epoch_examples=given.epoch_examples,
        )

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        self.epoch += 1
        for batch in self.batches.shuffled(self.epoch):
            yield batch.to(self.device)


def build(prepared: Prepared, variant: str, h: dict[str, Any]) -> SequenceModel:
    """Build the same model with torch's own dropout, as whoever writes the loop would."""
    torch.manual_seed(SEED)
    task = task_for(section_of(prepared.spec).task)
    model = task.model(variant, prepared.spec, h)
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, Dropout):
                setattr(module, name, nn.Dropout(child.p))
            elif isinstance(child, TokenDropout):
                assert child.p == 0
                setattr(module, name, nn.Identity())
    return model


def stock_optimizer(model: nn.Module, h: dict[str, Any]) -> torch.optim.Optimizer:
    return torch.optim.AdamW(
        model.parameters(), lr=h["learning_rate"], weight_decay=h["weight_decay"]
    )


def _loss(task: AnyTask, model: SequenceModel, batch: Batch) -> Tensor:
    loss, count = task.loss(model(batch), batch)
    return loss / count
