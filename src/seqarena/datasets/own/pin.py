"""The digest of the user's own files in params.yaml: by it a change of them is seen."""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from seqarena.config import DIGEST, PARAMS, read_params
from seqarena.data.folders import kept_below
from seqarena.datasets.own.tables import examples_are_rows
from seqarena.files import new_file, sha256_of


def digest(path: Path, tables: bool, listed: str | None = None) -> str:
    """Digest the names and bytes of all files that a path stands for.

    Of a table that lists media (`tables` is false) these are all files beside and below it, or in
    the folder `listed`, and itself. Empty where there are none.
    """
    top = path if path.is_dir() or tables else Path(listed or path.parent)
    if top.is_dir():
        files = kept_below(top)
        if listed and path.is_file():
            files = sorted({*files, top / os.path.relpath(path, top)})
    else:
        files = [Path(found) for found in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207  # absolute
    total = hashlib.sha256()
    for file in files:
        name = file.relative_to(top).as_posix() if top.is_dir() else file.name
        total.update(f"{name}\0{sha256_of(file)}\n".encode())
    return total.hexdigest() if files else ""


def note_changes(names: Iterable[str], path: Path = PARAMS) -> list[str]:
    """Write digests anew that own files no longer have; return whose of these experiments did.

    A section that is wrong, or whose files are gone, is left to who loads it.
    """
    sections, text = read_params(path)["experiments"], path.read_text(encoding="utf-8")
    changed = []
    for name in names:
        section = sections.get(name)
        data = section.get("data") if isinstance(section, dict) else None
        if not isinstance(data, dict) or not re.match(DIGEST, noted := str(data.get("sha256"))):
            continue
        of_tables = examples_are_rows(str(section.get("modality")), data.get("in_rows") or ())
        now = digest(Path(str(data.get("path"))), of_tables, data.get("files"))
        if now not in ("", noted):
            text = text.replace(noted, now)
            changed.append(name)
    if changed:
        with new_file(path) as partial:
            partial.write_text(text, encoding="utf-8")
    return changed
