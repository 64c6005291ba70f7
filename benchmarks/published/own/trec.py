"""Questions by what they ask for, and the convolution that was measured on them."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn

from seqarena.data.batches import mask_of
from seqarena.datasets import sources
from seqarena.datasets.base import Dataset
from seqarena.files import write_csv
from seqarena.models.encoder import Encoder
from seqarena.models.hyperparameters import Hyperparameters
from seqarena.models.variant import Variant

KERNELS = (3, 4, 5)


class Trec(Dataset):
    """5,452 questions and 500 of the test of TREC 10, by six kinds of answer."""

    modality = "text"
    origin = "Li and Roth 2002, as tokenised for Kim 2014"
    licence = "research; the repository is MIT"

    COMMIT = "d61ded09c99c0199d8c5bca946cd65864de2b296"
    ADDRESS = f"https://github.com/harvardnlp/sent-conv-torch/raw/{COMMIT}/data"
    SHA256: ClassVar = {
        "train": "c8183fd8c2a5cc4a9a1c56548d7c6410a8b71ed7843df9ef1f0a05cd7cf2fb3e",
        "test": "92a6a3cede5678b447ef5f1d7ec474134fcda211e6590e6fa627b4a2c68e4566",
    }
    KINDS = ("description", "entity", "abbreviation", "human", "location", "number")

    def write(self, raw: Path) -> None:
        """Write ``examples.csv``; valid is carved out of train, as Kim did."""
        rows = []
        for split, digest in self.SHA256.items():
            file = f"TREC.{split}.all"
            path = sources.url("trec", file, f"{self.ADDRESS}/{file}", sha256=digest)
            for line in path.read_text(encoding="latin-1").splitlines():
                kind, text = line.split(" ", 1)
                named = "test" if split == "test" else ""
                rows.append([len(rows), text, self.KINDS[int(kind)], named])
        write_csv(raw / "examples.csv", ["id", "text", "label", "split"], rows)


class KimCNN(Encoder):
    """One layer of three kernels side by side, then the maximum over time (Kim 2014, figure 1)."""

    def __init__(self, inputs: int, maps: int) -> None:
        super().__init__()
        self.width = len(KERNELS) * maps
        self.layers = nn.ModuleList(nn.Conv1d(inputs, maps, kernel) for kernel in KERNELS)

    def forward(
        self, features: Tensor, lengths: Tensor, state: object = None
    ) -> tuple[Tensor, None]:
        mask = mask_of(lengths, features.shape[1])[..., None]
        x = (features * mask).transpose(1, 2)
        found = [
            layer(nn.functional.pad(x, (0, kernel - 1)))
            for layer, kernel in zip(self.layers, KERNELS, strict=True)
        ]
        return torch.relu(torch.cat(found, dim=1)).transpose(1, 2), None

    def summary(self, states: Tensor, lengths: Tensor) -> Tensor:
        mask = mask_of(lengths, states.shape[1])[..., None]
        return states.masked_fill(~mask, 0.0).amax(dim=1)


def build(shape: tuple[int, ...], steps: int, h: Hyperparameters) -> Encoder:
    """Build it; `width` is how many maps a kernel has."""
    return KimCNN(shape[0], h["width"])


kim_cnn = Variant(encoder=build, context="full")
