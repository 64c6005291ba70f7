"""A card says how an experiment ended, and claims no more than the verdict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from seqarena.records import Comparison, Summary

Contest = Callable[..., tuple[Summary, Comparison]]
CLOSE = {"gru_attention": 0.9, "lstm_attention": 0.9}


@pytest.mark.parametrize(
    ("means", "baselines", "options", "said"),
    [
        ({"gru": 0.9, "lstm": 0.7}, {"tfidf": 0.5}, {}, "gru wins"),
        ({"gru": 0.9}, {"tfidf": 0.5}, {}, "gru wins"),
        ({"gru": 0.9}, {}, {}, "only one variant"),
        ({**CLOSE, "gru": 0.7, "lstm": 0.6}, {"tfidf": 0.5}, {}, "attention wins"),
        (CLOSE, {"tfidf": 0.5}, {}, "not separated: 2 of 2"),
        ({**CLOSE, "gru": 0.9, "rnn": 0.7}, {}, {}, "not separated: 3 of 4"),
        ({"lstm": 0.9, "stacked_lstm": 0.9, "gru": 0.7}, {}, {}, "not separated: 2 of 3"),
        ({"cnn_lstm": 0.9, "conv_lstm": 0.9, "conv1d": 0.7}, {}, {}, "not separated: 2 of 3"),
        ({"lstm_dot": 0.9, "lstm_general": 0.9, "lstm": 0.7}, {}, {}, "attention wins"),
        # Only one of the two beats the baseline.
        ({**CLOSE, "gru": 0.7}, {"tfidf": 0.896}, {}, "not separated: 2 of 3"),
        ({**CLOSE, "gru": 0.9, "rnn": 0.5}, {}, {"margin": 0.2}, "equivalent: 3 of 4"),
        ({"gru": 0.6, "lstm": 0.5}, {"tfidf": 0.9, "majority": 0.2}, {}, "baseline wins"),
        ({"gru": 0.9, "lstm": 0.7}, {"tfidf": 0.9}, {}, "baseline not beaten"),
        ({"gru": 9.0, "lstm": 7.0}, {"week": 20.0}, {"greater_is_better": False}, "lstm wins"),
    ],
)
def test_endings(
    means: dict[str, float],
    baselines: dict[str, float],
    options: dict[str, Any],
    said: str,
    contest: Contest,
) -> None:
    assert contest(means, baselines, **options)[0].ending == said
