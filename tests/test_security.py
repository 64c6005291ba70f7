"""Nothing that is read can run code, and no secret of a URI is told."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from seqarena.tracking.mlflow.projection import without_secret

ROOT = Path(__file__).parents[1]
FILES = sorted(
    path for name in ("src", "pipelines", "infra") for path in (ROOT / name).rglob("*.py")
)

# The static part.

MODULES = {"pickle", "cPickle", "cloudpickle", "dill", "shelve", "marshal", "joblib", "jsonpickle"}
BUILTINS = {"eval", "exec", "compile", "__import__"}
KEYWORDS = {("weights_only", False), ("allow_pickle", True), ("shell", True)}
YAML = {
    "unsafe_load",
    "unsafe_load_all",
    "full_load",
    "full_load_all",
    "UnsafeLoader",
    "FullLoader",
}
SAFE_YAML = {"SafeLoader", "CSafeLoader"}
SHELLS = {("os", "system"), ("os", "popen"), ("subprocess", "getoutput"), ("tempfile", "mktemp")}


def dangers(text: str) -> Iterator[str]:
    """Name everything in a file that could run what is read."""
    for node in ast.walk(ast.parse(text)):
        found = None
        if isinstance(node, ast.Import):
            found = next((a.name for a in node.names if a.name.split(".")[0] in MODULES), None)
        elif isinstance(node, ast.ImportFrom):
            found = node.module if (node.module or "").split(".")[0] in MODULES else None
            names = {alias.name for alias in node.names} & YAML
            found = found or (names.pop() if node.module == "yaml" and names else None)
        elif isinstance(node, ast.Attribute) and node.attr in YAML:
            found = node.attr
        elif isinstance(node, ast.Call):
            found = _in_call(node)
        if found:
            yield f"line {node.lineno}: {found}"


def _in_call(call: ast.Call) -> str | None:
    keywords = {word.arg: word.value for word in call.keywords}
    for name, value in KEYWORDS:
        given = keywords.get(name)
        if given is not None and not (isinstance(given, ast.Constant) and given.value is not value):
            return f"{name} that is not {not value}"
    called = call.func
    if isinstance(called, ast.Name):
        return called.id if called.id in BUILTINS else None
    if not isinstance(called, ast.Attribute):
        return None
    owner = called.value.id if isinstance(called.value, ast.Name) else ""
    if called.attr in ("extractall", "extract"):
        given = keywords.get("filter")
        return None if isinstance(given, ast.Constant) and given.value == "data" else called.attr
    if (owner, called.attr) in SHELLS:
        return f"{owner}.{called.attr}"
    if (owner, called.attr) == ("torch", "load") and "weights_only" not in keywords:
        return "torch.load without weights_only"
    if owner == "yaml" and called.attr in ("load", "load_all"):
        loaders = [*call.args[1:], *filter(None, [keywords.get("Loader")])]
        safe = [n for n in loaders if isinstance(n, ast.Attribute) and n.attr in SAFE_YAML]
        return None if safe else f"yaml.{called.attr} without a safe loader"
    return None


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_that_is_read_runs_as_code(path: Path) -> None:
    assert list(dangers(path.read_text())) == []


@pytest.mark.parametrize(
    "text",
    [
        "torch.load(file, weights_only=False)",
        "torch.load(file, weights_only=trusted)",
        "torch.load(file)",
        "np.load(file, allow_pickle=True)",
        "import pickle",
        "import cloudpickle as p",
        "from pickle import loads",
        "yaml.load(text)",
        "yaml.load(text, yaml.Loader)",
        "yaml.load(text, Loader=yaml.UnsafeLoader)",
        "yaml.unsafe_load(text)",
        "from yaml import unsafe_load",
        "tar.extractall(folder)",
        "tar.extractall(folder, filter='fully_trusted')",
        "archive.extract(name)",
        "subprocess.run(line, shell=True)",
        "subprocess.run(line, shell=flag)",
        "os.system(line)",
        "eval(text)",
        "exec(text)",
    ],
)
def test_what_is_banned_is_found(text: str) -> None:
    assert len(list(dangers(text))) >= 1


@pytest.mark.parametrize(
    "text",
    [
        "model.eval()",
        "torch.load(file, weights_only=True)",
        "np.load(file, allow_pickle=False)",
        "yaml.load(text, yaml.CSafeLoader)",
        "yaml.safe_load(text)",
        "tar.extractall(folder, filter='data')",
        "subprocess.run(['ls'], shell=False)",
    ],
)
def test_what_is_safe_is_let_be(text: str) -> None:
    assert list(dangers(text)) == []


# Secrets; what a whole run writes: tests/infra/test_services.py.

IN_URI = "planted-uri-d41d"


@pytest.mark.parametrize("uri", [f"http://me:{IN_URI}@host:1/a", f"https://{IN_URI}@host"])
def test_a_secret_in_a_uri_is_hidden_wherever_it_stands(uri: str) -> None:
    told = without_secret(f"no answer of {uri}, as {IN_URI}", uri)
    assert IN_URI not in told and "host" in told
    assert without_secret("sqlite:////a/b@c.db", "sqlite:////a/b@c.db") == "sqlite:////a/b@c.db"
