"""A new variant: a GRU whose answer is read from the mean of all its states, not from the last.

Trains it for an epoch on the adding problem, in this process, without Ray, DVC and MLflow.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from torch import Tensor

from seqarena.config import Experiment, parse
from seqarena.data.batches import mask_of
from seqarena.data.modalities import modality
from seqarena.data.store import write_spec
from seqarena.datasets.long_memory import Adding
from seqarena.fit import fit
from seqarena.models.encoder import Encoder
from seqarena.models.hyperparameters import Hyperparameters
from seqarena.models.recurrent.encoders import RecurrentEncoder
from seqarena.models.recurrent.layers import layer_of
from seqarena.models.variants import VARIANTS, Variant
from seqarena.spaces import smallest, space_of

EXPERIMENT = {
    "data": "adding",
    "modality": "signal",
    "task": "regression",
    "metric": "mse",
    "prepare": {"targets": "number"},
    "variants": ["gru", "gru_mean"],
    "space": {"width": 16, "learning_rate": 0.01, "dropout": 0.0},
    "protocol": {"epochs": 1, "batch_size": 16},
}


class MeanOfStates(RecurrentEncoder):
    """A recurrence whose summary is the mean of its states, padding left out."""

    def summary(self, states: Tensor, lengths: Tensor) -> Tensor:
        """Return the mean over the steps of each sequence, ``(B, T, width) -> (B, width)``."""
        mask = mask_of(lengths, states.shape[1]).unsqueeze(-1)
        return (states * mask).sum(dim=1) / lengths.unsqueeze(-1)


def gru_mean(shape: tuple[int, ...], steps: int, h: Hyperparameters) -> Encoder:
    """Build the encoder for features of one shape from the hyperparameters of a trial."""
    (inputs,) = shape
    return MeanOfStates(layer_of("gru", inputs, h["width"]))


# In the project this is one line of VARIANTS in models/variants.py.
VARIANTS["gru_mean"] = Variant(encoder=gru_mean, decoder="gru")


def main() -> None:
    """Prepare tiny data, then train the new variant beside the one it changes."""
    experiment = parse(Experiment, EXPERIMENT, "example")
    with TemporaryDirectory() as name:
        raw, prepared = Path(name, "raw"), Path(name, "prepared")
        raw.mkdir()
        Adding(sizes={"train": 400, "valid": 50, "test": 50}, lengths=(4, 10)).write(raw)
        signal = modality("signal")
        options = parse(signal.Options, experiment.prepare, "example.prepare")
        write_spec(prepared / "spec.json", signal.prepare(raw, prepared, options, seed=0))
        for variant in experiment.variants:
            hyperparameters = smallest(space_of(experiment, variant, "example"))
            training, epochs = fit(experiment, prepared, variant, hyperparameters, seed=1)
            mse = epochs[-1].scores["mse"]
            print(f"{variant}: {training.parameters} parameters, mse {mse:.4f} on valid")


if __name__ == "__main__":
    main()
