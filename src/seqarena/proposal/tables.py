"""What a table suggests: texts with classes or numbers, pairs of texts, or a series over time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

from seqarena.config import TIME
from seqarena.data.store import SPLITS
from seqarena.data.tables import TableRow, spaced
from seqarena.data.targets import TARGETS
from seqarena.datasets.own.tables import SPLIT_NAMES, rows_of
from seqarena.errors import few, unknown
from seqarena.proposal.asked import Asked, Look, Question, one
from seqarena.proposal.columns import SAMPLE, Column, columns_of, drawn_rows
from seqarena.proposal.duplicates import Hashes, hashed_words, near
from seqarena.proposal.in_rows import channels_of, propose_in_rows, told_of
from seqarena.proposal.parts import parts_of_time
from seqarena.proposal.section import Proposal, metric_of, share_of_test
from seqarena.proposal.series import OF_SERIES, propose_series, times_of
from seqarena.proposal.tags import question_of_steps
from seqarena.proposal.units import RARE, is_spelled, steps_of, unknown_words

INPUTS = ("text", "sentence", "input", "source")
ANSWERS = (
    "label",
    "labels",
    "tags",
    "class",
    "target",
    "category",
    "sentiment",
    "stars",
    "rating",
    "score",
    "y",
)
KEYS = ("id", "key", "uuid", "guid", "index", "file", "path", "url", "link")  # of rows
GROUPS = (
    "group",
    "speaker",
    "client",
    "user",
    "author",
    "customer",
    "patient",
    "subject",
    "session",
)
KINDS = {  # what a column of such answers asks of a text
    "class": "classification",
    "labels": "multi_label_classification",
    "number": "regression",
    "text": "transduction",
}
ANSWERED_BY = {  # what a text is labelled with, where it is no class
    "multi_label_classification": "label_set",
    "regression": "number",
    "language_modelling": "next",
}
SAME = "4 words in 5 the same"
SPLITS_IN_ORDER = ("", *SPLITS)  # what stands in two is of the later one
VALID, TEST = 3_000, 10_000  # rows at most that are drawn: valid is judged after every epoch


def look_at_table(path: Path, asked: Asked) -> Look:
    """Look at a table, or at several that a path stands for.

    Raises `InputError` where it is not clear what is asked, naming the option that says it.
    """
    rows, count = drawn_rows(rows_of(path, asked.reading, numbers=True))
    columns = columns_of(rows)
    if parts := _in_parts(columns, asked):
        return look_at_table(path, replace(asked, inputs=parts))
    named = {column.name: column for column in columns}
    said = [("target", name) for name in asked.targets]
    said += [(option, getattr(asked, option)) for option in ("input", "split", "group", "series")]
    for option, name in said:
        if name is not None and name not in named:
            raise unknown(f"{path}: --{option}", "column", name, named)
    drawn = f", of which {SAMPLE:,} were drawn and looked at" if count > SAMPLE else ""
    found = [f"{path}: {count:,} rows{drawn}"]
    channels = [] if asked.task in OF_SERIES else channels_of(columns, asked)
    if channels and not {"text", "time"} & {column.kind for column in columns}:
        found += told_of(columns, channels)
        return Look(found, propose_in_rows(path, columns, channels, count, asked))
    width = max(map(len, named))
    found += [f"  {column.name:{width}}  {column}" for column in columns]
    if asked.in_parts:
        found += [f"  {TIME:{width}}  stands in {few(asked.inputs)}"]
    ordered = asked.series or asked.known or asked.timezone or asked.time_format
    timed = ordered or (times_of(columns) and _without_texts(columns))
    if asked.task in OF_SERIES or (asked.task is None and timed):
        if count > SAMPLE:  # its first rows, whose steps follow one another
            columns = columns_of(islice(rows_of(path, asked.reading, numbers=True), SAMPLE))
        return Look(found, propose_series(path, columns, count, asked))
    proposal = _texts(path, rows, columns, count, asked)
    if count >= RARE and asked.units is None and proposal.prepare.get("units") is None:
        found += [unknown_words(named[proposal.columns.get("text", "text")])]
    told = [*_of_header([*named], asked), *_unanswered(columns, proposal, asked)]
    told += _leaks(path, proposal)
    return Look(found, proposal, [*told, *_near_duplicates(rows, proposal)])


def _in_parts(columns: Sequence[Column], asked: Asked) -> tuple[str, ...]:
    """Return the columns that say the time of a series together, if that is not said."""
    of_series = asked.task in OF_SERIES or (asked.task is None and _without_texts(columns))
    return parts_of_time(columns) if of_series and not asked.inputs else ()


def _without_texts(columns: Iterable[Column]) -> bool:
    """Tell whether a table has numbers and no text, as one of a series has."""
    kinds = {c.kind for c in columns}
    return "text" not in kinds and any(c.is_numeric for c in columns)


def _of_header(names: Sequence[str], asked: Asked) -> list[str]:
    """Tell where a header looks like a row of data: sentences or numbers."""
    odd = [name for name in names if name.endswith((".", "!", "?")) or name.isdecimal()]
    numbered = [*names] == [str(number) for number, _ in enumerate(names, start=1)]
    if not odd or numbered or not asked.header:
        return []
    return [f"the first row, '{odd[0]}', looks like data; --no-header reads it as such"]


def _texts(
    path: Path, rows: Sequence[TableRow], columns: Sequence[Column], count: int, asked: Asked
) -> Proposal:
    split = asked.split or next((c.name for c in columns if c.kind == "split"), None)
    group = asked.group or named_group(columns)
    free = [c for c in columns if c.name not in (split, group)]
    question = question_of_steps(path, rows, free, asked) or _question(path, free, asked)
    answer = TARGETS[question.prepare.get("targets", "label")].column
    answered = {answer: question.target} if question.target else {}  # by none: what comes next
    columns_ = {"text": question.text, **answered, "split": split, "group": group}
    prepare = {"min_count": 2 if count >= RARE else 1, **question.prepare}
    if split is None:
        drawn = {"valid": VALID, "test": TEST}
        prepare |= {name: round(n / count, 4) for name, n in drawn.items() if 10 * n < count}
        prepare |= share_of_test(sum(len(c.values) for c in columns if c.name == group))
    return Proposal(
        data=str(path),
        modality="text",
        task=question.task,
        metric=question.metric,
        examples=count,
        columns={ours: theirs for ours, theirs in columns_.items() if theirs and ours != theirs},
        reading=asked.reading,
        prepare=prepare,
    )


def _question(path: Path, columns: Sequence[Column], asked: Asked) -> Question:
    """Decide what is asked of a text as a whole."""
    free = [c for c in columns if c.name != asked.target]
    texts = usual(_read_as_text(free, asked.input), INPUTS, asked.input)
    text = one(path, texts, asked.input, "input", "the text")
    task, target = _task(path, [c for c in columns if c is not text], asked)
    prepare = steps_of(text, asked.units)
    if task in ANSWERED_BY:
        prepare["targets"] = ANSWERED_BY[task]
    if task == "transduction" and target is not None:
        spelled = "characters" if is_spelled(target) else "words"
        prepare["targets"] = asked.units if asked.units in TARGETS else spelled
    metric = metric_of(task, target.values if target else None, prepare.get("targets"))
    return Question(task, text.name, target.name if target else None, metric, prepare)


def _read_as_text(columns: Sequence[Column], said: str | None) -> list[Column]:
    """Return what may be read or written: what is said, else texts, else names that are no keys."""
    if said is not None:
        return [c for c in columns if c.name == said]
    texts = [c for c in columns if c.kind == "text"]
    return texts or [c for c in columns if _is_spelled(c)]


def _is_spelled(column: Column) -> bool:
    return column.kind in ("name", "time") and column.name.lower() not in KEYS


def _unanswered(columns: Iterable[Column], proposal: Proposal, asked: Asked) -> list[str]:
    """Tell what might be the answer where none is seen, and only texts are learned."""
    if proposal.task != "language_modelling" or asked.task is not None:
        return []
    names = [c.name for c in columns if _is_spelled(c)]
    return [f"no column answers; --target {names[0]} learns to write that"] if names else []


def named_group(columns: Iterable[Column]) -> str | None:
    """Return the column whose name says that its rows stay on one side of a split."""
    return next((c.name for c in columns if c.name.lower().removesuffix("_id") in GROUPS), None)


def _task(path: Path, answers: Sequence[Column], asked: Asked) -> tuple[str, Column | None]:
    """Decide what is asked of a text, and which column answers."""
    fitting = {
        "classification": [c for c in answers if c.kind in ("class", "number", "labels")],
        "multi_label_classification": [c for c in answers if c.kind in ("labels", "class")],
        "regression": [c for c in answers if c.kind in ("number", "class")],
        "transduction": _read_as_text(answers, asked.target),
        "language_modelling": [],
    }
    if asked.task is not None and asked.task not in fitting:
        raise unknown("--task", "task of a table", asked.task, [*fitting, "labelling"])
    if asked.task == "language_modelling":
        return asked.task, None
    if asked.task is not None:
        target = _answer(path, fitting[asked.task], asked)
        return asked.task, target
    known = [c for c in answers if c.kind in KINDS or c.name == asked.target]
    if not known:
        return "language_modelling", None
    target = _answer(path, known, asked)
    return KINDS.get(target.kind, "transduction"), target


def _answer(path: Path, columns: Sequence[Column], asked: Asked) -> Column:
    likely = usual(columns, ANSWERS, asked.target)
    return one(path, likely, asked.target, "target", "the answer")


def usual(columns: Sequence[Column], names: Sequence[str], asked: str | None) -> Sequence[Column]:
    """Keep the one column that has a usual name, where none is asked for."""
    found = [column for column in columns if column.name.lower() in names]
    return found if len(found) == 1 and asked is None else columns


def _leaks(path: Path, proposal: Proposal) -> list[str]:
    """Tell which texts of given splits stand in two of them, whatever their case."""
    text = proposal.columns.get("text", "text")
    split = proposal.columns.get("split", "split")
    seen: dict[int, set[str]] = {}  # by the hash of a text: a table may not fit in memory
    for row in rows_of(path, proposal.reading):
        if split not in row.cells:
            return []
        key = _key(spaced(row.cells[text]))
        seen.setdefault(key, set()).add(_split(row.cells[split]))
    leaks = sum(len(splits) > 1 for splits in seen.values())
    return [f"{leaks:,} texts stand in more than one of the given splits"] if leaks else []


def _near_duplicates(rows: Iterable[TableRow], proposal: Proposal) -> list[str]:
    """Tell how many texts of some rows are nearly another one, and of test one of train."""
    text = proposal.columns.get("text", "text")
    split = proposal.columns.get("split", "split")
    texts: dict[int, Hashes] = {}  # the different ones, and the split of each; test is the last
    splits: dict[int, str] = {}
    for row in rows:
        if hashes := hashed_words(spaced(row.cells[text])):
            key = _key(spaced(row.cells[text]))
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
