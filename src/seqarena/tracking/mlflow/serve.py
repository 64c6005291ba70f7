"""What a logged model runs: MLflow executes this file to load it, so it stays free of pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from seqarena.data.scaling import scales_of_series
from seqarena.data.store import Array


class Served(PythonModel):
    """Answers for ``(B, T, *feature_shape)`` with ``lengths``, for ragged lists, or for text."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the model folder."""
        from seqarena.data.modalities import modality  # here: logging a model needs no torch
        from seqarena.predict import Predictor

        self._predictor = Predictor(Path(context.artifacts["model"]))
        self._text = modality("text") if self._predictor.spec.modality == "text" else None

    def predict(
        self,
        context: PythonModelContext,
        model_input: np.ndarray,
        params: dict[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """Answer for each sequence; padding after its length is never seen.

        Of a panel `series` names the series of each, in whose unit its forecast is.
        """
        params = params or {}
        if self._text is None:
            lengths = params.get("lengths") or [len(sequence) for sequence in model_input]
            pairs = zip(model_input, lengths, strict=True)
            sequences = [
                np.asarray(steps, self._predictor.spec.dtype)[:length] for steps, length in pairs
            ]
        else:
            sequences = [self._encoded(str(text)) for text in np.ravel(model_input)]
        options, scales = self._predictor.spec.options, None
        if "series" in options:
            scales = scales_of_series(params.get("series", ()), len(sequences), options)
        predictions = self._predictor.predict(sequences, scales=scales)
        return [
            {key: _listed(value) for key, value in prediction.items()} for prediction in predictions
        ]

    def _encoded(self, text: str) -> Array:
        assert self._text is not None
        # Framed by blanks, so that no sentence sent to a server can be the name of a file there.
        (found,) = self._text.read(f" {text}\n", self._predictor.spec)
        return found.steps


def _listed(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


set_model(Served())
