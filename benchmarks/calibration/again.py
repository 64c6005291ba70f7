"""The whole procedure of real experiments, done again from other seeds on the same prepared data.

Runs that were interrupted go on, and more of them add to those that are there.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml

from seqarena.cluster.session import cluster
from seqarena.config import read_params
from seqarena.experiments import load
from seqarena.records import ComparisonRecord, Summary

STAGES = ("search", "train", "evaluate")
APART = 1000  # between the seeds of two runs: no repetition of one has a seed of another's

Verdict = tuple[Summary, ComparisonRecord]


def run_again(names: list[str], runs: int, folder: Path) -> dict[str, list[Verdict]]:
    """Bring experiments to `runs` verdicts each, in folders below `folder`.

    Raises `subprocess.CalledProcessError` for a stage that fails; it has said why.
    """
    stages = [f"prepare@{name}" for name in names]
    subprocess.run([sys.executable, "-m", "dvc", "repro", "--quiet", *stages], check=True)
    places = [project_for(folder / str(number), number * APART) for number in range(runs)]
    with cluster() as address:
        environment = {**os.environ, "RAY_ADDRESS": address}
        for place in places:
            for name in names:
                for stage in STAGES:
                    script = str(Path("pipelines", f"{stage}.py").resolve())
                    command = [sys.executable, script, name]
                    subprocess.run(command, cwd=place, env=environment, check=True)
    return {name: [_verdict(name, place) for place in places] for name in names}


def project_for(folder: Path, seed: int) -> Path:
    """Make a folder whose params.yaml differs in the seed alone, and whose data is this one's."""
    folder.mkdir(parents=True, exist_ok=True)
    params = read_params()
    for section in params["experiments"].values():
        section["protocol"]["seed"] += seed
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    if not (folder / "data").exists():
        (folder / "data").symlink_to(Path("data").resolve())
    return folder


def _verdict(name: str, folder: Path) -> Verdict:
    results = folder / load(name).results
    return (
        Summary.read(results / "summary.json"),
        ComparisonRecord.read(results / "comparison.json"),
    )
