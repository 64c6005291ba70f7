"""A new data set: lines of colours, labelled with whichever of red and blue stands first.

No word by itself tells the answer, the order does. Writes the raw data and prepares it, under
build/first_colour.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np

from seqarena.config import parse
from seqarena.data.modalities import modality
from seqarena.data.store import Prepared, write_spec
from seqarena.datasets import DATASETS, dataset
from seqarena.datasets.base import Dataset
from seqarena.files import new_folder, write_csv

FOLDER = Path("build/first_colour")


class FirstColour(Dataset):
    """Eight colours in a line, red and blue once each; the label is the first of these two."""

    modality = "text"
    origin = "generated"
    licence = "your own"
    sizes: ClassVar = {"train": 300, "valid": 50, "test": 50}
    length = 8

    def write(self, raw: Path) -> None:
        """Write ``examples.csv`` with the columns ``text,label,split``."""
        draw = np.random.default_rng(0)  # the same data on every machine
        rows = []
        for split, size in self.sizes.items():
            for _ in range(size):
                words = draw.choice(["green", "grey", "white", "black"], self.length)
                places = draw.choice(self.length, 2, replace=False)
                words[places] = ["red", "blue"]
                rows.append([" ".join(words), words[places.min()], split])
        write_csv(raw / "examples.csv", ["text", "label", "split"], rows)


# In the project this is one line of DATASETS, in datasets/__init__.py: "module:class".
DATASETS["first_colour"] = f"{__name__}:FirstColour"


def main() -> None:
    """Do what the stages fetch and prepare do."""
    source = dataset("first_colour")
    with new_folder(FOLDER / "raw") as raw:
        source.write(raw)
    text = modality(source.modality)
    options = parse(text.Options, {"max_length": 8}, "example.prepare")
    with new_folder(FOLDER / "prepared") as out:
        write_spec(out / "spec.json", text.prepare(FOLDER / "raw", out, options, seed=0))

    prepared = Prepared(FOLDER / "prepared")
    train = prepared.split("train")
    tokens = train.sequence(0)
    label = prepared.spec.classes[train.targets[0]]
    print(f"{FOLDER}: {prepared.spec.sizes}")
    print(f"{train.examples()[0]['text']!r} is {tokens.tolist()}, labelled {label}")


if __name__ == "__main__":
    main()
