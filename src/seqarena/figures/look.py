"""Prepared data for people, before anything is trained: counts, spreads and a few examples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from seqarena.data.folds import folds_of
from seqarena.data.modalities import modality
from seqarena.data.store import SPLITS, Array, DataSpec, Prepared, Split, in_unit, scales_of
from seqarena.data.targets import class_counts
from seqarena.data.tokens import UNKNOWN
from seqarena.errors import few
from seqarena.figures.final import item_of
from seqarena.plots import examples

SHOWN = 6  # examples of train
MOST_CLASSES = 30  # that are drawn


@dataclass
class Example:
    """One example of train: a picture, or the tokens of a text."""

    title: str
    picture: str = ""
    tokens: list[str] = field(default_factory=list)


@dataclass
class LookPage:
    """What a page shows of prepared data; pictures are names of files beside it."""

    name: str
    facts: list[tuple[str, str]]
    pictures: list[tuple[str, str]]  # of all data: name, and what it shows
    examples: list[Example]


def look_over(name: str, prepared: Prepared, out: Path, drawn: str = "") -> LookPage:
    """Draw prepared data into a folder and return what a page needs.

    `drawn` says of how much it is, where that is not all.
    """
    spec = prepared.spec
    splits = {split: prepared.split(split) for split in SPLITS}
    facts = [("drawn", drawn)] if drawn else []
    facts.append(("sequences", ", ".join(f"{len(s):,} {n}" for n, s in splits.items())))
    if (folds := len(folds_of(prepared))) > 1:
        facts.append(("folds", f"{folds} of train and valid; valid is the first of them"))
    if spec.modality == "series" and len(series := np.unique(splits["train"].series)) > 1:
        facts.append(("series", f"{len(series):,}: {few(series)}"))
    facts.append(("one step", f"{spec.step_size:g} {spec.step}, {_shape(spec)}"))
    pictures: list[tuple[str, str]] = []

    def spread(file: str, told: str, values: dict[str, Array], what: str) -> None:
        if len(np.unique(np.concatenate(list(values.values())))) > 1:
            examples.spread(values, what, out / file)
            pictures.append((file, told))

    lengths = {n: np.asarray(s.lengths) for n, s in splits.items()}
    facts.append(("lengths", _range(lengths["train"], "steps")))
    spread("lengths.png", "lengths", lengths, f"steps ({spec.step})")
    if spec.vocabulary:
        shares = {n: float((np.asarray(s.inputs) == UNKNOWN).mean()) for n, s in splits.items()}
        facts.append(("vocabulary", f"{len(spec.vocabulary):,} tokens"))
        facts.append(("unknown tokens", ", ".join(f"{v:.1%} of {n}" for n, v in shares.items())))
    if spec.classes and splits["train"].target_lengths is None:
        _draw_classes(spec, splits, out / "classes.png")
        pictures.append(("classes.png", "classes"))
    elif splits["train"].target_lengths is not None and spec.target_vocabulary:
        written = {n: np.asarray(s.target_lengths) for n, s in splits.items()}
        spread("targets.png", "lengths of what is written", written, spec.target_unit)
    elif spec.target or splits["train"].scales is not None:
        numbers = {n: in_unit(s.targets[:, 0], scales_of(s, spec)) for n, s in splits.items()}
        spread("targets.png", "targets", numbers, str(spec.options.get("target", "target")))
    return LookPage(name, facts, pictures, _examples(spec, splits["train"], out))


def _draw_classes(spec: DataSpec, splits: dict[str, Split], path: Path) -> None:
    """Draw the classes by their number, those beyond the most common ones left out."""
    counts = {name: class_counts(split, len(spec.classes)) for name, split in splits.items()}
    order = np.argsort(-sum(counts.values()), kind="stable")[:MOST_CLASSES]
    drawn = {name: found[order] for name, found in counts.items()}
    examples.class_counts(drawn, [spec.classes[index] for index in order], path)


def _examples(spec: DataSpec, train: Split, out: Path) -> list[Example]:
    chosen = np.random.default_rng(0).permutation(len(train))[:SHOWN]
    known = train.examples()
    of_steps = train.target_lengths is not None  # too many to stand in a title
    answers = ("label", "target") if of_steps else ("label", "labels", "target")
    found = []
    for number, index in enumerate(chosen):
        example = known[index]
        answer = next((str(example[key]) for key in answers if key in example), "")
        title = f"{answer} · {item_of(example)}" if answer else item_of(example)
        steps = train.sequence(int(index))
        labels = modality(spec.modality).step_labels(steps, spec)
        if spec.modality == "text":
            found.append(Example(answer or example["id"], tokens=labels))
            continue
        file = f"example-{number + 1}.png"
        DRAWN[spec.modality](spec, train, int(index), labels, title, out / file)
        found.append(Example(title, picture=file))
    return found


Draw = Callable[[DataSpec, Split, int, list[str], str, Path], None]


def _recording(s: DataSpec, train: Split, i: int, labels: list[str], title: str, p: Path) -> None:
    examples.recording(train.sequence(i), labels, title, p)


def _clip(s: DataSpec, train: Split, i: int, labels: list[str], title: str, p: Path) -> None:
    examples.clip(train.sequence(i), title, p)


def _signal(s: DataSpec, train: Split, i: int, labels: list[str], title: str, p: Path) -> None:
    examples.lines(train.sequence(i), s.options["channels"], None, s.step, title, p)


def _series(s: DataSpec, train: Split, i: int, labels: list[str], title: str, p: Path) -> None:
    others = ["another target"] * (len(s.options.get("targets", [])) - 1)
    covariates = [*s.options["covariates"], *s.options.get("known", ())]
    columns = [s.options["target"], *others, *covariates]
    examples.lines(train.sequence(i), columns, train.targets[i], s.step, title, p)


def _roll(s: DataSpec, train: Split, i: int, labels: list[str], title: str, p: Path) -> None:
    examples.roll(train.sequence(i), labels, title, p)


DRAWN: dict[str, Draw] = {
    "audio": _recording,
    "video": _clip,
    "image": _clip,
    "signal": _signal,
    "series": _series,
    "music": _roll,
}


def _shape(spec: DataSpec) -> str:
    if not spec.feature_shape:
        return "a number of the vocabulary"
    return f"{' × '.join(map(str, spec.feature_shape))} numbers"


def _range(lengths: Array, unit: str) -> str:
    if lengths.min() == lengths.max():
        return f"{lengths.min():,} {unit if lengths.min() > 1 else unit.removesuffix('s')}"
    middle, most = np.quantile(lengths, [0.5, 0.95], method="higher")
    return f"{lengths.min():,} to {lengths.max():,} {unit}, half up to {middle}, 95 % up to {most}"
