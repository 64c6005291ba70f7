"""Which split each row of a manifest comes to: whole groups, and of each class a part."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Literal, NamedTuple, TypedDict

import numpy as np

from seqarena.data.rows import NO_SPLIT, Row, Rows, shortened
from seqarena.data.store import SPLITS, Array
from seqarena.data.tables import beside
from seqarena.data.targets import labels_of, step_labels_of
from seqarena.errors import InputError, InputWarning, few

ROUNDING = 1e-6  # rows
NO_FOLD = -1  # of a row that no repetition validates on
# Targets of which each split has its part, and how labels are read out of one.
STRATIFIED: dict[str, Callable[[str], list[str]]] = {
    "label": lambda target: [target],
    "label_set": labels_of,
    "labels": step_labels_of,
}


class Splitting(TypedDict):
    """How rows come to their splits."""

    valid: float
    test: float
    folds: int | None
    leaks: Literal["drop", "keep", "refuse"]
    stratify: str | None


@dataclass(frozen=True)
class Splits:
    """Rows, and the split of each."""

    rows: Rows
    places: Array  # in SPLITS, int8 (N,)
    folds: Array | None = None  # of train's rows (N,), where it is divided into such, or `NO_FOLD`

    @property
    def names(self) -> list[str]:
        """The splits that have rows: where train is divided into folds, there is no valid."""
        return [SPLITS[place] for place in np.unique(self.places)]

    def __iter__(self) -> Iterator[tuple[str, Row]]:
        """Give the rows in their order, each with the name of its split."""
        rows = iter(self.rows)
        if self.folds is not None:
            folds = self.folds.tolist()
            rows = (row._replace(fold=fold) for row, fold in zip(rows, folds, strict=True))
        return ((SPLITS[place], row) for place, row in zip(self.places, rows, strict=True))

    def of(self, split: str) -> Iterator[Row]:
        """Give the rows of one split in their order."""
        return (row for name, row in self if name == split)


def assign_splits(
    rows: Rows,
    *,
    valid: float,
    test: float,
    seed: int,
    folds: int | None = None,
    leaks: Literal["drop", "keep", "refuse"] = "refuse",
    stratify: str | None = None,
) -> Splits:
    """Divide rows into train, valid and test, whole groups at a time, and keep their order.

    A split that the manifest names stays as it is; a row without one follows its group, else it
    belongs to train; a split that no row names is carved out of train, with its part of each class
    if `stratify` says that targets are classes, or several of them: then of each row's rarest.
    With `folds`, no valid is carved: train is divided into so many, each with its part of a class.
    Where a group lies in two named splits, it stays in test, else in valid, and what other splits
    have of it is left out, with an `InputWarning`; or all is kept as it is named, or refused.
    Raises `InputError` when that is so, when a split ends up empty, and for folds where a valid
    split is named or groups are fewer.
    """
    if folds:
        _refuse_named_valid(rows, folds)
    if leaks == "drop":
        rows = _without_leaks(rows)
    groups = rows.ranks("group")
    named = _follow_groups(rows, groups, refuses=leaks != "keep")
    train = SPLITS.index("train")
    fractions = {SPLITS.index("test"): test, SPLITS.index("valid"): valid}
    if folds:
        del fractions[SPLITS.index("valid")]
    missing = {split: part for split, part in fractions.items() if not (named == split).any()}
    in_pool = (named == NO_SPLIT) | (named == train)
    carved = np.full(groups.max() + 1, train, np.int8)  # by group
    pool = groups[in_pool]
    answers = None if stratify is None else Answers.of(rows, stratify)
    classes = np.zeros(len(rows), np.int64) if answers is None else answers.strata
    for group, split in _carve(pool, classes[in_pool], missing, seed).items():
        carved[group] = split
    places = np.where(in_pool, carved[groups], named)
    for split in sorted((train, *fractions)):
        if not (places == split).any():
            count, asked = f"{len(rows)} rows in {groups.max() + 1} groups", f"test={test}"
            asked = asked if folds else f"valid={valid}, {asked}"
            raise InputError(f"split '{SPLITS[split]}' is empty: {count}, {asked}")
    if answers is not None:
        _tell_absent(answers, places)
    if not folds:
        return Splits(rows, places)
    of_train, dealt = places == train, np.full(len(rows), NO_FOLD)
    dealt[of_train] = _deal(groups[of_train], classes[of_train], folds, seed)
    return Splits(rows, places, dealt)


def _refuse_named_valid(rows: Rows, folds: int) -> None:
    naming = np.flatnonzero(rows.named == SPLITS.index("valid"))
    if len(naming):
        reason = f"split 'valid', and `prepare: {{folds: {folds}}}` draws what validates"
        raise InputError(f"{rows[naming[0]].place}: {reason}; leave out one of them")


class Answers(NamedTuple):
    """The labels of every different target; which of them each row has, and is taken for."""

    labels: list[tuple[str, ...]]
    places: Array  # (N,) in `labels`
    strata: Array  # (N,), of what each split gets its part

    @classmethod
    def of(cls, rows: Rows, stratify: str) -> Answers:
        """Read each different target once: a table may be long."""
        places = rows.ranks("target")
        _, first, counts = np.unique(places, return_index=True, return_counts=True)
        read = STRATIFIED[stratify]
        same = dict[tuple[str, ...], tuple[str, ...]]()  # sentences are many, sets of tags are few
        labels = []
        for number in first:
            found = tuple(dict.fromkeys(read(rows[number].target)))
            labels.append(same.setdefault(found, found))
        if stratify == "label":
            return cls(labels, places, places)
        # Of several labels the rarest: of one that stands elsewhere too a split gets some anyway.
        total = Counter[str]()
        for number in np.argsort(first):  # as they stand in the table: so equal counts are ordered
            for label in labels[number]:
                total[label] += int(counts[number])
        order = {label: rank for rank, (label, _) in enumerate(total.most_common(), start=1)}
        ranks = np.array([max(map(order.__getitem__, each), default=0) for each in labels])
        return cls(labels, places, ranks[places])


def _tell_absent(answers: Answers, places: Array) -> None:
    """Warn of classes that no row of valid or of test has."""
    everywhere = set(chain(*answers.labels))
    for split in np.unique(places)[1:]:
        found = np.unique(answers.places[places == split])
        absent = sorted(everywhere.difference(*(answers.labels[number] for number in found)))
        if absent:
            label = "label" if len(absent) == 1 else "labels"
            listed = few(f"'{shortened(each)}'" for each in absent)
            told = f"no row of {SPLITS[split]} has the {label} {listed}"
            warnings.warn(
                f"{told}: more rows would have it judged",
                InputWarning,
                stacklevel=2,
            )


def _carve(pool: Array, classes: Array, fractions: dict[int, float], seed: int) -> dict[int, int]:
    """Draw groups until each split has its fraction of the rows; return the split by group.

    `pool` and `classes` hold the group and the class of each row, by their places in the alphabet.
    Each split has its fraction of every class, and train keeps a group of each. What a split has
    too much of one class, it has less of the next. A group that is larger than most, and than half
    of a split, is drawn last, and if that brings the split nearer to its size: few groups judge
    badly.
    """
    sizes, carved, owed = np.bincount(pool), dict[int, int](), dict.fromkeys(fractions, 0.0)
    usual = np.median(sizes[sizes > 0]) if len(pool) else 0.0
    limits = {split: max(usual, part * len(pool) / 2) for split, part in fractions.items()}
    for left in _shuffled(pool, classes, seed):
        rows = int(sizes[left].sum())
        for split, fraction in fractions.items():
            owed[split] += fraction * rows
            are_usual = sizes[left] <= limits[split]
            if not are_usual.all():  # the others stand first, since the last is drawn first
                left[:] = [left[place] for place in np.argsort(are_usual, kind="stable")]
            while owed[split] > ROUNDING and len(left) > 1:
                if sizes[left[-1]] > max(limits[split], 2 * owed[split]):
                    break
                group = left.pop()
                carved[group] = split
                owed[split] -= int(sizes[group])
    return carved


def _deal(pool: Array, classes: Array, folds: int, seed: int) -> Array:
    """Deal groups to folds of about equal size; return the fold of each row.

    `pool` and `classes` are as `_carve` has them. The largest group is dealt first, each to the
    fold that has the fewest rows of its class: a class is in several folds. One of a single group
    is in none, so that all repetitions learn it. Raises `InputError` for a fold without a group.
    """
    sizes = np.bincount(pool)
    dealt, rows = np.full(len(sizes), NO_FOLD), np.zeros(folds, np.int64)
    for groups in _shuffled(pool, classes, seed):
        mine = np.zeros(folds, np.int64)
        for group in sorted(groups, key=lambda group: -sizes[group]) if len(groups) > 1 else ():
            dealt[group] = fold = np.lexsort((rows, mine))[0]
            mine[fold] += sizes[group]
            rows[fold] += sizes[group]
    if not rows.all():
        count = f"{folds} folds of {(dealt != NO_FOLD).sum()} groups that may validate"
        raise InputError(f"prepare.folds: {count}; expected no more folds than groups")
    return dealt[pool]


def _shuffled(pool: Array, classes: Array, seed: int) -> Iterator[list[int]]:
    """Yield the groups of each class in an order by chance.

    Groups of several classes come last, as if theirs were one more.
    """
    groups = np.unique(pool)
    of_group = np.zeros(pool.max(initial=-1) + 1, np.int64)
    of_group[pool] = classes
    of_group[pool[classes != of_group[pool]]] = classes.max(initial=0) + 1
    shuffled = groups[np.random.default_rng(seed).permutation(len(groups))]
    for number in np.unique(of_group[groups]):
        yield shuffled[of_group[shuffled] == number].tolist()


def _without_leaks(rows: Rows) -> Rows:
    """Leave out what train has of groups in valid or test, and valid of groups in test."""
    groups = rows.ranks("group")
    strictest = np.full(groups.max() + 1, NO_SPLIT, np.int8)  # by group; SPLITS are in that order
    np.maximum.at(strictest, groups, rows.named)
    leaking = (rows.named != NO_SPLIT) & (rows.named != strictest[groups])
    if not leaking.any():
        return rows
    counts = ((name, int((leaking & (rows.named == n)).sum())) for n, name in enumerate(SPLITS))
    told = " and ".join(f"{count:,} rows of {name}" for name, count in counts if count)
    kept = "what they hold is also in a split that judges; `prepare: {leaks: keep}` keeps them"
    warnings.warn(f"{told} are left out: {kept}", InputWarning, stacklevel=2)
    return Rows(row for row, leaks in zip(rows, leaking, strict=True) if not leaks)


def _follow_groups(rows: Rows, groups: Array, refuses: bool) -> Array:
    """Give every row without a split the one that its group's rows name, int8 ``(N,)``."""
    naming = np.flatnonzero(rows.named != NO_SPLIT)
    first = np.full(len(rows), NO_SPLIT)  # row that names a split, by group
    first[groups[naming[::-1]]] = naming[::-1]  # of equal places the last one assigned stays
    odd = naming[rows.named[naming] != rows.named[first[groups[naming]]]]
    if refuses and len(odd):
        row, earlier = rows[odd[0]], rows[first[groups[odd[0]]]]
        before = beside(row.place, earlier.place)
        alike = "content" if row.group == row.item else "group"
        raise InputError(
            f"{row.place}: split '{row.split}', but {before} of the same {alike} is in "
            f"'{earlier.split}': '{shortened(earlier.group)}'; `prepare: {{leaks: drop}}` "
            "leaves it out of train"
        )
    follows = (rows.named == NO_SPLIT) & (first[groups] != NO_SPLIT)
    return np.where(follows, rows.named[first[groups]], rows.named)
