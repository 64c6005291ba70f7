"""Who is the champion after a verdict: the title changes hands only where one is shown better."""

from __future__ import annotations

import pytest
from tests.comparisons import compete

from seqarena.evaluation.champion import best_final, crowned
from seqarena.records import Comparison, Summary
from seqarena.runs import Final
from seqarena.tasks.metric import ERROR, SHARE
from seqarena.tracking.champions import Contender, Crowning


def contenders(summary: Summary, data: str = "d") -> dict[str, Contender]:
    return {name: Contender(name, f"final of {name}", data) for name in summary.variants}


def told(
    holder: str | None, means: dict[str, float], data: str = "d", **how: float
) -> tuple[Crowning, Summary, Comparison]:
    """What a verdict over these means says where `holder` has had the title."""
    summary, comparison = compete(means, {"majority": 0.1}, **how)  # type: ignore[arg-type]
    before = None if holder is None else Crowning(Contender(holder, "old", "d"), "")
    return crowned(before, contenders(summary, data), summary, comparison), summary, comparison


APART = {"gru": 0.6, "lstm": 0.8}
CLOSE = {"gru": 0.8, "lstm": 0.8001}


def test_the_first_is_whom_the_verdict_names() -> None:
    first, summary, _ = told(None, CLOSE)
    assert summary.cost.startswith("If it must be one: gru,")
    assert first.champion.variant == "gru"
    first, summary, _ = told(None, APART)
    assert not summary.cost
    assert first.champion.variant == "lstm"
    assert first.reason == "lstm is the champion: it has the best mean."
    assert told(None, {"gru": 0.5})[0].reason == "gru is the champion: the only variant."


def test_a_better_one_takes_over_and_the_same_verdict_changes_nothing() -> None:
    crowning, summary, comparison = told("gru", APART)
    assert crowning.champion == Contender("lstm", "final of lstm", "d")
    assert crowning.reason.startswith("lstm takes over from gru: it is better by 0.2")
    again = crowned(crowning, contenders(summary), summary, comparison)
    assert again.champion == crowning.champion
    assert again.reason == "lstm stays champion: it has the best mean."


@pytest.mark.parametrize(("margin", "word"), [(None, "not separated from"), (0.1, "equivalent to")])
def test_who_is_not_shown_to_be_better_does_not_take_over(margin: float | None, word: str) -> None:
    crowning, _, comparison = told("gru", CLOSE, margin=margin)
    assert crowning.champion.variant == "gru"
    assert crowning.champion.final == "final of gru", "of more repetitions another is its best"
    assert crowning.challenger is not None
    assert crowning.challenger.variant == comparison.best == "lstm"
    assert crowning.reason.startswith("gru stays champion: lstm, 0.00")
    assert crowning.reason.endswith(f"ahead, is {word} it.")


@pytest.mark.parametrize(
    ("holder", "data", "why"), [("gru", "other", "the data are others"), ("rnn", "d", "compete")]
)
def test_a_verdict_that_cannot_speak_of_the_champion_leaves_it(
    holder: str, data: str, why: str
) -> None:
    crowning, _, _ = told(holder, APART, data)
    assert crowning.champion == Contender(holder, "old", "d")
    assert why in crowning.reason
    assert "move the alias `champion` to its version by hand" in crowning.reason


def test_it_is_read_back_from_tags() -> None:
    for crowning in (told("gru", CLOSE)[0], told(None, APART)[0]):
        assert Crowning.of(crowning.tags) == crowning
    assert Crowning.of({"current": "true"}) is None


def test_the_best_final_is_that_of_the_best_score_then_of_the_least_loss() -> None:
    one = Final(
        variant="gru", repetition=1, seed=1, run="1", parameters=1, train_seconds=1.0, steps=1,
        best_epoch=1, score=0.5, loss=2.0, curve=(),
    )  # fmt: skip
    finals = [
        one,
        one.model_copy(update={"run": "2", "loss": 1.0}),
        one.model_copy(update={"run": "3", "score": 0.4, "loss": 0.1}),
    ]
    assert best_final(finals, SHARE).run == "2"
    assert best_final(finals, ERROR).run == "3"
    assert best_final([one, one.model_copy(update={"run": "2"})], SHARE).run == "1"
