"""What a logged model runs: MLflow executes this file to load it, so it stays free of pickle."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc.model import PythonModel, PythonModelContext

CODE = Path(__file__).with_name("code") / "seqarena.zip"  # of a logged model, not of the package
if CODE.is_file():
    sys.path.insert(0, str(CODE))

from seqarena.errors import InputError  # noqa: E402


class Refused(MlflowException):
    """Bad input: answered with status 400, and the one line that says what is wrong."""

    def __init__(self, error: InputError) -> None:
        super().__init__(str(error), error_code=INVALID_PARAMETER_VALUE)

    def serialize_as_json(self) -> str:
        """Leave out the request, a whole film perhaps, which a server puts before the line."""
        self.message = self.args[0]
        return str(super().serialize_as_json())  # type: ignore[no-untyped-call]


class Served(PythonModel):
    """Answers for sequences as people have them; see `seqarena.tracking.mlflow.raw`."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the model folder."""
        from seqarena.predict import Predictor  # here: logging a model needs no torch

        self._predictor = Predictor(Path(context.artifacts["model"]))

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """Answer for each row, with what it looked at if `attention` is asked for.

        A row of several target columns has an answer for each. Raises `Refused`.
        """
        from seqarena.predict import stacked
        from seqarena.tracking.mlflow import raw

        spec = self._predictor.spec
        if columns := raw.columns_of(spec):  # one that lacks is told with its row
            model_input = model_input.reindex(columns=[column.name for column in columns])
        try:
            inputs = raw.read(model_input.to_numpy(dtype=object).tolist(), spec)
            sequences = [each.steps for each in inputs]
            answers = self._predictor.predict(
                sequences, scales=stacked(each.scale for each in inputs)
            )
        except InputError as error:
            raise Refused(error) from error
        hidden = () if (params or {}).get("attention") else ("attention",)
        return [
            {"input": name, **{k: _listed(v) for k, v in answer.items() if k not in hidden}}
            for (name, *_), answer in zip(inputs, answers, strict=True)
        ]


def _listed(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


set_model(Served())
