"""The code that a logged model carries, in one file: it loads anywhere, also in years."""

from __future__ import annotations

import zipfile
from functools import cache
from io import BytesIO
from pathlib import Path

import seqarena

PACKAGE = Path(seqarena.__file__).parent
OWN = "own"  # the folder in which people write variants of their own
NAME = "seqarena.zip"
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # so that the same code makes the same bytes


@cache  # some milliseconds, and the same for all models of a process
def packed_code(root: Path) -> bytes:
    """Zip the package and the project's own modules; Python imports from a zip on its path."""
    packed, folders = BytesIO(), set[Path]()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted([*PACKAGE.rglob("*.py"), *(root / OWN).rglob("*.py")]):
            below = PACKAGE.parent if path.is_relative_to(PACKAGE) else root
            if path.parent not in folders:  # a package without __init__.py is found by its folder
                folders.add(path.parent)
                name = f"{path.parent.relative_to(below).as_posix()}/"
                archive.writestr(zipfile.ZipInfo(name, LONG_AGO), b"")
            entry = zipfile.ZipInfo(path.relative_to(below).as_posix(), LONG_AGO)
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, 9)
    return packed.getvalue()
