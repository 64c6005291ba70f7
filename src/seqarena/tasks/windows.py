"""What tasks over windows of a series have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from seqarena.data.store import DataSpec
from seqarena.models.hyperparameters import Space
from seqarena.models.model import SequenceModel
from seqarena.models.window_norm import CHOICES, NONE, NormalisedWindows
from seqarena.tasks.base import PooledTask


class WindowTask(PooledTask):
    """A forecast from a window, which a search may normalise by its own level."""

    modalities = frozenset({"series"})
    targets = frozenset()
    space: ClassVar[Space] = {"window_norm": list(CHOICES)}

    def model(
        self, variant: str, spec: DataSpec, hyperparameters: Mapping[str, Any]
    ) -> SequenceModel:
        model = super().model(variant, spec, hyperparameters)
        norm = hyperparameters.get("window_norm", NONE)
        if norm == NONE:
            return model
        targets = max(1, len(spec.options.get("targets", ())))
        measured = targets + len(spec.options["covariates"])
        known, ahead = (len(spec.options.get(name, ())) for name in ("known", "ahead"))
        return NormalisedWindows(model, norm, measured, known, ahead)
