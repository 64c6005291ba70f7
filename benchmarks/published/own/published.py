"""Data sets that only a published table asks for, in its own sizes."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from seqarena.datasets import sources
from seqarena.datasets.base import Dataset
from seqarena.datasets.long_memory import Adding
from seqarena.files import write_csv

WAIT, SYMBOLS, KINDS = 1000, 10, 8  # of the copy memory: blank steps, symbols, their number
COPY_SIZES = {"train": 10_000, "valid": 500, "test": 1_000}


class Adding600(Adding):
    """The adding problem over 600 steps."""

    def __init__(self) -> None:
        sizes = {"train": 50_000, "valid": 1_000, "test": 1_000}
        super().__init__(sizes=sizes, lengths=(600, 600))


class Copy1000(Dataset):
    """Ten symbols, a thousand blanks, ten marks at which the symbols are to be said again.

    A label for each step, as Arjovsky et al. (2016) pose it: blank but at the marks.
    """

    modality = "text"
    origin = "generated, after Arjovsky, Shah and Bengio (2016), arXiv:1511.06464"
    licence = "your own"

    def write(self, raw: Path) -> None:
        """Write ``examples.csv`` with the columns ``id,text,labels,split``."""
        rng = np.random.default_rng(0)
        rows = []
        for split, size in COPY_SIZES.items():
            for symbols in rng.integers(KINDS, size=(size, SYMBOLS)):
                said = [f"s{symbol}" for symbol in symbols]
                text = [*said, *["b"] * (WAIT - 1), *["m"] * (SYMBOLS + 1)]
                labels = [*["b"] * (WAIT + SYMBOLS), *said]
                rows.append([len(rows), " ".join(text), " ".join(labels), split])
        write_csv(raw / "examples.csv", ["id", "text", "labels", "split"], rows)


class Etth1(Dataset):
    """The oil temperature of a transformer by the hour: 12, 4 and 4 months of ETTh1."""

    modality = "series"
    origin = "Zhou et al. 2021, arXiv:2012.07436"
    licence = "CC BY-ND 4.0"

    COMMIT = "1d16c8f4f943005d613b5bc962e9eeb06058cf07"
    ADDRESS = f"https://github.com/zhouhaoyi/ETDataset/raw/{COMMIT}/ETT-small/ETTh1.csv"
    SHA256 = "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066"
    HOURS = 20 * 30 * 24  # what comes after is in no split of theirs

    def write(self, raw: Path) -> None:
        """Write ``series.csv`` with the columns ``date,OT``."""
        path = sources.url("ett", "ETTh1.csv", self.ADDRESS, sha256=self.SHA256)
        with path.open(newline="") as file:
            rows = [[row["date"], row["OT"]] for row in csv.DictReader(file)]
        write_csv(raw / "series.csv", ["date", "OT"], rows[: self.HOURS])


class SequentialMnist(Dataset):
    """The pixels of MNIST's digits one by one, row by row, in the official split."""

    modality = "signal"
    origin = "LeCun et al. 1998, as PNG by Sebastian Raschka"
    licence = "MIT (the repository)"

    COMMIT = "d26bd33bf1e454dd15bd4fe8b8ba64c76308f91c"
    ADDRESS = f"https://github.com/rasbt/mnist-pngs/archive/{COMMIT}.zip"
    CONTENT = "0f77d916688dac230f8a5d6affe128c27c5a92ed46f35ca19bf123defd34f84c"
    order: np.ndarray = np.arange(784)

    def write(self, raw: Path) -> None:
        """Write ``labels.csv``, and a file of one column for each digit; valid is carved out."""
        archive = sources.url("mnist_png", "mnist.zip", self.ADDRESS, content_sha256=self.CONTENT)
        (raw / "digits").mkdir(parents=True)
        rows = []
        with zipfile.ZipFile(archive) as opened:
            for name in sorted(opened.namelist()):
                if not name.endswith(".png"):
                    continue
                *_, split, label, file = Path(name).parts
                pixels = np.asarray(Image.open(io.BytesIO(opened.read(name)))).ravel()
                path = f"digits/{split}_{file.removesuffix('.png')}.csv"
                values = "\n".join(map(str, (pixels[self.order] / 255).round(4).tolist()))
                (raw / path).write_text(f"pixel\n{values}\n")
                rows.append([path, label, "test" if split == "test" else ""])
        write_csv(raw / "labels.csv", ["file", "label", "split"], rows)


class PermutedMnist(SequentialMnist):
    """The same in another order, one for all digits."""

    order = np.random.default_rng(0).permutation(784)
