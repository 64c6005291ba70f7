"""The sentence: right in every case, and no claim beyond what was detected."""

import re

import pytest

from seqarena.evaluation.verdict import verdict
from seqarena.plots.formats import Format, listed, metric_name, p_value


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
        r"ahead of cnn_lstm by 0\.0\d\d \(p<0\.001\); "
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
            summary.baselines,
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
    assert leaders.startswith("lstm is best by mean (accuracy 0.90")
    assert "with no detectable difference from gru, and ahead of rnn by 0.2" in leaders
    assert text.endswith("; both beat the baseline majority (0.487).")


def test_no_detectable_difference_at_all(sentence):
    text = sentence({"gru": 0.9, "lstm": 0.9001, "rnn": 0.9}, {"majority": 0.5})
    assert text.startswith("No detectable difference between the 3 variants (accuracy from 0.9")
    assert " best (" not in text
    assert "all 3 beat the baseline majority" in text


def test_every_variant_loses(sentence):
    text = sentence({"gru": 0.7, "lstm": 0.75}, {"majority": 0.5, "tfidf": 0.9})
    assert text.startswith("Every variant loses to the baseline tfidf (accuracy 0.896): ")
    assert "the best, lstm, reaches 0.7" in text
    assert re.search(r"0\.1\d\d worse \(p<0\.001\), though lstm beats majority \(0\.\d+\)\.$", text)


def test_level_with_the_strong_baseline(sentence):
    text = sentence({"gru": 0.9, "rnn": 0.7}, {"majority": 0.5, "tfidf": 0.9}, spread=0.1)
    assert "gru is best" in text
    assert "no detectable gain over the best baseline, tfidf" in text
    assert "though gru beats majority" in text


def test_only_some_of_the_tied_beat_the_baseline(contest):
    summary, found = contest({"gru": 0.9, "lstm": 0.9001}, {"linear": 0.8})
    assert set(found.best_set) == {"gru", "lstm"}
    pairs = found.baselines["linear"]
    other = found.best_set[1]
    pairs[other] = pairs[other].model_copy(update={"p_holm": 0.3})
    text = verdict("accuracy", True, summary.variants, found, summary.baselines)
    assert f"of these only {found.best} detectably beats the baseline linear" in text


def test_errors_have_a_unit_and_go_down(sentence):
    text = sentence(
        {"gru": 52.0, "rnn": 60.0}, {"week": 90.0, "linear": 70.0}, "mae", False, 2.0, "rides"
    )
    assert re.match(r"gru is best \(MAE 5\d\.\d rides, 95% interval 5\d\.\d–5\d\.\d\), ahead", text)
    assert re.search(
        r"it beats the best baseline, linear \(\d\d\.\d rides\) by 1\d\.\d rides\.$", text
    )


def test_an_untested_baseline_is_quoted_without_a_claim(sentence):
    text = sentence({"gru": 0.9, "rnn": 0.7}, {"majority": 0.5}, tested=False)
    assert text.endswith("; the baseline majority reaches 0.499.") or "majority reaches 0.5" in text
    assert "beat" not in text


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
