"""Imports point one way, and training needs nothing but torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from seqarena.search.code import imports

SRC = Path(__file__).parents[1] / "src" / "seqarena"
# From the ground up: a module imports from the lines below its own, or from its own package.
LAYERS = [
    {"cli"},
    {"proposal", "reproduction"},
    {"evaluation", "search", "report"},
    {"figures"},
    {"plots"},
    {"cluster"},
    {"tracking"},
    {"validation"},
    {"experiments"},
    {"export"},
    {"predict", "spaces", "baselines", "datasets"},
    {"fit"},
    {"inference"},
    {"tasks", "optimizer", "epochs"},
    {"models"},
    {"decode", "parallel"},
    {"data"},
    {"runs", "records"},
    {"config", "progress", "device"},
    {"files", "registry"},
    {"errors", "__init__"},
]
HEAVY = {"ray", "mlflow", "dvc", "pydantic", "optuna"}


def rank(name: str) -> int:
    return next(n for n, layer in enumerate(LAYERS) if name in layer)


def part(path: Path) -> str:
    return path.relative_to(SRC).parts[0].removesuffix(".py")


FILES = sorted(SRC.rglob("*.py"))


def test_every_part_has_its_layer() -> None:
    assert {part(path) for path in FILES} == set().union(*LAYERS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SRC)))
def test_imports_point_one_way(path: Path) -> None:
    mine = part(path)
    for module in imports(path):
        if module.startswith("seqarena."):
            other = module.split(".")[1]
            if mine != other and mine != "cli":
                below = rank(other) > rank(mine)
                beside = (mine, other) == ("report", "evaluation")
                assert below or beside, f"{mine} imports {other}"


def test_only_what_runs_on_a_cluster_imports_ray() -> None:
    with_ray = {
        part(path) for path in FILES if any(m.split(".")[0] == "ray" for m in imports(path))
    }
    assert with_ray == {"cluster", "search"}


@pytest.mark.parametrize(
    "module",
    ["fit", "tasks", "models.variants", "models.recurrent.layers", "predict", "data.batches"],
)
def test_training_code_needs_only_torch(module: str) -> None:
    """In a fresh interpreter: a GPU machine may have nothing else."""
    code = f"import sys, seqarena.{module}; print(sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("module", ["search.search", "search.finals", "search.worker"])
def test_a_worker_is_spared_what_only_the_driver_needs(module: str) -> None:
    code = f"import sys, seqarena.{module}; print(sorted({{'mlflow', 'dvc'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_training_runs_where_the_rest_is_not_installed(prepared: dict[str, Path]) -> None:
    """A whole training, with every heavy library made impossible to import."""
    code = f"""
import sys
from pathlib import Path
from types import SimpleNamespace
for name in {HEAVY | {"jiwer", "sacrebleu", "sklearn", "pandas", "rich", "typer", "psutil"}!r}:
    sys.modules[name] = None
from seqarena.fit import fit
protocol = SimpleNamespace(deterministic=False, batch_size=8, epoch_examples=None, epochs=2,
                           patience=2, clip=1.0, precision="auto", truncate=None, balance="none")
experiment = SimpleNamespace(task="classification", metric="accuracy", protocol=protocol)
chosen = dict(learning_rate=0.01, weight_decay=0.0, dropout=0.0, width=8, embedding=8,
              embedding_std=0.1, attention=8)
training, epochs = fit(experiment, Path(sys.argv[1]), "lstm_attention", chosen, 0)
print(len(epochs))
"""
    folder = str(prepared["text"])
    done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "2"
