"""What every built-in data set answers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar


class Dataset(ABC):
    """A public data set by name; `write` makes its raw form from pinned sources."""

    modality: ClassVar[str]
    origin: ClassVar[str]  # where it is from, and its paper
    licence: ClassVar[str]

    @abstractmethod
    def write(self, raw: Path) -> None:
        """Write the raw form of the modality (see `data.modalities.base`) into the folder `raw`.

        Raises `InputError` when a source cannot be had or its sha256 is wrong.
        """
