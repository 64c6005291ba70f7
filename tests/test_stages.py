"""A stage of dvc.yaml depends on the code that its script imports, no more and no less."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PACKAGE = "src/seqarena"
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
# What is reached but changes no output of a stage, so that no stage is stale for it:
NO_OUTPUT = {
    f"{PACKAGE}/errors.py",  # how a mistake is told
    f"{PACKAGE}/progress.py",  # how far a stage is
    f"{PACKAGE}/validation.py",  # refuses, or does nothing
    f"{PACKAGE}/tracking",  # how runs are recorded, not what of them
}


def file_of(module: str) -> Path | None:
    """Return the file of a module of the package, of none elsewhere."""
    path = ROOT / "src" / module.replace(".", "/")
    found = (path / "__init__.py", path.with_suffix(".py"))
    return next((file for file in found if file.is_file()), None)


def named(path: Path) -> Iterator[str]:
    """Every module that a file imports, names for a later import, or starts as a process."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if re.fullmatch(r"seqarena(\.\w+)+(:\w+)?", node.value):
                yield node.value.partition(":")[0]
            elif node.value.endswith(".py") and path.with_name(node.value).is_file():
                beside = path.with_name(node.value).relative_to(ROOT / "src")
                yield ".".join(beside.with_suffix("").parts)


def packages_above(path: Path) -> Iterator[Path]:
    for folder in path.parents:
        if folder == ROOT / "src":
            return
        if (folder / "__init__.py").is_file():
            yield folder / "__init__.py"


def reached(script: Path) -> set[str]:
    """Every file of the package that a script reaches; what changes no output ends a path."""
    found: set[Path] = set()
    queue = [script]
    while queue:
        path = queue.pop()
        for module in named(path):
            file = file_of(module)
            if file is None or excepted(file):
                continue
            for new in {file, *packages_above(file)} - found:
                found.add(new)
                queue.append(new)
    return {path.relative_to(ROOT).as_posix() for path in found}


def excepted(file: Path) -> bool:
    return any(covers(name, file.relative_to(ROOT).as_posix()) for name in NO_OUTPUT)


def covers(dep: str, file: str) -> bool:
    return file == dep or file.startswith(f"{dep}/")


def deps(stage: str) -> list[str]:
    section = STAGES[stage].get("do", STAGES[stage])
    return [dep for dep in section["deps"] if dep.startswith(PACKAGE)]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_what_its_script_imports(stage: str) -> None:
    files = reached(ROOT / "pipelines" / f"{stage}.py")
    empty = {f"{PACKAGE}/__init__.py"}  # nothing but the version
    for file in sorted(files - empty):
        text = (ROOT / file).read_text()
        only_docstring = len(ast.parse(text).body) <= 1
        assert only_docstring or any(covers(dep, file) for dep in deps(stage)), (
            f"{stage}: dvc.yaml lacks {file}"
        )
    for dep in deps(stage):
        assert (ROOT / dep).exists(), f"{stage}: {dep} is not there"
        assert any(covers(dep, file) for file in files), f"{stage}: nothing reaches {dep}"


@pytest.mark.parametrize(
    ("changed", "stale"),
    [
        ("report/templates/style.css.j2", {"compare"}),
        ("report/report.py", {"compare"}),
        ("records.py", {"evaluate", "compare"}),
        ("baselines/registry.py", {"evaluate"}),
        ("baselines/dtw.py", {"evaluate"}),
        ("plots/attention.py", {"evaluate"}),
        ("figures/gates.py", {"evaluate"}),
        ("evaluation/verdict.py", {"evaluate"}),
        ("evaluation/remarks.py", {"evaluate"}),
        ("evaluation/estimates.py", {"evaluate"}),
        ("evaluation/tuning_record.py", {"evaluate", "compare"}),
        ("plots/tuning.py", {"evaluate"}),
        ("spaces.py", {"search", "evaluate"}),
        ("search/finals.py", {"train"}),
        ("search/study.py", {"search"}),
        ("search/execute.py", {"search", "train"}),
        ("datasets/uea.py", {"fetch"}),
        ("datasets/__init__.py", {"fetch"}),
        ("cli/main.py", set()),
    ],
)
def test_a_change_makes_stale_what_it_can_change(changed: str, stale: set[str]) -> None:
    """Beside the stages named, DVC runs those whose inputs then differ."""
    path = f"{PACKAGE}/{changed}"
    assert {s for s in STAGES if any(covers(dep, path) for dep in deps(s))} == stale
