"""What a folder of recordings, clips, pictures, signals or scores suggests."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import av
import soundfile
from PIL import Image

from seqarena.config import NAMED
from seqarena.data.folders import MANIFEST, SUFFIXES, sorted_out
from seqarena.data.modalities.recordings import BY_FFMPEG
from seqarena.data.tables import TableRow
from seqarena.data.targets import TARGETS
from seqarena.datasets.own.folders import manifest_of, named_rows
from seqarena.datasets.own.listed import Listed, folder_of_files
from seqarena.datasets.own.tables import SPLIT_NAMES, rows_of
from seqarena.errors import InputError, few, unknown
from seqarena.proposal import pictures
from seqarena.proposal.asked import Asked, Look
from seqarena.proposal.columns import Column, Lengths, columns_of, drawn_rows
from seqarena.proposal.duplicates import same_bytes
from seqarena.proposal.section import METRICS, Proposal, metric_of, share_of_test
from seqarena.proposal.tables import ANSWERS, KINDS, named_group, usual
from seqarena.proposal.tags import metric_of_tags
from seqarena.proposal.units import is_spelled

SAMPLE = 200  # files that are opened
COMPARED = 20_000  # files that are compared
CHARACTERS = 40  # letters of an answer, up to which it is spelled and not said in words


def look_at_folder(path: Path, asked: Asked) -> Look:
    """Look at a folder, or at a table that lists files.

    Raises `InputError` where it is not clear what is asked, naming the option that says it.
    """
    manifest = manifest_of(path)
    folder = path
    if manifest is not None and not path.is_dir():
        folder = folder_of_files(manifest, asked.reading, asked.input) or path.parent
    modality, files, others = _modality(folder)
    found = [f"{folder}: {len(files):,} files of {modality}"]
    if others:
        told = ", ".join(f"{count:,} {ending}" for ending, count in others.most_common())
        found.append(f"  left out: {told}")
    sample = files[:: max(1, len(files) // SAMPLE)]
    lengths = _lengths(modality, sample)
    if lengths is not None:
        found.append(f"  {lengths}")
    prepare = _prepare(modality, lengths, sample)
    if asked.names is not None:
        rows = named_rows(folder, modality, asked.names)
        look = _listed(path, folder, drawn_rows(rows), modality, prepare, _said(asked), found)
        return replace(look, warnings=_copies(folder, files))
    if manifest is not None and modality != "music":
        rows = rows_of(manifest, asked.reading)
        look = _listed(path, folder, drawn_rows(rows), modality, prepare, asked, found)
        return replace(look, warnings=_copies(folder, files))
    task = asked.task or ("music_modelling" if modality == "music" else "classification")
    proposal = Proposal(
        data=str(path),
        modality=modality,
        task=task,
        metric=metric_of(task),
        examples=len(files),
        reading=asked.reading,
        prepare=prepare,
    )
    if modality != "music":
        classes = Counter(file.parent.name for file in files)
        if len(classes) == 1:
            fix = f"a table {MANIFEST}.* there, the path of another that lists them, or --names"
            like = f"'{{label}}_{{group}}_*', if names such as {files[0].name} say it"
            raise InputError(f"{folder}: all files lie in one folder; expected {fix} {like}")
        found.append(f"  {len(classes)} classes: {_shares(classes)}")
        proposal.metric = metric_of(task, classes)
    return Look(found, proposal, _copies(folder, files))


def _copies(folder: Path, files: Sequence[Path]) -> list[str]:
    """Tell how many of the first files are copies, and how many stand in two given splits."""
    files = files[:COMPARED]
    copies = same_bytes(files)
    if not copies:
        return []
    more = sum(map(len, copies)) - len(copies)
    first = few(file.relative_to(folder).as_posix() for file in copies[0])
    told = [f"{more:,} of {len(files):,} files are copies of others, such as {first}"]
    splits = [{SPLIT_NAMES.get(f.relative_to(folder).parts[0].lower()) for f in c} for c in copies]
    leaks = sum(len(each - {None}) > 1 for each in splits)
    return [*told, f"{leaks:,} files stand in more than one of the given splits"] if leaks else told


def _modality(folder: Path) -> tuple[str, list[Path], Counter[str]]:
    """Return the modality of which a folder has most files, these, and all others by ending."""
    signals, endings = sorted_out(folder, "signal")
    endings.update(path.suffix.lower() for path in signals)
    modality = max(SUFFIXES, key=lambda kind: sum(endings[ending] for ending in SUFFIXES[kind]))
    files, others = sorted_out(folder, modality)
    if not files:
        found = few(f"{count} {ending}" for ending, count in others.most_common()) or "nothing"
        kinds = "recordings, clips, pictures, signals (.csv) or scores (.mid)"
        raise InputError(f"{folder}: expected {kinds}, or a table {MANIFEST}.*; found {found}")
    return modality, files, others


def _said(asked: Asked) -> Asked:
    """Return what the pattern of names says of the columns."""
    fields = re.findall(r"\{(\w+)\}", asked.names or "")
    of = {field: field if field in fields else None for field in NAMED}
    target = asked.target or of["label"] or of["labels"] or of["target"]
    task = asked.task or ("multi_label_classification" if target == "labels" else None)
    said = replace(asked, task=task, inputs=("file",), targets=(target,) if target else ())
    return replace(said, split=of["split"], group=of["group"])


def _listed(
    path: Path,
    folder: Path,
    table: tuple[list[TableRow], int],
    modality: str,
    prepare: dict[str, Any],
    asked: Asked,
    found: list[str],
) -> Look:
    rows, count = table
    columns = columns_of(rows)
    named = {column.name: column for column in columns}
    for name in (asked.input, *asked.targets, asked.split, asked.group):
        if name is not None and name not in named:
            raise unknown(str(path), "column", name, named)
    files = Listed(folder)
    file = asked.input or next((c.name for c in columns if _names_files(files, c)), None)
    if file is None:
        message = "no column names files beside it; say which with --input COLUMN"
        raise InputError(f"{path}: {message}")
    split = asked.split or next((c.name for c in columns if c.kind == "split"), None)
    group = asked.group or named_group(columns)
    rest = [c for c in columns if c.name not in (file, split, group)]
    answers = usual([c for c in rest if c.kind not in ("empty", "time")], ANSWERS, asked.target)
    if asked.target is None and len(answers) != 1:
        could = few(c.name for c in answers) or "none"
        raise InputError(f"{path}: --target COLUMN says what is asked, of: {could}")
    target = named[asked.target] if asked.target else answers[0]
    task, metric, answer = _task(target, modality, prepare, asked)
    if group and not split:
        prepare |= share_of_test(len(named[group].values))
    columns_ = {"file": file, answer: target.name, "split": split, "group": group}
    proposal = Proposal(
        data=str(path),
        modality=modality,
        task=task,
        metric=metric,
        examples=count,
        columns={ours: theirs for ours, theirs in columns_.items() if theirs and ours != theirs},
        reading=asked.reading,
        files=None if folder in (path, path.parent) else str(folder),
        names=asked.names,
        prepare=prepare,
    )
    told = [f"  {column.name}: {column}" for column in columns if column.name != file]
    return Look(found + told, proposal)


def _task(
    target: Column, modality: str, prepare: dict[str, Any], asked: Asked
) -> tuple[str, str, str]:
    """Return task, metric and the column that the project reads the answers in."""
    task = asked.task or KINDS.get(target.kind, "transduction")
    if task == "classification":
        return task, metric_of(task, target.values), "label"
    if task == "multi_label_classification":
        prepare["targets"] = "label_set"
        return task, METRICS[task], "labels"
    if task == "labelling":
        prepare["targets"] = "labels"
        return task, metric_of_tags(chain.from_iterable(map(str.split, target.values))), "labels"
    if task == "regression":
        prepare["targets"] = "number"
        return task, "mae", "target"
    is_short = modality == "audio" or max(map(len, target.values)) <= CHARACTERS
    unit = asked.units if asked.units in TARGETS else None
    prepare["targets"] = unit or ("characters" if is_short else "words")
    if modality == "image" and prepare["targets"] == "characters":
        prepare |= pictures.for_letters(prepare, max(map(len, target.values)))
    said = modality == "audio" and not is_spelled(target)  # in words, spelled or not
    return task, "wer" if said else metric_of(task, unit=prepare["targets"]), "target"


def _names_files(files: Listed, column: Column) -> bool:
    sample = list(column.values)[:20]
    return bool(sample) and all(files.called(name) for name in sample)


def _shares(classes: Counter[str]) -> str:
    total = classes.total()
    return few(f"{name} {count / total:.0%}" for name, count in classes.most_common())


def _lengths(modality: str, sample: Sequence[Path]) -> Lengths | None:
    """Measure some files; what cannot be read is left to prepare, which tells."""
    measure, unit = MEASURES.get(modality, (None, ""))
    if measure is None:
        return None
    measured = [length for file in sample if (length := _measured(measure, file))]
    return Lengths.of(measured, unit) if measured else None


def _measured(measure: Callable[[Path], float], file: Path) -> float | None:
    try:
        return measure(file)
    except (OSError, ValueError, av.FFmpegError, soundfile.LibsndfileError):
        return None


def _seconds(path: Path) -> float:
    if path.suffix.lower() not in BY_FFMPEG:
        return float(soundfile.info(path).duration)
    with av.open(str(path)) as container:
        return float(container.duration or 0) / av.time_base


def _frames(path: Path) -> float:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return float(stream.frames or sum(packet.size > 0 for packet in container.demux(stream)))


def _pixels(path: Path) -> float:
    with Image.open(path) as picture:
        return float(max(picture.size))


def _steps(path: Path) -> float:
    with path.open("rb") as file:
        return float(max(0, sum(1 for _ in file) - 1))


MEASURES: dict[str, tuple[Callable[[Path], float], str]] = {
    "audio": (_seconds, "seconds"),
    "video": (_frames, "frames"),
    "image": (_pixels, "pixels"),
    "signal": (_steps, "steps"),
}


def _prepare(modality: str, lengths: Lengths | None, sample: Sequence[Path]) -> dict[str, Any]:
    """Return the options that some files ask for, with room for those that were not measured."""
    if lengths is None:
        return {}
    if modality == "image":
        return pictures.options_of(sample)
    if modality == "audio" and lengths.longest > 15:
        return {"max_seconds": math.ceil(2 * lengths.longest)}
    if modality == "video":
        kept = {"every_nth": math.ceil(lengths.most / 64)} if lengths.most > 64 else {}
        return {"height": 32, "width": 32, **kept, "max_frames": math.ceil(2 * lengths.longest)}
    return {}
