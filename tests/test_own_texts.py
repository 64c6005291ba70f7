"""The real commands over texts as they lie on disk, from `seqarena add` to a new text's answer."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from projects import Project

pytestmark = [pytest.mark.whole, pytest.mark.timeout(900)]
PROTOCOL = {"repetitions": 2, "trials": 1, "patience": 6, "grace": 1, "timeout": 900}
VARIANTS = {"tickets": "conv1d", "films": "conv1d"}


def _write_files(folder: Path) -> None:
    folder.mkdir()
    random = np.random.default_rng(0)
    sets = [["late"], ["damaged"], ["damaged", "late"], []]
    said = {"late": "weeks of waiting", "damaged": "all in pieces"}
    tickets = []
    for number in range(160):
        labels = sets[number % 4]
        words = " and ".join(said[label] for label in labels) or "no trouble at all"
        tickets.append({"message": f"order {number} came with {words}", "topics": labels})
    (folder / "tickets.jsonl").write_text("\n".join(map(json.dumps, tickets)))
    stems = ["".join(random.choice(list("bdfgklmnpr"), 5)) for _ in range(40)]
    rows = [
        f"a {stem}{ending} film by {random.choice(stems)},{label}\n"
        for stem in stems
        for label, ending in (("good", "ful"), ("bad", "less"))
    ]  # no word of the answer stands twice: only its ending tells
    (folder / "films.csv").write_text("text,label\n" + "".join(rows))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose experiments `seqarena add` wrote, made shorter, and run to the verdicts."""
    root = tmp_path_factory.mktemp("project")
    _write_files(root / "files")
    empty: dict[str, Any] = {"protocols": {"preview": PROTOCOL}, "experiments": {}}
    (root / "params.yaml").write_text(yaml.safe_dump(empty))
    run = Project.begin(root)
    run("seqarena", "add", "tickets", "files/tickets.jsonl")
    run("seqarena", "add", "films", "files/films.csv", "--units", "subwords")
    params = yaml.safe_load((root / "params.yaml").read_text())
    for name, section in params["experiments"].items():
        assert VARIANTS[name] in section["variants"]
        section |= {"variants": [VARIANTS[name]], "space": {"width": 8, "learning_rate": 0.02}}
        section["protocol"]["epochs"] = 12
    params["experiments"]["tickets"]["prepare"]["folds"] = 2
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    run.first = run("seqarena", "run", "--jobs", "2")
    return run


def verdict_of(project: Project, name: str) -> dict[str, Any]:
    path = project.root / "results" / name / "summary.json"
    found: dict[str, Any] = json.loads(path.read_text())
    assert list(found["variants"]) == [VARIANTS[name]]
    assert f"{name}: done after" in project.first and found["verdict"] in project.first
    assert found["variants"][VARIANTS[name]]["mean"] > 0.8
    return found


def test_lists_of_labels_and_folds_come_to_a_verdict_and_answers(project: Project) -> None:
    found = verdict_of(project, "tickets")
    folds = np.load(project.root / "data/prepared/tickets/pool/folds.npy")
    assert np.bincount(folds).tolist() == [72, 72]  # each repetition validates on one
    assert found["metric"] == "micro_f1"
    assert found["baselines"]["tfidf_logistic_by_label"]["value"] > 0.9
    text = "order 7 came with all in pieces"
    printed = project("seqarena", "predict", "tickets", "--input", text)
    assert re.search(rf"{text} │ damaged [01]\.\d+ +│", printed)


def test_subwords_come_to_a_verdict_and_answers(project: Project) -> None:
    found = verdict_of(project, "films")
    spec = json.loads((project.root / "data/prepared/films/spec.json").read_text())
    assert spec["options"]["units"] == "subwords" and {"ful", "less"} < set(spec["vocabulary"])
    assert found["baselines"]["tfidf_logistic"]["value"] < 0.8, "words of test are not in train"
    printed = project("seqarena", "predict", "films", "--input", "a kmdrpless film by nbdkp")
    assert re.search(r"a kmdrpless film by nbdkp │ bad +│", printed)
