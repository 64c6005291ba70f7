"""Text: sentences to sequences of token ids over a vocabulary learned from train."""

from __future__ import annotations

import hashlib
import os
import unicodedata
import warnings
from collections.abc import Generator, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from seqarena.config import Strict
from seqarena.data.joined import joined, lines
from seqarena.data.labelled import (
    MANIFESTS,
    LabelledOptions,
    read_manifest,
    write_labelled,
)
from seqarena.data.modalities.base import Asked, Cells, Input, Modality, Unread
from seqarena.data.rows import Row
from seqarena.data.splits import assign_splits
from seqarena.data.store import Array, DataSpec, Split
from seqarena.data.subwords import Pieces, learn_subwords
from seqarena.data.tables import SUFFIXES, TableRow, in_short, opened_to_read, read_records, spaced
from seqarena.data.targets import TARGETS
from seqarena.data.tokens import (
    END,
    PAD,
    SPECIALS,
    TARGET_SPECIALS,
    UNITS,
    UNKNOWN,
    Tokenise,
    ids,
    learn_vocabulary,
    readable,
    words,
)
from seqarena.errors import InputError, InputWarning, few

MOST_TOKENS = 10_000  # of a vocabulary, where nothing else is asked for


def given_tokens(text: str) -> list[str]:
    """Split text at its blanks alone: into tokens that somebody told apart."""
    return unicodedata.normalize("NFC", text).split()


STEPS: dict[str, Tokenise] = {**UNITS, "tokens": given_tokens}  # what splits a text to be read


class TextOptions(LabelledOptions):
    """The `prepare:` section of an experiment on text."""

    max_vocabulary: Annotated[int, Field(gt=len(SPECIALS))] = MOST_TOKENS  # specials included
    min_count: Annotated[int, Field(ge=1)] = 2  # rarer train tokens are unknown
    max_length: Annotated[int, Field(ge=1)] = 64  # tokens; what is beyond is cut
    # Texts of one group that stand one after the other are one sequence of so many tokens at most.
    join: Annotated[int, Field(ge=1)] | None = None
    lowercase: bool = True
    units: Literal["words", "characters", "subwords", "tokens"] = "words"  # of a step

    @property
    def learns_pieces(self) -> bool:
        return self.units == "subwords" or super().learns_pieces

    @model_validator(mode="after")
    def _fits_targets(self) -> TextOptions:
        if self.units == "subwords" and self.targets == "labels":
            raise ValueError("units subwords: labels are of tokens, not of pieces; expected tokens")
        if self.join is not None and self.targets != "next":
            raise ValueError("join: only where the next token is the target do texts go on")
        if self.join is not None and self.join < self.max_length:
            raise ValueError(f"join {self.join} is below max_length {self.max_length}, of one text")
        if self.units == "tokens" and self.targets == "next":
            raise ValueError("units tokens: what comes next is written in words; expected words")
        if self.units == "subwords" and self.max_vocabulary != MOST_TOKENS:
            raise ValueError("max_vocabulary is of words; of subwords it is `vocabulary`")
        return self


class _Encode:
    """Texts to steps, as they are prepared."""

    def __init__(
        self, options: TextOptions, vocabulary: tuple[str, ...], merges: tuple[str, ...]
    ) -> None:
        self.options = options
        self.tokenise = _tokeniser(options.units, vocabulary, merges)
        self.index = {token: number for number, token in enumerate(vocabulary)}

    def __call__(self, rows: Iterator[Row]) -> Generator[Array | InputError]:
        end = np.array([END], np.int32)
        for row in rows:
            if self.options.targets != "next":
                yield self.tokens(row.item)
            elif not self.options.join:
                yield np.concatenate([end, self.tokens(row.item), end])
            else:
                texts = (self._cut(text) for text in lines(row.item))
                yield np.concatenate([end, *(part for text in texts for part in (text, end))])

    def tokens(self, text: str) -> Array:
        """Return the token ids of a text ``(T,)``."""
        return ids(self.tokenise(_cased(text, self.options.lowercase)), self.index)

    def steps_of(self, text: str) -> int:
        """Return how many steps a text takes among those that it is joined with, an end last."""
        return len(self._cut(text)) + 1

    def _cut(self, text: str) -> Array:
        return self.tokens(text)[: self.options.max_length]


class Text(Modality):
    """Sentences; a step is a token, ``feature_shape`` is ``()``.

    Where the next token is the target, a sentence stands between two ends.
    """

    Options = TextOptions

    def prepare(self, raw: Path, out: Path, options: Strict, seed: int) -> DataSpec:
        """Tokenise ``examples.csv``; the vocabulary is learned from train alone."""
        assert isinstance(options, TextOptions)
        targets = TARGETS[options.targets]
        rows = read_manifest(
            raw / MANIFESTS["text"],
            "text",
            targets,
            partial(_content, options=options),
        )
        splits = assign_splits(rows, seed=seed, **options.splitting())
        texts = (_cased(row.item, options.lowercase) for row in splits.of("train"))
        vocabulary, merges = _learned(texts, options)
        encode = _Encode(options, vocabulary, merges)
        if options.join:
            splits = joined(splits, encode.steps_of, options.join)
        written = write_labelled(
            out,
            splits,
            encode,
            targets,
            column="text",
            max_length=options.join or options.max_length,
            pieces=options.vocabulary,
        )
        labelled = options.targets == "labels"
        return DataSpec(
            modality="text",
            dtype="int32",
            feature_shape=(),
            step="token",
            step_size=1.0,
            vocabulary=vocabulary,
            labelled_tokens=_labelled_tokens(Split(out / "train")) if labelled else (),
            options=options.model_dump(include={"lowercase", "max_length", "targets"})
            | ({"units": options.units} if options.units != "words" else {})
            | ({"merges": list(merges)} if merges else {}),
            **written,
        )

    def stream(self, source: str, spec: DataSpec) -> Generator[Asked]:
        """Encode a sentence, the lines of a text file, or the ``text`` column of a .csv or .tsv.

        Warns in the end of the words that are unknown, and of texts that are cut.
        """
        index = {token: number for number, token in enumerate(spec.vocabulary)}
        lowercase, max_length = (spec.options[key] for key in ("lowercase", "max_length"))
        units, merges = spec.options.get("units", "words"), spec.options.get("merges", ())
        tokenise = _tokeniser(units, spec.vocabulary, tuple(merges))
        strange, cut, number = dict[str, None](), 0, 0
        for name, where, text, cells in _sentences(source):
            number += 1
            tokens = tokenise(_cased(text, lowercase))
            cut += len(tokens) > max_length
            tokens = tokens[:max_length]
            strange.update(dict.fromkeys(token for token in tokens if token not in index))
            try:
                steps = _asked(where, ids(tokens, index), spec)
            except InputError as error:
                yield Unread(name, error, cells)
            else:
                yield Input(name, steps, cells=cells)
        if not number:
            raise InputError(f"{source}: no sentences")
        if strange:
            message = f"not in the vocabulary, read as {SPECIALS[UNKNOWN]}: {few(strange)}"
            warnings.warn(message, InputWarning, stacklevel=2)
        if cut:
            message = f"{cut} of {number} texts: only the first {max_length} tokens are read"
            warnings.warn(message, InputWarning, stacklevel=2)

    def step_labels(self, steps: Array, spec: DataSpec) -> list[str]:
        """Name each step by its token; a token outside the vocabulary shows as ``<unk>``."""
        return [readable(spec.vocabulary[int(step)]) for step in steps]


def _cased(text: str, lowercase: bool) -> str:
    return text.lower() if lowercase else text


def _learned(texts: Iterator[str], options: TextOptions) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the vocabulary of the texts of train, and the merges of its subwords, if any."""
    specials = TARGET_SPECIALS if options.targets == "next" else SPECIALS
    fewest = options.min_count
    if options.units == "subwords":
        return learn_subwords(texts, specials, size=options.vocabulary, min_count=fewest)
    tokens = map(STEPS[options.units], texts)
    most = options.max_vocabulary
    return learn_vocabulary(tokens, specials, min_count=fewest, most=most), ()


@lru_cache(maxsize=4)  # a server asks with every text
def _tokeniser(units: str, vocabulary: tuple[str, ...], merges: tuple[str, ...]) -> Tokenise:
    return Pieces(vocabulary, merges) if units == "subwords" else STEPS[units]


def _content(text: str, options: TextOptions) -> str:
    """Digest the tokens that a model will see; of subwords the words, for pieces come of train."""
    tokens = STEPS.get(options.units, words)(_cased(text, options.lowercase))
    seen = "\0".join(tokens[: options.max_length])
    return hashlib.blake2b(seen.encode(), digest_size=16).hexdigest()


def _labelled_tokens(train: Split) -> tuple[int, ...]:
    """List the tokens that have a label wherever they stand in train, if all others never have one.

    Empty where the token does not decide it: then every step needs a label. Where train has
    no unknown word, one counts as most tokens do.
    """
    has_label = np.asarray(train.targets) != PAD
    tokens = np.asarray(train.inputs)
    labelled, bare = set(tokens[has_label].tolist()), set(tokens[~has_label].tolist())
    if not bare or labelled & bare:
        return ()
    if UNKNOWN not in bare and len(labelled) > len(bare):
        labelled.add(UNKNOWN)
    return tuple(sorted(labelled))


def _asked(where: str, steps: Array, spec: DataSpec) -> Array:
    """Return the steps that a model is asked about; raises `InputError` where there are none."""
    if not len(steps):
        raise InputError(f"{where}: an empty sentence; expected some words")
    if spec.labelled_tokens and not np.isin(steps, spec.labelled_tokens).any():
        expected = few(spec.vocabulary[token] for token in spec.labelled_tokens)
        raise InputError(f"{where}: nothing to label; train has labels at {expected} alone")
    return np.insert(steps, 0, END) if spec.options["targets"] == "next" else steps


def _sentences(source: str) -> Iterator[tuple[str, str, str, Cells]]:
    """Yield a name, the place for messages, the text and the cells of every input of a source."""
    # Not Path.is_file: it raises OSError on a sentence too long for a file name.
    if not os.path.isfile(source):  # noqa: PTH113
        if Path(source).suffix.lower() in {*SUFFIXES, ".txt"}:
            raise InputError(f"{source}: no such file; expected a text file or a sentence")
        if os.path.isdir(source):  # noqa: PTH112
            raise InputError(f"{source}: a folder; expected a text file or a sentence")
        yield source, source.strip() or "the input", source, ({"text": source},)
        return
    path = Path(source)
    is_table = path.suffix.lower() in SUFFIXES
    for row in read_records(path, ("text",)) if is_table else _lines(path):
        name = row.cells.get("id") or in_short(row.place)
        yield name, row.place, spaced(row.cells["text"]), (row.cells,)


def _lines(path: Path) -> Iterator[TableRow]:
    with opened_to_read(path, "utf-8") as file:
        for line, text in enumerate(file, start=1):
            if text.strip():
                yield TableRow(line, f"{path} line {line}", {"text": text.rstrip("\r\n")})
