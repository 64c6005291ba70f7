"""What a table suggests: texts with classes or numbers, pairs of texts, or a series over time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seqarena.config import Reading
from seqarena.data.grids import BUSINESS_DAY, DAY, Step, step_of
from seqarena.data.store import SPLITS
from seqarena.data.tokens import words
from seqarena.datasets.own.tables import SPLIT_NAMES, rows_of
from seqarena.errors import InputError, few, unknown
from seqarena.proposal.columns import SAMPLE, Column, Lengths, columns_of
from seqarena.proposal.duplicates import Hashes, hashed_words, near
from seqarena.proposal.section import METRICS, Proposal, is_uneven

INPUTS = ("text", "sentence", "input", "source")
ANSWERS = ("label", "class", "target", "category", "sentiment", "stars", "rating", "score", "y")
GROUPS = ("group", "speaker", "user", "author", "customer", "patient", "subject", "session")
OF_SERIES = ("forecasting", "quantile_forecasting")  # tasks
SHORT = 5_000  # steps of a series, below which every origin of valid and test is scored
VERY_SHORT = 500  # below which a tenth of it would hold hardly a window
FEWEST_LOOKBACKS = 12  # that a series is long
LONGEST_WORD = 12  # letters, on average over a text
RARE = 2_000  # rows from which on a word must stand twice to be learned
SAME = "4 words in 5 the same"
SPLITS_IN_ORDER = ("", *SPLITS)  # what stands in two is of the later one
HOUR = 3600.0
WEEK = 168  # hours
LOOKBACKS: dict[Step, tuple[int, int, int]] = {  # steps looked back on, ahead, of a season
    HOUR: (168, 24, 24),
    DAY: (28, 7, 7),
    BUSINESS_DAY: (20, 5, 5),
    7 * DAY: (52, 8, 52),
    "month": (24, 6, 12),
    "quarter": (12, 4, 4),
    "year": (8, 2, 1),
}


@dataclass(frozen=True)
class Asked:
    """What the user says of the columns."""

    task: str | None = None
    input: str | None = None
    target: str | None = None
    split: str | None = None
    group: str | None = None
    encoding: str = "utf-8"
    header: bool = True
    quotes: bool = True
    names: str | None = None  # what the names of files say

    @property
    def reading(self) -> Reading:
        """How a table is read."""
        return Reading(encoding=self.encoding, header=self.header, quotes=self.quotes)


@dataclass(frozen=True)
class Look:
    """What was found, line by line, and what it suggests."""

    found: list[str]
    proposal: Proposal
    warnings: list[str] = field(default_factory=list)


def look_at_table(path: Path, asked: Asked) -> Look:
    """Look at a table, or at several that a path stands for.

    Raises `InputError` where it is not clear what is asked, naming the option that says it.
    """
    rows = rows_of(path, asked.reading, numbers=True)
    columns, count, whole = columns_of(rows)
    named = {column.name: column for column in columns}
    for option in ("input", "target", "split", "group"):
        name = getattr(asked, option)
        if name is not None and name not in named:
            raise unknown(f"{path}: --{option}", "column", name, named)
    rows_seen = (
        f"{count:,} rows" if whole else f"more rows than the first {count:,}, looked at here"
    )
    found = [f"{path}: {rows_seen}"]
    width = max(map(len, named))
    found += [f"  {column.name:{width}}  {column}" for column in columns]
    times = [c for c in columns if c.kind == "time"]
    texts = [c for c in columns if c.kind == "text"]
    if asked.task in OF_SERIES or (asked.task is None and times and not texts):
        return Look(found, _series(path, columns, count, asked))
    proposal = _texts(path, columns, count, asked)
    warnings = [_of_header(named, asked), _leaks(path, proposal), _near_duplicates(path, proposal)]
    return Look(found, proposal, [*chain.from_iterable(warnings)])


def _of_header(names: Iterable[str], asked: Asked) -> list[str]:
    """Tell where a header looks like a row of data: sentences or numbers."""
    odd = [name for name in names if name.endswith((".", "!", "?")) or name.isdecimal()]
    if not odd or not asked.header:
        return []
    return [f"the first row, '{odd[0]}', looks like data; --no-header reads it as such"]


def _series(path: Path, columns: Sequence[Column], count: int, asked: Asked) -> Proposal:
    times = [column for column in columns if column.kind == "time"]
    time = _one(path, times, asked.input, "input", "a time")
    if time.repeated:
        message = "stands in several rows; a table holds one series, with one row per time"
        raise InputError(f"{path}: the same time in '{time.name}' {message}")
    numbers = [c for c in columns if c.is_numeric and c.name != time.name]
    target = _one(path, numbers, asked.target, "target", "what is forecast")
    others = [c.name for c in numbers if c.name != target.name and not c.missing]
    step = _step(path, time)
    lookback, horizon, season = LOOKBACKS.get(step, (24, 6, 12))
    lookback = min(lookback, max(season, count // FEWEST_LOOKBACKS))
    prepare: dict[str, Any] = {"time": time.name, "target": target.name}
    if others:
        prepare["covariates"] = others
    prepare |= {"lookback": lookback, "horizon": horizon, "season": season}
    if count < SHORT:
        prepare["stride"] = 1
    if count < VERY_SHORT:
        prepare |= {"valid": 0.2, "test": 0.2}
    return Proposal(
        data=str(path),
        modality="series",
        task=asked.task or OF_SERIES[0],
        metric=METRICS[asked.task or OF_SERIES[0]],
        examples=count,
        reading=asked.reading,
        prepare=prepare,
        hourly=step == HOUR and lookback >= WEEK,
    )


def _step(path: Path, time: Column) -> Step:
    moments = pd.to_datetime(pd.Series(sorted(time.values)), format="ISO8601", utc=True)
    ticks = moments.dt.tz_localize(None).to_numpy("datetime64[us]").astype(np.int64)
    if len(ticks) < 2:
        raise InputError(f"{path}: one row; a series needs two at least")
    return step_of(np.sort(ticks))


def _texts(path: Path, columns: Sequence[Column], count: int, asked: Asked) -> Proposal:
    split = asked.split or next((c.name for c in columns if c.kind == "split"), None)
    group = asked.group or next((c.name for c in columns if c.name.lower() in GROUPS), None)
    free = [c for c in columns if c.name not in (split, group, asked.target)]
    texts = [c for c in free if c.kind == "text"]
    text = _one(path, _usual(texts, INPUTS, asked.input), asked.input, "input", "the text")
    answers = [c for c in columns if c.name not in (split, group, text.name)]
    task, target = _task(path, answers, asked)
    reading = {"text": text.name}
    prepare: dict[str, Any] = {"min_count": 2 if count >= RARE else 1}
    assert text.lengths is not None
    if _has_no_words(text):
        letters = Lengths.of([len(value) for value in text.values], "characters")
        prepare |= {"units": "characters", "max_length": int(letters.most)}
    else:
        prepare["max_length"] = max(8, int(text.lengths.most))
    metric = METRICS.get(task, "bleu")
    if task == "language_modelling":
        prepare["targets"] = "next"
    else:
        assert target is not None
        reading["label" if task == "classification" else "target"] = target.name
    if task == "regression":
        prepare["targets"] = "number"
    elif task == "transduction":
        prepare["targets"] = "words"
    elif task == "classification" and target is not None and is_uneven(target.values):
        metric = "macro_f1"
    for name, column in (("split", split), ("group", group)):
        if column:
            reading[name] = column
    columns_ = {ours: theirs for ours, theirs in reading.items() if ours != theirs}
    return Proposal(
        data=str(path),
        modality="text",
        task=task,
        metric=metric,
        examples=count,
        columns=columns_,
        reading=asked.reading,
        prepare=prepare,
    )


def _task(path: Path, answers: Sequence[Column], asked: Asked) -> tuple[str, Column | None]:
    """Decide what is asked of a text, and which column answers."""
    fitting = {
        "classification": [c for c in answers if c.kind in ("class", "number")],
        "regression": [c for c in answers if c.kind in ("number", "class")],
        "transduction": [c for c in answers if c.kind == "text"],
        "language_modelling": [],
    }
    if asked.task is not None and asked.task not in fitting:
        raise unknown("--task", "task of a table", asked.task, fitting)
    if asked.task == "language_modelling":
        return asked.task, None
    if asked.task is not None:
        target = _answer(path, fitting[asked.task], asked)
        return asked.task, target
    known = [c for c in answers if c.kind in ("class", "number", "text")]
    if not known and asked.target is None:
        return "language_modelling", None
    target = _answer(path, known, asked)
    kinds = {"class": "classification", "number": "regression", "text": "transduction"}
    if target.kind not in kinds:
        raise InputError(f"{path}: --target {target.name}: {target.kind}; name the --task")
    return kinds[target.kind], target


def _answer(path: Path, columns: Sequence[Column], asked: Asked) -> Column:
    usual = _usual(columns, ANSWERS, asked.target)
    return _one(path, usual, asked.target, "target", "the answer")


def _usual(columns: Sequence[Column], names: Sequence[str], asked: str | None) -> Sequence[Column]:
    """Keep the one column that has a usual name, where none is asked for."""
    usual = [column for column in columns if column.name.lower() in names]
    return usual if len(usual) == 1 and asked is None else columns


def _one(path: Path, columns: Sequence[Column], name: str | None, option: str, what: str) -> Column:
    """Return the one column that may be meant; raises `InputError` naming the option otherwise."""
    if name is not None:
        chosen = [column for column in columns if column.name == name]
        if not chosen:
            fitting = few(c.name for c in columns) or "none"
            raise InputError(f"{path}: --{option} {name}: not {what}; that could be: {fitting}")
        return chosen[0]
    if len(columns) != 1:
        found = f"{few(c.name for c in columns)} could be" if columns else "no column is"
        raise InputError(f"{path}: {found} {what}; say which with --{option} COLUMN")
    return columns[0]


def _has_no_words(text: Column) -> bool:
    """Tell what has no words, such as a sequence of genes: what is taken for one is very long."""
    counts = Counter[bool]()
    for value in islice(text.values, 500):
        counts[len(value) > LONGEST_WORD * max(1, len(words(value)))] += 1
    return counts[True] > counts[False]


def _leaks(path: Path, proposal: Proposal) -> list[str]:
    """Tell which texts of given splits stand in two of them, whatever their case."""
    text = proposal.columns.get("text", "text")
    split = proposal.columns.get("split", "split")
    seen: dict[int, set[str]] = {}  # by the hash of a text: a table may not fit in memory
    for row in rows_of(path, proposal.reading):
        if split not in row.cells:
            return []
        key = _key(row.cells[text])
        seen.setdefault(key, set()).add(_split(row.cells[split]))
    leaks = sum(len(splits) > 1 for splits in seen.values())
    return [f"{leaks:,} texts stand in more than one of the given splits"] if leaks else []


def _near_duplicates(path: Path, proposal: Proposal) -> list[str]:
    """Tell how many of the first texts are nearly another one, and of test one of train."""
    text = proposal.columns.get("text", "text")
    split = proposal.columns.get("split", "split")
    texts: dict[int, Hashes] = {}  # the different ones, and the split of each; test is the last
    splits: dict[int, str] = {}
    for row in islice(rows_of(path, proposal.reading), SAMPLE):
        if hashes := hashed_words(row.cells[text]):
            key = _key(row.cells[text])
            texts[key] = hashes
            named = _split(row.cells.get(split, ""))
            splits[key] = max(named, splits.get(key, ""), key=SPLITS_IN_ORDER.index)
    hashed, told = list(texts.values()), []
    if found := int(near(hashed, np.arange(len(hashed))).sum()):
        told.append(f"{found:,} of {len(hashed):,} different texts are nearly another's: {SAME}")
    of = {name: np.flatnonzero([one == name for one in splits.values()]) for name in SPLITS}
    if len(of["train"]) and len(of["test"]):
        leaks = int(near(hashed, of["train"])[of["test"]].sum())
        if leaks:
            told.append(
                f"{leaks:,} of {len(of['test']):,} texts of test are nearly one of train: {SAME}"
            )
    return told


def _key(text: str) -> int:
    return hash(tuple(text.lower().split()))


def _split(cell: str) -> str:
    """Return the split that a cell names; none where it names no split."""
    return SPLIT_NAMES.get(cell.lower(), "")
