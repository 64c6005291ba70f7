"""What code a training rests on, so that a change elsewhere leaves its results in use.

It is what the training loop, the task and the parts of the variant import, file by file. The
registries are not followed: of them only what is asked for counts, and that by its values. So a
model or a task that is added has nothing trained anew.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterator
from dataclasses import fields
from functools import cache, partial
from pathlib import Path
from typing import Any

import seqarena
from seqarena.files import sha256_of
from seqarena.models.variant import Variant
from seqarena.models.variants import VARIANTS
from seqarena.tasks import task_for

SOURCE = Path(seqarena.__file__).parents[1]
LOOP = "seqarena.fit"
REGISTRIES = ("seqarena.models.variants", "seqarena.tasks")
# What checks and reads, and says so; nothing in it trains.
APART = (
    "seqarena", "seqarena.config", "seqarena.errors", "seqarena.files", "seqarena.registry",
)  # fmt: skip
# Of a variant: how hyperparameters are drawn, which are part of what is asked.
OF_SEARCH = ("space", "size", "rate", "modalities")


def training_code(task: str, variant: str) -> str:
    """Return the digest of all code that decides what a variant learns at a task."""
    entry = VARIANTS[variant]
    names = [field.name for field in fields(Variant) if field.name not in OF_SEARCH]
    asked = {name: _value(getattr(entry, name)) for name in names}
    files = {module: sha256_of(_file(module)) for module in modules_of(task, variant)}
    return hashlib.sha256(json.dumps([asked, files], sort_keys=True).encode()).hexdigest()


def modules_of(task: str, variant: str) -> set[str]:
    """Return the modules, of this package and the user's own, that a training rests on.

    Registries are left out.
    """
    builder = VARIANTS[variant].encoder
    found, queue = set[str](), [LOOP, type(task_for(task)).__module__, *_modules(builder)]
    while queue:
        module = queue.pop()
        if module in found or module in REGISTRIES or module in APART or not _is_file(module):
            continue
        found.add(module)
        package, _, _ = module.rpartition(".")
        queue += [package, *imports(_file(module))]
    return found


@cache
def imports(path: Path) -> tuple[str, ...]:
    """Return what a file imports when it runs, also within functions; a name may be a module."""
    named: list[str] = []
    for node in _running(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            named += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, f"{path}: a relative import"
            named += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(named)


def _running(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
        return
    for child in ast.iter_child_nodes(node):
        yield from _running(child)


def _file(module: str) -> Path:
    """Return the file of a module of this package, or of one that the user wrote."""
    path = (Path.cwd() if module.startswith("own.") else SOURCE) / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _is_file(module: str) -> bool:
    return module.partition(".")[0] in ("seqarena", "own") and _file(module).is_file()


def _value(part: Any) -> Any:
    """Return a part of a variant as JSON: what is called by where it stands."""
    if isinstance(part, partial):
        named = {name: _value(value) for name, value in part.keywords.items()}
        return [_value(part.func), [_value(value) for value in part.args], named]
    if callable(part):
        return f"{part.__module__}.{part.__qualname__}"
    assert part is None or isinstance(part, (str, int, float, bool)), part
    return part


def _modules(part: Any) -> set[str]:
    """Return the modules that hold what a builder of a variant calls."""
    if isinstance(part, partial):
        parts = (part.func, *part.args, *part.keywords.values())
        return set().union(*map(_modules, parts))
    return {part.__module__} if callable(part) else set()
