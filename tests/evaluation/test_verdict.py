"""The sentence: right in every case, and no claim beyond what was detected."""

import re

import numpy as np
import pytest
from scipy.special import ndtri

from seqarena.evaluation.compare import compare
from seqarena.evaluation.estimates import Estimates
from seqarena.evaluation.verdict import verdict
from seqarena.plots.formats import Format, listed, metric_name, p_value
from seqarena.records import VariantSummary


@pytest.fixture
def sentence(contest):
    def verdict_text(*args, **options):
        text = contest(*args, **options)[0].verdict
        assert text.endswith(".") and "\n" not in text
        return text

    return verdict_text


def test_one_clear_winner(sentence):
    text = sentence(
        {"cnn_lstm": 0.90, "conv_lstm": 0.95, "rnn": 0.7}, {"majority": 0.1, "mean": 0.5}
    )
    assert re.match(
        r"conv_lstm is best \(accuracy 0\.9\d\d, 95% interval 0\.\d{3}–0\.\d{3}\), "
        r"ahead of cnn_lstm by 0\.0\d\d \(p=0\.00\d\); "
        r"it beats the best baseline, mean \(0\.\d{3}\) by 0\.4\d\d\.$",
        text,
    )


@pytest.mark.parametrize("means", [{"gru": 0.9, "rnn": 0.7}, {"gru": 0.4, "rnn": 0.3}])
def test_one_search_for_all_repetitions_is_told(contest, means):
    summary, comparison = contest(means, {"majority": 0.5})
    told = [
        verdict(
            "accuracy",
            True,
            summary.variants,
            comparison,
            summary.references,
            left_out=["mean"],
            tuned_once=once,
        )
        for once in (False, True)
    ]
    assert "tuned once" not in told[0]
    added = " This holds for the variants as tuned once: another search is not allowed for."
    assert told[1] == told[0] + added


def test_two_tied_at_the_top(sentence):
    text = sentence({"gru": 0.9, "lstm": 0.9001, "rnn": 0.7}, {"majority": 0.5})
    leaders = text.split(";")[0]
    assert leaders.startswith("lstm has the best mean (accuracy 0.90")
    assert "not separated from gru (0.001 behind, visible from 0.0" in leaders
    assert "ahead of rnn by 0.2" in leaders
    assert " best (" not in text
    assert "; both beat the baseline majority (0.487)." in text


def test_none_is_separated(sentence):
    text = sentence({"gru": 0.9, "lstm": 0.9001, "rnn": 0.9}, {"majority": 0.5})
    assert text.startswith("The 3 variants are not separated: accuracy from 0.9")
    assert " best (" not in text
    assert "all 3 beat the baseline majority" in text


def test_of_many_the_nearest_and_the_farthest_are_named(sentence):
    means = {**dict.fromkeys(("gru", "lstm", "bilstm", "bigru", "conv1d"), 0.9), "rnn": 0.6}
    text = sentence(means, {"majority": 0.5})
    assert re.search(
        r"not separated from 4 others, from \w+ \(.*\) to \w+ \(.*\), ahead of rnn", text
    )


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (0.9, "The two variants are equivalent within 0.1: accuracy from 0.90"),
        (0.7, "gru is best (accuracy 0.89"),
    ],
)
def test_a_margin_says_what_does_not_matter(sentence, second, said):
    assert sentence({"gru": 0.9, "lstm": second}, {}, margin=0.1).startswith(said)


def test_every_variant_loses(sentence):
    text = sentence({"gru": 0.7, "lstm": 0.75}, {"majority": 0.5, "tfidf": 0.9})
    assert text.startswith("Every variant loses to the baseline tfidf (accuracy 0.896): ")
    assert "the best, lstm, reaches 0.7" in text
    assert re.search(r"0\.1\d\d worse \(p<0\.001\), though lstm beats majority \(0\.\d+\)\.$", text)


def test_level_with_the_strong_baseline(sentence):
    text = sentence({"gru": 0.9, "rnn": 0.7}, {"majority": 0.5, "tfidf": 0.9}, spread=0.1)
    assert "gru is best" in text
    assert "gru is not separated from the best baseline, tfidf (0.892), 0.0" in text
    assert "though gru beats majority" in text


def test_only_some_of_the_tied_beat_the_baseline(contest):
    summary, found = contest({"gru": 0.9, "lstm": 0.9001}, {"linear": 0.8})
    assert set(found.best_set) == {"gru", "lstm"}
    pairs = found.baselines["linear"]
    other = found.best_set[1]
    pairs[other] = pairs[other].model_copy(update={"word": "not separated"})
    text = verdict("accuracy", True, summary.variants, found, summary.references)
    assert f"of these only {found.best} beats the baseline linear" in text


def test_errors_have_a_unit_and_go_down(sentence):
    text = sentence(
        {"gru": 52.0, "rnn": 60.0}, {"week": 90.0, "linear": 70.0}, "mae", False, 2.0, "rides"
    )
    assert re.match(r"gru is best \(MAE 5\d\.\d rides, 95% interval 5\d\.\d–5\d\.\d\), ahead", text)
    assert re.search(
        r"it beats the best baseline, linear \(\d\d\.\d rides\) by 1\d\.\d rides\.$", text
    )


def test_no_baselines_and_one_variant(sentence):
    assert sentence({"gru": 0.9}, {}).startswith("gru, the only variant, reaches accuracy 0.")
    assert sentence({"gru": 0.4}, {"majority": 0.9}).startswith("gru, the only variant, loses to")


@pytest.mark.parametrize(
    ("largest", "shown"), [(0.98, "0.123"), (5.0, "0.12"), (80.0, "0.1"), (4000.0, "0")]
)
def test_decimals_follow_the_size_of_the_metric(largest, shown):
    assert Format([largest])(0.1234) == shown


def test_wording():
    assert [p_value(p) for p in (0.0, 0.0123, 0.42)] == ["p<0.001", "p=0.012", "p=0.42"]
    assert [listed(names) for names in ("a", "ab", "abc")] == ["a", "a and b", "a, b and c"]
    assert [metric_name(name) for name in ("accuracy", "macro_f1")] == ["accuracy", "macro F1"]
    assert Format([1.0]).interval((-0.1, 0.2)) == "-0.100 to 0.200"


NINE = ("rnn", "gru", "lstm", "bilstm", "bigru", "stacked_lstm", "gru_attention", "conv1d", "cnn")


def rights_and_wrongs(means, groups=1000, unstable=(), repetitions=5):
    """Right and wrong answers of variants ``(R, N)``, and of a baseline, to the same questions.

    Of the unstable, one repetition in five fails.
    """
    random = np.random.default_rng(0)
    hard = random.standard_normal(groups)
    right = {}
    for name, mean in means.items():
        share = mean + 0.01 * random.standard_normal((repetitions, 1))
        if name in unstable:
            share[2] = 0.3
        own = 0.5 * random.standard_normal(groups)
        rest = 0.3 * random.standard_normal((repetitions, groups))
        right[name] = (hard + own + rest < 1.34**0.5 * ndtri(share)).astype(float)
    guess = (hard + 0.5 * random.standard_normal(groups) < 1.25**0.5 * ndtri(0.6)).astype(float)
    return right, {"linear": guess}


@pytest.mark.parametrize(
    ("case", "said"),
    [
        (
            rights_and_wrongs(dict.fromkeys(NINE, 0.8)),
            "The 9 variants are not separated: accuracy from 0.827 for conv1d to 0.809 for "
            "gru_attention (gaps visible from 0.046); all 9 beat the baseline linear "
            "(0.627).",
        ),
        (
            rights_and_wrongs({**dict.fromkeys(NINE, 0.8), "cnn": 0.9}),
            "cnn is best (accuracy 0.910, 95% interval 0.891–0.929), ahead of conv1d by "
            "0.084 (p<0.001); it beats the baseline linear (0.627) by 0.283.",
        ),
        (
            rights_and_wrongs(dict.fromkeys(NINE[3:], 0.74) | dict.fromkeys(NINE[:3], 0.86)),
            "gru has the best mean (accuracy 0.891, 95% interval 0.872–0.909), not separated "
            "from lstm (0.017 behind, visible from 0.034) and rnn (0.023 behind, visible "
            "from 0.033), ahead of stacked_lstm by 0.126 (p<0.001); all 3 beat the baseline "
            "linear (0.627). It takes about 4,000 independent test groups, not repetitions, "
            "to separate rnn from gru.",
        ),
        (
            rights_and_wrongs({"gru": 0.9, "lstm": 0.9, "rnn": 0.7}, unstable=["lstm"]),
            "gru has the best mean (accuracy 0.911, 95% interval 0.894–0.928), not separated "
            "from lstm (0.118 behind, visible from 0.446), ahead of rnn by 0.188 (p<0.001); "
            "of these only gru beats the baseline linear (0.630). About 45 repetitions would "
            "separate lstm from gru.",
        ),
        (
            rights_and_wrongs({"gru": 0.9, "lstm": 0.6, "rnn": 0.85}, groups=12),
            "The 3 variants are not separated: accuracy from 0.900 for rnn to 0.650 for lstm "
            "(gaps visible from 0.458); rnn is not separated from the baseline linear "
            "(0.500), 0.400 ahead, visible from 0.602. It takes about 36 independent test "
            "groups, not repetitions, to separate lstm from rnn.",
        ),
        (
            rights_and_wrongs({"gru": 0.9, "lstm": 0.6}, groups=2),
            "The two variants are not separated: accuracy from 1.000 for gru to 0.600 for "
            "lstm (no gap could have been seen); gru is not separated from the "
            "baseline linear (1.000), 0.000 behind, no gap could have been seen. It "
            "takes about 20 independent test groups, not repetitions, to separate lstm from "
            "gru.",
        ),
    ],
    ids=[
        "nine equal",
        "one winner",
        "two clusters",
        "an unstable one",
        "12 examples",
        "2 examples",
    ],
)
def test_the_sentence_that_a_statistician_would_sign(case, said):
    units, baselines = case
    estimates = Estimates.of(units, baselines, (0.0, 1.0))
    variants = {
        name: VariantSummary(
            values=tuple(own.mean(1).tolist()),
            mean=float(own.mean()),
            ci95=estimates.interval(name),
            parameters=1,
            train_seconds=1.0,
            milliseconds=1.0,
            test_examples=own.shape[1],
        )
        for name, own in units.items()
    }
    found = compare(estimates, list(units), None)
    values = {name: float(own.mean()) for name, own in baselines.items()}
    assert verdict("accuracy", True, variants, found, values) == said
