"""A trained model on disk, and its predictions for new inputs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from seqarena.data.batches import collate
from seqarena.data.store import Array, DataSpec, read_spec, write_spec
from seqarena.decode import Decoding
from seqarena.errors import InputError
from seqarena.files import new_folder, read_json, sha256_of, write_json
from seqarena.models.model import SequenceModel
from seqarena.tasks import task_for

BATCH = 64
PARTS = ("weights.safetensors", "spec.json", "model.json")
DIGESTS = "digests.json"  # sha256 of each part


class Predictor:
    """Loads a model folder and predicts for sequences of any length.

    The folder holds ``weights.safetensors``, ``spec.json`` and ``model.json`` (experiment, task,
    variant, hyperparameters, seed), and their digests: no pickle, nothing that runs code when
    read. It answers on a `device`, the CPU by default. Raises `InputError` naming the file that is
    not what was saved.
    """

    def __init__(self, folder: Path, device: torch.device | None = None) -> None:
        _check_digests(folder)
        self.device = device or torch.device("cpu")
        self.about: dict[str, Any] = read_json(folder / "model.json")
        self.spec: DataSpec = read_spec(folder / "spec.json")
        self.task = task_for(self.about["task"])
        self.model: SequenceModel = self.task.model(
            self.about["variant"], self.spec, self.about["hyperparameters"]
        )
        self.model.load_state_dict(load_file(folder / "weights.safetensors"))
        self.model.to(self.device).eval()

    def predict(
        self,
        sequences: list[Array],
        decoding: Decoding | None = None,
        scales: Array | None = None,
    ) -> list[dict[str, Any]]:
        """Answer for each ``(T, *feature_shape)``; with ``attention`` ``(heads, U, T)`` if any.

        With `scales` ``(N, 3)``, `store.SCALE` of each; else the spec's holds for all.
        """
        results: list[dict[str, Any]] = []
        for start in range(0, len(sequences), BATCH):
            places = slice(start, start + BATCH)
            batch = collate(sequences[places], scales=None if scales is None else scales[places])
            batch = batch.to(self.device)
            with torch.inference_mode():
                output = self.task.forward(self.model, batch, self.spec, decoding)
            chunk = self.task.predict(output, batch, self.spec)
            for place, result in enumerate(chunk):
                attention = self.task.attention_of(output, place)
                if attention is not None:
                    result["attention"] = attention
            results += chunk
        return results

    def score(self, steps: Array) -> list[tuple[str, float]]:
        """Return each step of ``(T, *)`` with its ``log P``; see `Task.score`."""
        with torch.inference_mode():
            return self.task.score(self.model, steps, self.spec)

    def generate(self, steps: Array, decoding: Decoding, max_length: int) -> list[dict[str, Any]]:
        """Continue ``(T, *)`` by at most `max_length` steps; see `Task.generate`."""
        with torch.inference_mode():
            return self.task.generate(self.model, steps, self.spec, decoding, max_length)


def stacked(scales: Iterable[Array | None]) -> Array | None:
    """Return what scales the target of each input ``(N, 3)``, or None where one serves all."""
    own = [scale for scale in scales if scale is not None]
    return np.stack(own) if own else None


def save_model(
    folder: Path, weights: dict[str, Tensor], spec: DataSpec, about: dict[str, Any]
) -> None:
    """Write a model folder that `Predictor` loads."""
    with new_folder(folder) as partial:
        save_file({k: v.contiguous() for k, v in weights.items()}, partial / "weights.safetensors")
        write_spec(partial / "spec.json", spec)
        write_json(partial / "model.json", about)
        write_json(partial / DIGESTS, {name: sha256_of(partial / name) for name in PARTS})


def model_files(folder: Path) -> dict[str, bytes]:
    """Read the files of a model folder, to be sent where they are written again as they are.

    Raises `InputError` naming the file that is not what was saved.
    """
    _check_digests(folder)
    return {name: (folder / name).read_bytes() for name in (*PARTS, DIGESTS)}


def _check_digests(folder: Path) -> None:
    if not (folder / "model.json").is_file():
        raise InputError(f"{folder}: no model here; run `dvc repro` first")
    digests = read_json(folder / DIGESTS)
    for name in PARTS:
        path = folder / name
        known = digests.get(name) if isinstance(digests, dict) else None
        if not path.is_file() or sha256_of(path) != known:
            reason = f"damaged, or not what {DIGESTS} beside it was made of"
            raise InputError(f"{path}: {reason}; `dvc repro` trains it anew")
