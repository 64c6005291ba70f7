"""Texts in files side by side, a line each: what translations are published as."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from seqarena.data.folders import SUFFIXES
from seqarena.data.tables import TableRow, ending_of, opened
from seqarena.errors import InputError


@dataclass(frozen=True)
class Parallel:
    """Files such as ``train.de`` and ``train.en``: line n of each belongs together."""

    stem: Path
    files: dict[str, Path]  # by their ending, which names the column

    def __str__(self) -> str:
        return f"{self.stem}.*"

    @property
    def name(self) -> str:
        return self.stem.name

    def rows(self, encoding: str) -> Iterator[TableRow]:
        """Yield a row per line; raises `InputError` where one file is longer than another."""
        files = [opened(path, encoding) for path in self.files.values()]
        try:
            for number, lines in enumerate(zip_longest(*files), start=1):
                pairs = dict(zip(self.files.values(), lines, strict=True))
                short = [path for path, line in pairs.items() if line is None]
                if short:
                    others = next(path for path, line in pairs.items() if line is not None)
                    raise InputError(f"{short[0]}: ends before line {number}, which {others} has")
                cells = zip(self.files, (str(line).strip() for line in lines), strict=True)
                first = next(iter(pairs))
                yield TableRow(number, f"{first} line {number}", dict(cells))
        except UnicodeError as error:
            raise InputError(f"{self}: not in {encoding}: {error}") from error
        finally:
            for file in files:
                file.close()


def parallel_texts(folder: Path, tables: tuple[str, ...]) -> list[Parallel]:
    """Return the texts that lie side by side in a folder, none where it holds anything else."""
    known = {ending for endings in SUFFIXES.values() for ending in endings} | set(tables)
    stems: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name.lower().startswith("readme"):
            continue
        ending = ending_of(path)
        stem = path.name.removesuffix(".gz").removesuffix(ending)
        if not path.is_file() or ending in known or not ending or not stem:
            return []
        stems.setdefault(stem, {})[ending.removeprefix(".")] = path
    endings = {tuple(files) for files in stems.values()}
    if len(endings) != 1 or len(next(iter(endings))) < 2:
        return []
    return [Parallel(folder / stem, files) for stem, files in stems.items()]
