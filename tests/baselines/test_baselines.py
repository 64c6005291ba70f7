"""Baselines against answers made by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from seqarena.baselines.judging import Predictions
from seqarena.baselines.registry import BASELINES, baseline_for
from seqarena.data.modalities.text import Text, TextOptions
from seqarena.data.store import Array, DataSpec, Prepared, write_spec, write_split
from seqarena.data.tokens import TARGET_SPECIALS
from seqarena.data.writing import write_sequences
from seqarena.errors import InputError
from seqarena.evaluation.estimand import groups_of
from seqarena.evaluation.scoring import judge_on_valid
from seqarena.evaluation.scoring import test_baseline as score_baseline
from seqarena.experiments import ResolvedExperiment, load
from seqarena.tasks import TASKS
from support import prepare_raw

LOOKBACK, HORIZON = 168, 24
SPEC = DataSpec(
    modality="series",
    feature_shape=(2,),
    max_length=LOOKBACK,
    step="hour",
    step_size=1.0,
    horizon=HORIZON,
    target={"mean": 0.0, "std": 1.0, "naive_mae": 1.0},
    options={"season": 12},
)

KINDS = {"labelling": "labels", "regression": "number", "transduction": "words"}
KINDS["multi_label_classification"] = "label_set"
KINDS |= dict.fromkeys(("language_modelling", "music_modelling"), "next")


def forecasting(
    folder: Path, series: Array, spec: DataSpec = SPEC, lookback: int = LOOKBACK
) -> Prepared:
    """Prepare windows of one series for all three splits; a second feature is noise."""
    noise = np.random.default_rng(0).normal(size=len(series))
    inputs = np.stack([series, noise], 1).astype(np.float32)
    starts = np.arange(len(series) - lookback - HORIZON)
    targets = np.lib.stride_tricks.sliding_window_view(inputs[:, 0], HORIZON)[starts + lookback]
    lengths = np.full(len(starts), lookback)
    for split in ("train", "valid", "test"):
        write_split(folder / split, inputs, starts, lengths, targets, ({} for _ in starts))
    write_spec(folder / "spec.json", spec)
    return Prepared(folder)


def predict(name: str, data: Prepared) -> Any:
    """What a baseline says of test, tuned for the first metric of its task."""
    task = TASKS[BASELINES[name].task]
    metric = next(metric for metric in task.metrics if metric not in BASELINES[name].without)
    return BASELINES[name].predict(data, judge_on_valid(data, task, metric))


def error(name: str, data: Prepared) -> float:
    predictions = predict(name, data)
    assert predictions.shape == data.split("test").targets.shape
    return float(np.abs(predictions - data.split("test").targets).mean())


@pytest.mark.parametrize(
    ("name", "period"),
    [("seasonal_naive", 12), ("seasonal_naive_day", 24), ("seasonal_naive_week", 168)],
)
def test_seasonal_naive_is_exact_on_a_periodic_series(
    tmp_path: Path, name: str, period: int
) -> None:
    wave = np.tile(np.random.default_rng(1).normal(size=period), 3 + 600 // period)
    data = forecasting(tmp_path, wave)
    assert error(name, data) == 0
    assert error("persistence", data) > 0.1


def test_a_day_is_not_a_week(tmp_path: Path) -> None:
    data = forecasting(tmp_path, np.tile(np.random.default_rng(1).normal(size=168), 5))
    assert error("seasonal_naive_week", data) == 0 < error("seasonal_naive_day", data)


def test_a_season_is_counted_in_steps(tmp_path: Path) -> None:
    half_hours = replace(SPEC, step_size=0.5)
    data = forecasting(tmp_path, np.tile(np.random.default_rng(1).normal(size=48), 8), half_hours)
    assert error("seasonal_naive_day", data) == 0


def test_quantiles_of_naive_forecasts_hold_what_they_say(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    series = np.tile(random.normal(size=12), 120) + 0.3 * random.normal(size=1440)
    data = forecasting(tmp_path, series)
    truth = data.split("test").targets
    widths = {}
    for name in ("persistence_quantiles", "seasonal_naive_quantiles"):
        said = predict(name, data).reshape(*truth.shape, 9)
        inside = (said[:, :, 0] <= truth) & (truth <= said[:, :, -1])
        assert inside.mean() == pytest.approx(0.8, abs=0.02)
        widths[name] = (said[:, :, -1] - said[:, :, 0]).mean()
    assert widths["seasonal_naive_quantiles"] < 0.5 * widths["persistence_quantiles"]


def test_persistence_repeats_the_last_value(tmp_path: Path) -> None:
    data = forecasting(tmp_path, np.arange(300.0))
    predictions = predict("persistence", data)
    assert predictions[0].tolist() == [LOOKBACK - 1.0] * HORIZON
    assert predictions[5].tolist() == [LOOKBACK + 4.0] * HORIZON


def test_linear_beats_persistence_on_a_trend(tmp_path: Path) -> None:
    data = forecasting(tmp_path, np.linspace(-1, 1, 500))
    assert error("linear", data) < error("persistence", data) / 10


def test_linear_is_fitted_where_windows_repeat_each_other(tmp_path: Path) -> None:
    """In single precision the products of large, alike windows are no positive matrix."""
    data = forecasting(tmp_path, 3000 * np.sin(np.arange(3000.0) * np.pi / 12))
    assert error("linear", data) < 0.1 * error("persistence", data)


def test_linear_is_fitted_for_the_metric_it_is_judged_by(tmp_path: Path) -> None:
    """One value in twenty is far off: squares chase it, absolute errors do not."""
    random = np.random.default_rng(0)
    series = np.sin(np.arange(900.0) / 4) + 0.05 * random.normal(size=900)
    series[random.random(900) < 0.05] += 4
    data = forecasting(tmp_path, series, replace(SPEC, max_length=12), lookback=12)
    truth, task = data.split("test").targets, TASKS["forecasting"]
    by = {
        metric: BASELINES["linear"].predict(data, judge_on_valid(data, task, metric)) - truth
        for metric in ("mae", "rmse")
    }
    assert np.abs(by["mae"]).mean() < 0.9 * np.abs(by["rmse"]).mean()
    assert np.square(by["rmse"]).mean() < np.square(by["mae"]).mean()


def test_the_penalty_is_chosen_by_the_metric(
    tmp_path: Path, specs: dict[str, DataSpec], prepare: Callable[..., Path]
) -> None:
    """Of three fits the one whose valid predictions the judge likes best says what test is."""
    data = Prepared(prepare(tmp_path / "data", specs["audio"], (60, 20, 20)))
    baseline, answers = BASELINES["mean_frame_logistic"], []
    for chosen in range(3):
        shown: list[Array] = []

        def judge(predictions: Predictions, shown: list[Array] = shown, c: int = chosen) -> float:
            shown.append(np.asarray(predictions))
            return float(len(shown) == c + 1)

        answers.append(np.asarray(baseline.predict(data, judge)))
        assert [each.shape for each in shown] == [(20, 2)] * 3
    sure = [np.exp(answer).max(1).mean() for answer in answers]
    assert sure[0] < sure[1] < sure[2]  # the weaker the penalty


def test_a_season_that_does_not_fit_is_told(tmp_path: Path) -> None:
    short = forecasting(tmp_path / "short", np.arange(100.0), lookback=30)
    with pytest.raises(InputError, match="168 steps is longer than the lookback"):
        predict("seasonal_naive_week", short)
    days = forecasting(tmp_path / "days", np.arange(300.0), replace(SPEC, step="day"))
    with pytest.raises(InputError, match="a season of 24 h needs hours, not days"):
        predict("seasonal_naive_day", days)


def test_majority_is_the_commonest_class_of_train(tmp_path: Path) -> None:
    spec = DataSpec(
        modality="audio",
        feature_shape=(1,),
        max_length=1,
        step="second",
        step_size=1.0,
        classes=("a", "b", "c"),
    )
    labels = {"train": [1, 2, 2, 0], "valid": [0, 0], "test": [0, 1, 2]}
    for split, targets in labels.items():
        steps = [np.zeros((1, 1), np.float32) for _ in targets]
        write_sequences(tmp_path / split, steps, np.array(targets), ({} for _ in targets))
    write_spec(tmp_path / "spec.json", spec)
    predictions = predict("majority", Prepared(tmp_path))
    assert predictions.argmax(1).tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    ("name", "modality"),
    [
        ("tfidf_logistic", "text"),
        ("mean_frame_logistic", "audio"),
        ("mean_frame_logistic", "video"),
    ],
)
def test_logistic_regression_learns_what_is_plain(
    name: str,
    modality: str,
    tmp_path: Path,
    specs: dict[str, DataSpec],
    prepare: Callable[..., Path],
) -> None:
    data = Prepared(prepare(tmp_path / "data", specs[modality], (60, 20, 20)))
    for split in ("train", "valid", "test"):
        texts = ["a good film" if target else "a bad film" for target in data.split(split).targets]
        lines = [f'{{"text": "{text}"}}\n' for text in texts]
        (data.folder / split / "examples.jsonl").write_text("".join(lines))
    test = data.split("test")
    predictions = predict(name, data)
    np.testing.assert_allclose(np.exp(predictions).sum(1), 1, rtol=1e-5)
    assert (predictions.argmax(1) == test.targets).mean() >= 0.9


UNUSUAL = {  # two texts of a class each, which words of two Latin letters do not tell apart
    "words of one letter": ("words", "a b c", "a d c"),
    "no blanks": ("words", "\u5f88\u597d", "\u5f88\u5dee"),
    "signs on letters": ("words", "\u0926\u093f\u0928", "\u0926\u0940\u0928"),
    "names": ("characters", "anna", "hanno"),
    "tokens": ("tokens", "x-1 :", "x-1 ;"),
}


@pytest.mark.parametrize("kind", UNUSUAL)
def test_a_text_of_any_script_and_unit_has_terms(
    kind: str, tmp_path: Path, specs: dict[str, DataSpec], prepare: Callable[..., Path]
) -> None:
    units, *said = UNUSUAL[kind]
    spec = replace(specs["text"], options={"units": units})
    data = Prepared(prepare(tmp_path / "data", spec, (60, 20, 20)))
    for split in ("train", "valid", "test"):
        texts = [{"text": said[int(target > 0)]} for target in data.split(split).targets]
        lines = [json.dumps(text) + "\n" for text in texts]
        (data.folder / split / "examples.jsonl").write_text("".join(lines))
    found = predict("tfidf_logistic", data).argmax(1)
    assert ((found > 0) == (data.split("test").targets > 0)).all()


def test_mean_frames_are_blind_to_order(
    tmp_path: Path, specs: dict[str, DataSpec], prepare: Callable[..., Path]
) -> None:
    data = Prepared(prepare(tmp_path / "data", specs["audio"], (60, 20, 20)))
    before = predict("mean_frame_logistic", data)
    test = data.split("test")
    turned = [test.sequence(index)[::-1] for index in range(len(test))]
    np.save(data.folder / "test" / "inputs.npy", np.concatenate(turned))
    after = predict("mean_frame_logistic", data)
    np.testing.assert_allclose(before, after, atol=1e-4)


def test_the_test_split_is_not_fitted_on(
    tmp_path: Path, specs: dict[str, DataSpec], prepare: Callable[..., Path]
) -> None:
    """Answers for test do not change with the answers that test holds."""
    for name, entry in BASELINES.items():
        folder = tmp_path / name
        data = tiny(folder, entry.task, sorted(entry.modalities)[0], specs, prepare)
        if entry.task.endswith("modelling"):  # told the truth, to say how likely it was
            continue
        before = predict(name, data)
        targets = np.load(folder / "test" / "targets.npy")
        np.save(folder / "test" / "targets.npy", targets[::-1])
        after = predict(name, Prepared(folder))
        assert len(after) == len(before)
        for one, other in zip(before, after, strict=True):
            same = one == other
            assert same.all() if isinstance(same, np.ndarray) else same, name


def tiny(
    folder: Path,
    task: str,
    modality: str,
    specs: dict[str, DataSpec],
    prepare: Callable[..., Path],
) -> Prepared:
    """Prepare a little data of a modality with the targets that a task takes."""
    if modality == "series":
        return forecasting(folder, np.sin(np.arange(400.0) / 4))
    if task == "transduction" and modality == "text":
        return pairs(folder)
    spec = specs[modality]
    if task == "transduction":
        words = (*TARGET_SPECIALS, "no", "yes")
        spec = replace(spec, target_vocabulary=words, target_unit="words")
    if task == "labelling":
        spec = replace(spec, classes=("B-x", "O"))
    if task == "regression":
        spec = replace(spec, target={"mean": 0.0, "std": 1.0})
    return Prepared(prepare(folder, spec, (60, 20, 20), targets=KINDS.get(task, "label")))


def pairs(folder: Path) -> Prepared:
    """Texts and their translations, of which test repeats those of train with a word more."""
    names = {"uno": "one", "dos": "two", "tres": "three", "seis": "six"}
    rows = [f"{a} y {b},{x} and {y},train" for a, x in names.items() for b, y in names.items()]
    rows += ["uno y dos gatos,one and two cats,valid"]
    rows += [
        "tres y seis gatos,three and six cats,test",
        "perros: seis y uno,dogs: six and one,test",
    ]
    folder.mkdir()
    (folder / "examples.csv").write_text("text,target,split\n" + "\n".join(rows) + "\n")
    return prepare_raw(Text(), folder, folder, TextOptions(targets="words", min_count=1))


def test_the_nearest_text_of_train_lends_its_translation(tmp_path: Path) -> None:
    data = pairs(tmp_path / "pairs")
    words = data.spec.target_vocabulary
    texts = [
        " ".join(words[token] for token in hypothesis.tokens)
        for hypothesis in predict("nearest_text", data)
    ]
    assert texts == ["three and six", "six and one"]


def test_words_of_one_letter_are_words_of_a_text_too(tmp_path: Path) -> None:
    rows = ["a b,one,train", "c d,two,train", "b c,one,valid", "d c,two,test"]
    (tmp_path / "examples.csv").write_text("text,target,split\n" + "\n".join(rows) + "\n")
    options = TextOptions(targets="words", min_count=1)
    data = prepare_raw(Text(), tmp_path, tmp_path, options)
    (hypothesis,) = predict("nearest_text", data)
    assert [data.spec.target_vocabulary[token] for token in hypothesis.tokens] == ["two"]


ASKED = [
    (name, modality, metric)
    for name, entry in BASELINES.items()
    for modality in sorted(entry.modalities & TASKS[entry.task].modalities)
    for metric, found in TASKS[entry.task].metrics.items()
    if found.chooses
]
SETS = {
    "text": "movie_reviews",
    "audio": "spoken_digits",
    "video": "moving_digits",
    "signal": "adding",
    "image": "emoji_drawings",
    "music": "bach_chorales",
    "series": "bike_sharing",
}


def experiment(folder: Path, name: str, modality: str, metric: str) -> ResolvedExperiment:
    """Load an experiment in which one baseline is to give one metric."""
    task = BASELINES[name].task
    series, kind = {"time": "ts", "target": "count"}, {"targets": KINDS.get(task, "label")}
    entry = {
        "data": SETS[modality],
        "modality": modality,
        "task": task,
        "metric": metric,
        "variants": ["lstm"],
        "baselines": [name],
        "prepare": series if modality == "series" else {} if modality == "music" else kind,
    }
    (folder / "params.yaml").write_text(yaml.safe_dump({"experiments": {"toy": entry}}))
    return load("toy", folder / "params.yaml")


@pytest.mark.parametrize(("name", "modality", "metric"), ASKED)
def test_a_baseline_gives_the_metrics_that_it_says(
    name: str,
    modality: str,
    metric: str,
    tmp_path: Path,
    specs: dict[str, DataSpec],
    prepare: Callable[..., Path],
) -> None:
    entry = BASELINES[name]
    if metric in entry.without:
        with pytest.raises(InputError, match=rf"toy\.baselines: .*'{name}' does not give {metric}"):
            experiment(tmp_path, name, modality, metric)
        return
    data = tiny(tmp_path / "data", entry.task, modality, specs, prepare)
    tested = score_baseline(
        name,
        data,
        experiment(tmp_path, name, modality, metric).config,
        groups_of(data.split("test")),
    )
    assert math.isfinite(tested.metrics[metric])
    assert np.isfinite(tested.units).all()
    assert tested.units.mean() == pytest.approx(tested.value)


def test_a_metric_that_a_baseline_lacks_is_one_of_its_task() -> None:
    for entry in BASELINES.values():
        assert entry.without <= TASKS[entry.task].metrics.keys()


def test_who_gives_a_metric_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="none does; expected another metric or no baselines"):
        baseline_for("unigram", "language_modelling", "text", "preference", "here")
    monkeypatch.setitem(BASELINES, "odds", replace(BASELINES["nearest_text"], without=frozenset()))
    with pytest.raises(InputError, match="'common_tokens' does not give perplexity; known: odds"):
        baseline_for("common_tokens", "transduction", "text", "perplexity", "here")


def test_an_unknown_baseline_names_the_nearest() -> None:
    with pytest.raises(InputError, match="here: no baseline named 'majorty'.*'majority'"):
        baseline_for("majorty", "classification", "text", "accuracy", "here")
    with pytest.raises(
        InputError, match="'linear' does not take classification of text; known: maj"
    ):
        baseline_for("linear", "classification", "text", "accuracy", "here")
