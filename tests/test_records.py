"""Result files are typed records: what is written is read back, and a mistake is told by key."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqarena.errors import InputError
from seqarena.evaluation.evaluate import headline
from seqarena.files import write_json
from seqarena.records import (
    AllMetrics,
    Comparison,
    ComparisonRecord,
    Summary,
    read_summaries,
    write_summaries,
)

Contest = Callable[..., tuple[Summary, Comparison]]
MEANS = {"gru": 0.9, "lstm": 0.8}


@pytest.fixture
def summary(contest: Contest) -> Summary:
    return contest(MEANS, {"majority": 0.5})[0]


def test_a_summary_is_read_as_it_was_written(summary: Summary, tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    summary.write(path)
    assert Summary.read(path) == summary
    assert list(json.loads(path.read_text())) == [
        "metric",
        "greater_is_better",
        "baselines",
        "variants",
        "verdict",
        "ending",
        "cost",
    ]


def test_a_comparison_is_read_as_it_was_written(contest: Contest, tmp_path: Path) -> None:
    comparison = contest(MEANS, {"majority": 0.5})[1]
    metrics = AllMetrics(
        variants={"gru": [{"perplexity": math.inf}]}, baselines={}, unfitted={"tfidf": "no words"}
    )
    unseen = comparison.pairs["lstm"].model_copy(update={"visible": None})
    record = ComparisonRecord(**{**dict(comparison), "pairs": {"lstm": unseen}}, metrics=metrics)
    record.write(tmp_path / "comparison.json")
    assert ComparisonRecord.read(tmp_path / "comparison.json") == record
    written = json.loads((tmp_path / "comparison.json").read_text())
    assert written["metrics"]["variants"]["gru"] == [{"perplexity": "inf"}]
    assert written["pairs"]["lstm"]["visible"] is None


def test_a_headline_has_a_baseline_where_there_is_one(contest: Contest, tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    headline(contest({"gru": 3.0, "lstm": 2.0}, {"mean": 5.0}, "mae", False)[0]).write(path)
    written = json.loads(path.read_text())
    assert list(written) == ["metric", "best", "score", "baseline", "baseline_score", "gap"]
    assert (written["best"], written["baseline"]) == ("lstm", "mean")
    assert written["gap"] == pytest.approx(3.0, abs=0.1)
    headline(contest(MEANS, {})[0]).write(path)
    assert list(json.loads(path.read_text())) == ["metric", "best", "score"]


def test_the_summaries_of_a_report(summary: Summary, tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    write_summaries(path, {"reviews": summary})
    assert read_summaries(path) == {"reviews": summary}
    write_json(path, {"reviews": {**summary.model_dump(), "verdict": 1}})
    with pytest.raises(InputError, match=r"summary\.json: reviews\.verdict: .*string, found 1$"):
        read_summaries(path)
    write_json(path, [])
    with pytest.raises(InputError, match=r"summary\.json: expected a mapping, found list$"):
        read_summaries(path)


def without(raw: dict[str, Any], *keys: str) -> None:
    *above, last = keys
    for key in above:
        raw = raw[key]
    del raw[last]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda raw: without(raw, "verdict"), "verdict: missing"),
        (lambda raw: without(raw, "variants", "gru", "mean"), "variants.gru.mean: missing"),
        (
            lambda raw: raw.update(verdicts="x"),
            "verdicts: no such key; did you mean 'verdict'?",
        ),
        (
            lambda raw: raw["variants"]["gru"].update(meen=1.0),
            "variants.gru.meen: no such key; did you mean 'mean'?",
        ),
        (
            lambda raw: raw["baselines"]["majority"].update(value="much"),
            "baselines.majority.value: input should be a valid number, unable to parse string as a "
            "number, found 'much'",
        ),
    ],
)
def test_a_mistake_is_told_by_file_and_key(
    change: Callable[[dict[str, Any]], None], message: str, summary: Summary, tmp_path: Path
) -> None:
    raw, path = summary.model_dump(), tmp_path / "summary.json"
    change(raw)
    write_json(path, raw)
    with pytest.raises(InputError) as error:
        Summary.read(path)
    assert str(error.value) == f"{path}: {message}"
