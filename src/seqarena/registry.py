"""Entries by name: those of this package, and the user's own as ``own.module.name``.

The user's own lie in the folder ``own`` of a project, which the stages of `dvc.yaml` depend on. No
colon stands in a name: in a list of YAML's it would have to be quoted, and folders are called so.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TypeVar

from seqarena.errors import InputError, in_one_line, unknown

T = TypeVar("T")
OWN = re.compile(r"own(\.\w+){2,}")


class Registry(dict[str, T]):
    """A mapping that also finds what the user wrote, when it is asked for by its name."""

    def __init__(self, entries: Mapping[str, T], take: Callable[[object], T | None]) -> None:
        """`take` makes an entry of what a module holds, or None where it is something else."""
        super().__init__(entries)
        self._take = take

    def __contains__(self, name: object) -> bool:
        """Tell whether there is such an entry; raises what `imported` raises for one's own."""
        own = isinstance(name, str) and OWN.fullmatch(name)
        return super().__contains__(name) or bool(own and self[str(name)] is not None)

    def __missing__(self, name: str) -> T:
        if not OWN.fullmatch(name):
            raise KeyError(name)
        found = imported(name)
        entry = self._take(found)
        if entry is None:
            kind = type(found).__name__
            raise InputError(f"'{name}': of another kind than what stands here: {kind}")
        self[name] = entry
        return entry


def imported(name: str) -> object:
    """Import what ``own.module.name`` stands for, from the folder ``own`` below this one.

    Raises `InputError` where it is not there, or its module fails.
    """
    module, _, attribute = name.rpartition(".")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        missing = "" if error.name in (module, "own") else f", which asks for {error.name}"
        path = Path(*module.split(".")).with_suffix(".py")
        raise InputError(f"'{name}': no {path} in {here}{missing}") from error
    except Exception as error:  # whatever a user's module does when it is run
        reason = f"{type(error).__name__}: {in_one_line(error)}"
        raise InputError(f"'{name}': {module} fails: {reason}") from error
    if not hasattr(found, attribute):
        public = [each for each in vars(found) if not each.startswith("_")]
        raise unknown(f"'{name}'", "entry", attribute, public)
    value: object = getattr(found, attribute)
    return value
