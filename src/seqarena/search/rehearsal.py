"""One pass forward and backward of each variant, so that errors come before the search."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from seqarena.config import Dimension, Experiment
from seqarena.data.batches import Batch, Batches, windows
from seqarena.data.folds import folds_of, learned_from
from seqarena.data.spelling import warn_of_unspellable
from seqarena.data.store import Prepared
from seqarena.errors import InputError
from seqarena.models.contracts import broken_contract
from seqarena.models.model import SequenceModel
from seqarena.models.variant import frontend_of
from seqarena.models.variants import VARIANTS, added_space
from seqarena.registry import OWN
from seqarena.search.matching import with_matched_size
from seqarena.spaces import largest, smallest
from seqarena.tasks import StepTask, task_for

Space = dict[str, Dimension]


def rehearse(
    experiment: Experiment, prepared: Prepared, spaces: Mapping[str, Space], where: str
) -> None:
    """Run each variant forward and backward once, on the shortest and the longest of train.

    No random number is drawn that a search would draw. Raises `InputError` at `where` for a
    variant that cannot learn, naming its hyperparameters, and for a metric that is not defined.
    """
    _check_defined(experiment, prepared, where)
    train = learned_from(prepared)
    batch = Batches(train, 2).gather(np.array([train.lengths.argmin(), train.lengths.argmax()]))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(experiment.protocol.seed)
        for variant, space in spaces.items():
            for hyperparameters in _ends(variant, experiment.modality, space):
                try:
                    chosen = with_matched_size(experiment, prepared.spec, variant, hyperparameters)
                    _learn(experiment, prepared, variant, chosen, batch)
                    if OWN.fullmatch(variant):
                        _check_contracts(experiment, prepared, variant, chosen)
                except (InputError, ValueError, IndexError, RuntimeError) as error:
                    reason = str(error).strip().split("\n")[0]
                    who = _named(variant, experiment.modality, hyperparameters)
                    raise InputError(f"{where}.variants: {who}: {reason}") from error


def _named(variant: str, modality: str, hyperparameters: dict[str, Any]) -> str:
    own = {name: hyperparameters[name] for name in added_space(variant, modality)}
    named = ", ".join(f"{name} {value}" for name, value in own.items() if value)  # 0 is off
    return f"{variant} with {named}" if named else variant


def _ends(variant: str, modality: str, space: Space) -> Iterator[dict[str, Any]]:
    """Yield the low end of a space, then that with what the frontend adds at its high end.

    How many steps are left to a variant is decided there, and nowhere else.
    """
    low, high = smallest(space), largest(space)
    yield low
    other = {**low, **{name: high[name] for name in frontend_of(VARIANTS[variant], modality).space}}
    if other != low:
        yield other


def _learn(
    experiment: Experiment,
    prepared: Prepared,
    variant: str,
    hyperparameters: dict[str, Any],
    batch: Batch,
) -> None:
    """Go forward and backward once, as `Training.step` does."""
    task, max_length = task_for(experiment.task), int(batch.lengths.max())
    model = task.model(variant, prepared.spec, hyperparameters)
    left = model.frontend.steps(max_length)
    if isinstance(task, StepTask) and left != max_length:
        steps = f"at each of {max_length} steps, and {left} are left of them"
        raise InputError(f"{experiment.task} answers {steps}; expected patch 1")
    if VARIANTS[variant].decoder == "ctc":
        who = _named(variant, experiment.modality, hyperparameters)
        _check_spelling(experiment.metric, prepared, who, model)
    if experiment.protocol.truncate:
        batch, _ = next(windows(batch, experiment.protocol.truncate))
    _, loss, terms = task.learn(model, batch, None, hyperparameters)
    (loss / terms).backward()
    if not math.isfinite(float(loss.detach())):
        raise ValueError("the loss of train's shortest and longest sequence is not finite")


def _check_contracts(
    experiment: Experiment, prepared: Prepared, variant: str, hyperparameters: dict[str, Any]
) -> None:
    """Raise `InputError` where a variant of the user's does what none may."""
    train = learned_from(prepared)
    by_length = np.argsort(train.lengths, kind="stable")
    chosen = by_length[np.linspace(0, len(by_length) - 1, 4).astype(int)]
    model = task_for(experiment.task).model(variant, prepared.spec, hyperparameters)
    causal = VARIANTS[variant].context == "causal"
    reason = broken_contract(model, Batches(train, 4).gather(np.unique(chosen)), causal=causal)
    if reason is not None:
        raise InputError(reason)


def _check_defined(experiment: Experiment, prepared: Prepared, where: str) -> None:
    """Raise `InputError` if the metric cannot be told on valid or test, whatever is predicted."""
    metric = task_for(experiment.task).metrics[experiment.metric]
    judged = [("valid", fold.split("valid")) for fold in folds_of(prepared)]
    for name, split in (*judged, ("test", prepared.split("test"))):
        reason = metric.undefined(split, prepared.spec)
        if reason is not None:
            found = f"{experiment.metric} is not defined on {name}: {reason}"
            raise InputError(f"{where}.metric: {found}; expected another metric or other splits")


def _check_spelling(metric: str, prepared: Prepared, who: str, model: SequenceModel) -> None:
    """Warn how many targets CTC cannot spell; raises `InputError` where that decides the metric.

    Test targets are counted too: only the steps that they need are computed from them.
    """
    counts = warn_of_unspellable(prepared, model.frontend.steps, who)
    if metric == "perplexity" and counts["valid"] + counts["test"]:
        message = "the perplexity of valid or test is infinite, since targets cannot be spelled"
        raise InputError(f"{message}; expected another metric, or more steps")
