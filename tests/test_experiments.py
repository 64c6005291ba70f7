"""An experiment is checked against every registry before anything is started."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml

from seqarena.baselines.registry import BASELINES
from seqarena.config import experiment_names
from seqarena.datasets import DATASETS, dataset
from seqarena.errors import InputError
from seqarena.experiments import ResolvedExperiment, load
from seqarena.models.variants import STATE, VARIANTS, added_space
from seqarena.spaces import COMMON, smallest, space_of, suggest
from seqarena.validation import resolved

PARAMS = Path(__file__).parents[1] / "params.yaml"
ENTRY: dict[str, Any] = {
    "data": "movie_reviews",
    "modality": "text",
    "task": "classification",
    "metric": "accuracy",
    "variants": ["gru", "conv1d"],
    "baselines": ["majority"],
}


def write(folder: Path, **change: Any) -> Path:
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump({"experiments": {"toy": {**ENTRY, **change}}}))
    return path


@pytest.mark.parametrize("name", experiment_names(PARAMS))
def test_the_committed_experiments_are_sound(name: str) -> None:
    experiment = load(name, PARAMS)
    assert set(experiment.config.variants) <= VARIANTS.keys()
    assert experiment.config.baselines and set(experiment.config.baselines) <= BASELINES.keys()
    assert {
        path.parts[-1] for path in (experiment.raw, experiment.prepared, experiment.models)
    } == {name}
    json.dumps(resolved(experiment))


EVERYWHERE = {
    *("window_mlp", "conv1d", "rnn", "gru", "lstm", "bilstm", "stacked_lstm"),
    *("gru_attention", "lstm_attention"),
}


def test_what_reads_no_order_stands_beside_what_does_on_whole_sequences() -> None:
    compete = set()
    for name in experiment_names(PARAMS):
        experiment = load(name, PARAMS)
        if experiment.config.task in ("classification", "forecasting"):
            assert {"window_mlp", "gru"} <= set(experiment.config.variants)
            compete |= set(experiment.config.variants)
    assert compete >= EVERYWHERE


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": "movie_review"}, r"\.data: no data set named .*'movie_reviews'"),
        ({"data": "nowhere/x.csv"}, r"\.data: nowhere/x\.csv: no such file"),
        ({"modality": "txt"}, r"\.modality: no modality named 'txt'; did you mean 'text'"),
        ({"modality": "audio"}, r"\.data: 'movie_reviews' is text, not audio"),
        ({"task": "clasification"}, r"\.task: no task named .*'classification'"),
        ({"task": "forecasting"}, r"\.task: forecasting takes series, not text"),
        ({"metric": "acuracy"}, r"\.metric: no classification metric named .*'accuracy'"),
        ({"metric": "mae"}, r"\.metric: .*known: accuracy, auprc, auroc, .*, macro_f1"),
        ({"metric": "calibration_error"}, r"\.metric: .* chooses no model; known: accuracy, bal"),
        ({"variants": ["gru", "ltsm"]}, r"\.variants: no variant named 'ltsm'; .*'lstm'"),
        ({"variants": ["conv_lstm"]}, r"\.variants: .*'conv_lstm' takes video, not text"),
        (
            {"variants": ["lstm_attention_feeding"]},
            r"\.variants: 'lstm_attention_feeding' feeds on what it writes, and nothing is written",
        ),
        (
            {"variants": ["bilstm_crf"]},
            r"\.variants: 'bilstm_crf' labels steps by a CRF, and no steps are labelled here; "
            r"classification takes ",
        ),
        ({"baselines": ["majorty"]}, r"\.baselines: no baseline named .*'majority'"),
        (
            {"baselines": ["linear"]},
            r"\.baselines: .*'linear' does not take classification of text",
        ),
        (
            {"prepare": {"targets": "words"}},
            r"\.prepare\.targets: classification takes label, not words",
        ),
        (
            {
                "task": "labelling",
                "prepare": {"targets": "labels"},
                "protocol": {"balance": "weights"},
            },
            r"\.protocol\.balance: labelling has no class for a whole sequence; expected none",
        ),
        ({"protocol": {"balance": "weight"}}, r"\.protocol\.balance: .*'weights'.*found 'weight'"),
        ({"prepare": {"max_lenght": 1}}, r"\.prepare\.max_lenght: .*'max_length'"),
        ({"prepare": {"valid": 1.5}}, r"\.prepare\.valid: .*less than 1"),
        ({"space": {"dropuot": 0.1}}, r"\.space: no hyperparameter named .*'dropout'"),
        ({"space": {"dropout": []}}, r"\.space\.dropout: an empty choice"),
        ({"space": {"dropout": 7}}, r"\.space\.dropout: expected numbers from 0 to 0.99, found 7"),
        ({"space": {"dropout": [0.1, -0.1]}}, r"\.space\.dropout: expected .*found -0.1"),
        ({"space": {"dropout": {"low": 0, "high": 2}}}, r"\.space\.dropout: .*found 2.0"),
        ({"space": {"width": [8, "wide"]}}, r"\.space\.width: expected whole .*found 'wide'"),
        ({"space": {"width": 0}}, r"\.space\.width: expected whole numbers from 1, found 0"),
        ({"space": {"width": 8.5}}, r"\.space\.width: expected whole numbers from 1, found 8.5"),
        ({"space": {"width": {"low": 8, "high": 9}}}, r"\.space\.width: .*add `integer: true`"),
        ({"space": {"learning_rate": "fast"}}, r"\.space\.learning_rate: .*found 'fast'"),
        (
            {"space": {"window_norm": ["none", "std_mean"]}},
            r"\.space\.window_norm: no window_norm named 'std_mean'.*'mean_std'",
        ),
        ({"space": {"window_norm": 1}}, r"\.space\.window_norm: no window_norm named '1'"),
        ({"space": {"kernel": [3, 4]}}, r"\.space\.kernel: expected odd numbers"),
        ({"space": {"weight_decay": float("nan")}}, r"\.space\.weight_decay: .*found nan"),
    ],
)
def test_a_mistake_is_told_by_its_place(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=rf"experiments\.toy{message}") as error:
        load("toy", write(tmp_path, **change))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("crf", "refused"), [(False, False), (True, True)])
def test_a_chain_of_labels_is_not_cut_into_windows(
    crf: bool, refused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(VARIANTS, "mine", replace(VARIANTS["lstm"], crf=crf))
    change = {"task": "labelling", "variants": ["mine"], "baselines": []}
    path = write(tmp_path, **change, prepare={"targets": "labels"}, protocol={"truncate": 5})
    with pytest.raises(InputError, match="mine on labelling carries") if refused else nullcontext():
        load("toy", path)


def test_an_unknown_experiment_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"experiments: no experiment named 'tyo'; .*'toy'"):
        load("tyo", write(tmp_path))


def test_the_space_is_what_all_share_what_a_variant_adds_and_what_params_set(
    tmp_path: Path,
) -> None:
    chosen = {"dropout": 0.3, "kernel": [7], "layers": 4}
    experiment = load("toy", write(tmp_path, space=chosen))
    gru, conv = (space_of(experiment.config, variant, "here") for variant in ("gru", "conv1d"))
    shared = {**COMMON, "embedding": 64, "embedding_std": 0.1, "dropout": 0.3}
    off = {"ema": 0.0, "token_dropout": 0.0, "dropout_mask": "step"}
    assert gru == {**shared, **off, **STATE}
    assert conv == {**shared, **off, "kernel": [7]}
    assert resolved(experiment)["space"]["conv1d"]["kernel"] == [7]


@pytest.mark.parametrize("variant", VARIANTS)
def test_draws_lie_in_the_space(variant: str) -> None:
    space = {**COMMON, **added_space(variant, "video")}
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(5):
        drawn = suggest(study.ask(), space)
        assert drawn.keys() == space.keys()
        for name, dimension in space.items():
            if isinstance(dimension, list):
                assert drawn[name] in dimension
            elif hasattr(dimension, "low"):
                assert dimension.low <= drawn[name] <= dimension.high
            else:
                assert drawn[name] == dimension


def test_the_smallest_configuration_is_the_low_end(tmp_path: Path) -> None:
    space = {"width": [64, 32], "learning_rate": {"low": 0.001, "high": 0.01, "log": True}}
    experiment = load("toy", write(tmp_path, space=space))
    low = smallest(space_of(experiment.config, "conv1d", "here"))
    assert (low["width"], low["learning_rate"], low["kernel"]) == (32, 0.001, 3)


def test_own_files_are_data_sets_too(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("text,label\na,b\n")
    experiment = load("toy", write(tmp_path, data=str(tmp_path / "mine.csv")))
    assert experiment.config.data == str(tmp_path / "mine.csv")
    assert str(tmp_path) not in DATASETS


PROTOCOLS = {"quick": {"trials": 2, "repetitions": 3, "patience": 4}}


def load_with(tmp_path: Path, protocols: Any, protocol: dict[str, Any]) -> ResolvedExperiment:
    params = {"protocols": protocols, "experiments": {"toy": {**ENTRY, "protocol": protocol}}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    return load("toy", tmp_path / "params.yaml")


def test_a_protocol_is_named_and_single_keys_are_set_otherwise(tmp_path: Path) -> None:
    protocol = load_with(tmp_path, PROTOCOLS, {"name": "quick", "seed": 7, "trials": 5})
    found = protocol.config.protocol
    assert (found.name, found.seed, found.trials) == ("quick", 7, 5)
    assert (found.repetitions, found.patience) == (3, 4)


@pytest.mark.parametrize(
    ("protocols", "protocol", "message"),
    [
        (PROTOCOLS, {"name": "quik"}, r"experiments\.toy\.protocol\.name: .*'quick'"),
        (None, {"name": "quick"}, r"experiments\.toy\.protocol\.name: .*known: none"),
        ({"quick": {"trails": 2}}, {"name": "quick"}, r"protocols\.quick\.trails: .*'trials'"),
        ({"quick": {"trials": 0}}, {"name": "quick"}, r"protocols\.quick\.trials: .*found 0"),
        ({"quick": {"seed": 1}}, {"name": "quick"}, r"protocols\.quick\.seed: expected in exper"),
        ({"quick": 3}, {"name": "quick"}, r"protocols\.quick: expected a mapping"),
        (
            PROTOCOLS,
            {"name": "quick", "trials": 0},
            r"experiments\.toy\.protocol\.trials: .*found 0",
        ),
    ],
)
def test_a_mistake_in_a_protocol_is_told_by_its_place(
    tmp_path: Path, protocols: Any, protocol: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=rf"params\.yaml: {message}") as error:
        load_with(tmp_path, protocols, protocol)
    assert "\n" not in str(error.value)


def test_a_data_set_whose_package_is_missing_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(DATASETS, "spanish_phrases", "seqarena.no_such_package:SpanishPhrases")
    with pytest.raises(InputError, match=r"here: 'spanish_phrases' needs .*seqarena\[datasets\]"):
        dataset("spanish_phrases", "text", "here")
