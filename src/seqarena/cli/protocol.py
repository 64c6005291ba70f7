"""Which protocol experiments follow, written into params.yaml, where all else stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ruamel.yaml import YAML

from seqarena.config import PARAMS, read_params
from seqarena.errors import unknown
from seqarena.files import new_file


def set_protocol(names: Sequence[str], protocol: str, path: Path = PARAMS) -> list[str]:
    """Name a protocol in experiments; return those that named another before.

    Raises `InputError` for a name that params.yaml lacks.
    """
    params = read_params(path)
    known = params.get("protocols") or {}
    if protocol not in known:
        raise unknown(f"{path}: protocols", "protocol", protocol, known)
    for name in names:
        if name not in params["experiments"]:
            raise unknown(f"{path}: experiments", "experiment", name, params["experiments"])
    text = path.read_text()
    sections = YAML().load(text)["experiments"]  # knows where each value stands
    lines = text.splitlines(keepends=True)
    changed = []
    for name in names:
        section = sections[name]["protocol"]
        old = str(section["name"])
        if old != protocol:
            row, column = section.lc.value("name")
            line = lines[row]
            lines[row] = line[:column] + line[column:].replace(old, protocol, 1)
            changed.append(name)
    if changed:
        with new_file(path) as partial:
            partial.write_text("".join(lines))
    return changed
