"""What a table suggests each row of which is a signal: numbered columns of numbers, or lists."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seqarena.data.timeline import MISSING
from seqarena.datasets.own.in_rows import TO
from seqarena.proposal.asked import Asked, one
from seqarena.proposal.columns import Column
from seqarena.proposal.section import Proposal, metric_of, share_of_test

FEWEST = 20  # columns that are numbered one after the other: fewer are features of a thing
TASKS = {"class": "classification", "number": "regression", "labels": "multi_label_classification"}
ANSWERED_IN = {"classification": "label", "multi_label_classification": "labels"}  # else `target`
TARGETS = {"regression": "number", "multi_label_classification": "label_set"}


def channels_of(columns: Sequence[Column], asked: Asked) -> list[list[Column]]:
    """Return the columns of each channel that rows hold: one of lists, or many that are numbered.

    Where the first or the last of these has classes and its neighbour numbers, it is the answer.
    """
    lists = [column for column in columns if column.kind == "numbers"]
    if lists:
        return [[column] for column in lists]
    numbered: dict[str, list[tuple[int, Column]]] = defaultdict(list)
    for column in columns:
        found = re.fullmatch(r"(.*?)(\d+)", column.name)
        if found and _is_step(column) and column.name != asked.target:
            numbered[found[1]].append((int(found[2]), column))
    return [
        channel for found in numbered.values() if len(channel := _without_answer(found)) >= FEWEST
    ]


def _is_step(column: Column) -> bool:
    return column.is_numeric or all(value.lower() in MISSING for value in column.values)


def _without_answer(numbered: list[tuple[int, Column]]) -> list[Column]:
    """Return columns whose numbers follow each other, none where they do not."""
    numbers = [number for number, _ in numbered]
    if numbers != [*range(numbers[0], numbers[0] + len(numbers))]:
        return []
    columns = [column for _, column in numbered]
    kinds = [column.kind for column in columns]
    if kinds[:2] == ["class", "number"]:
        return columns[1:]
    return columns[:-1] if kinds[-2:] == ["number", "class"] else columns


def told_of(columns: Sequence[Column], channels: Sequence[Sequence[Column]]) -> list[str]:
    """Describe the columns, those of a channel in one line."""
    first = {channel[0].name: channel for channel in channels}
    others = {column.name for channel in channels for column in channel[1:]}
    lines = []
    for column in columns:
        if channel := first.get(column.name):
            told = f"a signal of {len(channel)} steps" if len(channel) > 1 else str(column)
            lines.append(f"  {name_of(channel)}  {told}")
        elif column.name not in others:
            lines.append(f"  {column.name}  {column}")
    return lines


def name_of(channel: Sequence[Column]) -> str:
    """Return what `data: in_rows` calls a channel."""
    return f"{channel[0].name}{TO}{channel[-1].name}" if len(channel) > 1 else channel[0].name


def propose_in_rows(
    path: Path,
    columns: Sequence[Column],
    channels: Sequence[Sequence[Column]],
    count: int,
    asked: Asked,
) -> Proposal:
    """Suggest to tell what a signal is of; raises `InputError` where it is not clear by what."""
    steps = {column.name for channel in channels for column in channel}
    rest = [column for column in columns if column.name not in steps]
    split = asked.split or next((c.name for c in rest if c.kind == "split"), None)
    free = [c for c in rest if c.name not in (split, asked.group) and c.kind in TASKS]
    target = one(path, free, asked.target, "target", "the answer")
    task = asked.task or TASKS[target.kind]
    answer = ANSWERED_IN.get(task, "target")
    columns_ = {answer: target.name, "split": split, "group": asked.group}
    prepare: dict[str, Any] = {"targets": TARGETS[task]} if task in TARGETS else {}
    if asked.group and not split:
        prepare |= share_of_test(len(next(c for c in rest if c.name == asked.group).values))
    return Proposal(
        data=str(path),
        modality="signal",
        task=task,
        metric=metric_of(task, target.values),
        examples=count,
        columns={ours: theirs for ours, theirs in columns_.items() if theirs and ours != theirs},
        reading=asked.reading,
        in_rows=[name_of(channel) for channel in channels],
        prepare=prepare,
    )
