"""Where train is divided into folds, repetitions validate on them in turns; test stays as it is."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqarena.config import Experiment, parse
from seqarena.data.batches import Batches
from seqarena.data.folds import folds_of, learned_from, of_repetition
from seqarena.data.modalities.music import Music, MusicOptions
from seqarena.data.modalities.signal import Signal, SignalOptions
from seqarena.data.modalities.text import Text, TextOptions
from seqarena.data.rows import Row, Rows
from seqarena.data.sound import write_midi
from seqarena.data.splits import NO_FOLD, assign_splits
from seqarena.data.store import SPLITS, Prepared, Split
from seqarena.errors import InputError
from seqarena.experiments import ResolvedExperiment
from seqarena.figures.look import look_over
from seqarena.parallel import ALONE
from seqarena.runs import Job
from seqarena.search.worker import Worker
from seqarena.validation import validate
from support import prepare_raw

COUNT = 40  # items, two of a group


def write_table(path: Path, *rows: tuple[object, ...]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def texts(raw: Path, **options: Any) -> tuple[Any, Any]:
    rows = [(f"word{n} good bad", "no yes"[3 * (n // 2 % 2) :][:3].strip(), f"g{n // 2}")
            for n in range(COUNT)]  # fmt: skip
    write_table(raw / "examples.csv", ("text", "label", "group"), *rows)
    return Text(), TextOptions(min_count=1, test=0.2, **options)


def translations(raw: Path) -> tuple[Any, Any]:
    rows = [(f"word{n}", f"wort{n} ende", f"g{n // 2}") for n in range(COUNT)]
    write_table(raw / "examples.csv", ("text", "target", "group"), *rows)
    return Text(), TextOptions(min_count=1, test=0.2, folds=4, targets="words")


def signals(raw: Path) -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    for n in range(COUNT):
        write_table(raw / f"{n}.csv", ("x", "y"), *random.normal(5, 3, (3 + n % 4, 2)).tolist())
    rows = [(f"{n}.csv", "ab"[n // 2 % 2], f"g{n // 2}") for n in range(COUNT)]
    write_table(raw / "labels.csv", ("file", "label", "group"), *rows)
    return Signal(), SignalOptions(test=0.2, folds=4)


def pieces(raw: Path) -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    for n in range(COUNT):
        roll = (random.random((5 + n % 3, 88)) < 0.1).astype(np.uint8)
        roll[-1, 40] = 1
        write_midi(raw / f"{n}.mid", roll, 2)
    rows = [(f"{n}.mid", f"g{n // 2}") for n in range(COUNT)]
    write_table(raw / "labels.csv", ("file", "group"), *rows)
    return Music(), MusicOptions(test=0.2, folds=4)


KINDS = {
    "text": lambda raw: texts(raw, folds=4),
    "translation": translations,
    "signal": signals,
    "music": pieces,
}


@pytest.fixture(params=KINDS)
def divided(request: pytest.FixtureRequest, tmp_path: Path) -> Prepared:
    (tmp_path / "raw").mkdir()
    kind, options = KINDS[request.param](tmp_path / "raw")
    return prepare_raw(kind, tmp_path / "raw", tmp_path / "out", options)


def named(split: Split) -> list[str]:
    return [example["id"] for example in split.examples()]


def content(split: Split) -> Iterator[tuple[str, list[Any], list[Any]]]:
    """Yield of each sequence who it is, its steps and its target, as a batch has them."""
    examples = split.examples()
    for places, batch in Batches(split, 7).in_order():
        for row, place in enumerate(places):
            aim = batch.targets[row]
            if batch.target_lengths is not None:
                aim = aim[: int(batch.target_lengths[row])]
            steps = batch.inputs[row, : int(batch.lengths[row])]
            yield examples[place]["id"], steps.tolist(), aim.tolist()


def test_each_sequence_validates_once_and_its_group_with_it(divided: Prepared) -> None:
    views = [of_repetition(divided, repetition) for repetition in range(1, 5)]
    judged = [named(view.split("valid")) for view in views]
    assert len(folds_of(divided)) == 4
    assert sorted(chain(*judged)) == sorted(named(learned_from(divided)))
    for view, mine in zip(views, judged, strict=True):
        learned = named(view.split("train"))
        assert len(mine) == 8
        assert Counter(mine + learned) == Counter(named(learned_from(divided)))
        groups = [{e["group"] for e in view.split(name).examples()} for name in SPLITS]
        assert not groups[0] & groups[1] | groups[2] & (groups[0] | groups[1])
        assert named(view.split("test")) == named(divided.split("test"))
    assert named(of_repetition(divided, 5).split("valid")) == judged[0]


def test_a_fold_holds_what_was_written_and_the_first_one_is_what_knows_no_folds(
    divided: Prepared,
) -> None:
    whole = sorted(content(learned_from(divided)))
    for view in folds_of(divided):
        assert sorted([*content(view.split("train")), *content(view.split("valid"))]) == whole
    for name in SPLITS:
        first = of_repetition(divided, 1).split(name)
        assert list(content(first)) == list(content(divided.split(name)))
        assert divided.spec.sizes[name] == len(divided.split(name))
    assert divided.spec.max_length == learned_from(divided).lengths.max()


def test_all_folds_teach_the_vocabulary_and_the_scale_and_test_does_not(tmp_path: Path) -> None:
    for name, kind in (("text", KINDS["text"]), ("signal", signals)):
        raw = tmp_path / name
        raw.mkdir()
        made, options = kind(raw)
        prepared = prepare_raw(made, raw, tmp_path / f"{name}-out", options)
        if name == "signal":
            scaled = learned_from(prepared).inputs
            np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-5)
            np.testing.assert_allclose(scaled.std(axis=0), 1, atol=1e-5)
            continue
        known = set(prepared.spec.vocabulary)
        for view in folds_of(prepared):
            words = {e["text"].split()[0] for e in view.split("valid").examples()}
            assert words <= known
        assert not known & {e["text"].split()[0] for e in prepared.split("test").examples()}


def test_without_folds_nothing_of_them_is_written(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    kind, options = texts(tmp_path / "raw")
    prepared = prepare_raw(kind, tmp_path / "raw", tmp_path / "out", options)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*SPLITS, "spec.json"}
    assert "fold" not in prepared.split("train").examples()[0]
    assert of_repetition(prepared, 2) is prepared
    assert named(learned_from(prepared)) == named(prepared.split("train"))


def test_the_page_of_prepared_data_says_that_there_are_folds(tmp_path: Path) -> None:
    for folds, told in ((None, []), (4, ["4 of train and valid; valid is the first of them"])):
        raw, out, page = (tmp_path / f"{name}{folds}" for name in ("raw", "out", "page"))
        raw.mkdir()
        page.mkdir()
        kind, options = texts(raw, folds=folds)
        looked = look_over("tickets", prepare_raw(kind, raw, out, options), page)
        assert [value for name, value in looked.facts if name == "folds"] == told


def rows_of(*pairs: tuple[str, str]) -> Rows:
    """Make rows from pairs of group and label."""
    return Rows(
        Row(str(n), f"t{n}", label, None, group, f"line {n + 2}")
        for n, (group, label) in enumerate(pairs)
    )


@pytest.mark.parametrize("seed", range(5))
def test_folds_are_as_large_as_one_another_and_have_their_part_of_each_class(seed: int) -> None:
    """Of groups of one to nine rows, one class much rarer than the other."""
    sizes = np.random.default_rng(seed).integers(1, 10, 60)
    rows = rows_of(
        *((f"g{g}", "ab"[g % 6 == 0]) for g, size in enumerate(sizes) for _ in range(size))
    )
    splits = assign_splits(rows, valid=0.1, test=0.1, seed=seed, folds=5, stratify="label")
    train = list(splits.of("train"))
    assert "valid" not in splits.names
    for label in "ab":
        counts = Counter(row.fold for row in train if row.target == label)
        assert sorted(counts) == [0, 1, 2, 3, 4]
        assert max(counts.values()) - min(counts.values()) <= 9  # the largest group
    folds: dict[str, set[Any]] = {}
    for row in train:
        folds.setdefault(row.group, set()).add(row.fold)
    assert all(len(each) == 1 for each in folds.values())


def test_a_class_of_a_single_group_is_learned_in_every_repetition() -> None:
    rows = rows_of(*((f"g{n}", "ab"[n % 2]) for n in range(20)), ("one", "c"), ("one", "c"))
    splits = assign_splits(rows, valid=0.1, test=0.1, seed=0, folds=3, stratify="label")
    alone = [row for row in splits.of("train") if row.target == "c"]
    assert [row.fold for row in alone] == [NO_FOLD, NO_FOLD]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([("a", "x", "train"), ("b", "y", "valid")], r"line 3: split 'valid', and .*folds: 4"),
        ([(f"t{n}", "xy"[n % 2], "") for n in range(4)], r"folds: 4 folds of \d groups"),
    ],
)
def test_what_cannot_be_divided_is_refused_in_one_line(
    lines: list[tuple[str, ...]], message: str, tmp_path: Path
) -> None:
    write_table(tmp_path / "examples.csv", ("text", "label", "split"), *lines)
    with pytest.raises(InputError, match=message) as caught:
        prepare_raw(Text(), tmp_path, tmp_path / "out", TextOptions(min_count=1, folds=4))
    assert "\n" not in str(caught.value)


def test_a_share_beside_folds_and_folds_of_a_series_are_refused(
    experiment: Callable[..., Experiment],
) -> None:
    with pytest.raises(InputError, match="folds 5 says how much validates; leave out valid"):
        parse(TextOptions, {"folds": 5, "valid": 0.3}, "prepare")
    again = TextOptions(folds=5).model_dump()
    assert parse(TextOptions, again, "prepare").folds == 5
    prepare = {"time": "t", "target": "y", "lookback": 8, "horizon": 2, "season": 4, "folds": 5}
    update = {"prepare": prepare, "task": "forecasting", "metric": "mae", "baselines": []}
    config = experiment("series", ("gru",)).model_copy(update=update)
    with pytest.raises(InputError, match=r"prepare\.folds: a series is split by time"):
        validate(ResolvedExperiment("sales", config))


@pytest.mark.parametrize("repetition", [1, 2, 5])
def test_a_worker_trains_a_repetition_on_its_own_fold(
    repetition: int,
    experiment: Callable[..., Experiment],
    hyperparameters: Callable[..., dict[str, Any]],
    tmp_path: Path,
) -> None:
    (tmp_path / "raw").mkdir()
    kind, options = texts(tmp_path / "raw", folds=4)
    prepared = prepare_raw(kind, tmp_path / "raw", tmp_path / "out", options)
    worker = Worker.__new__(Worker)  # without the session of a cluster
    worker.config, worker._prepared = experiment("text", ("gru",), epochs=1), prepared
    worker.checkpoint_every, worker.group = 30.0, ALONE
    worker.start(Job("trial", "gru", repetition, 1, hyperparameters("gru", "text"), 1), None)
    training = worker.training
    assert training is not None
    assert {e["fold"] for e in training.valid.examples()} == {(repetition - 1) % 4}
    learned = {e["fold"] for e in training.batches.split.examples()}
    assert learned == {0, 1, 2, 3} - {(repetition - 1) % 4}
