"""Text: sentences to sequences of token ids over a vocabulary learned from train."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from seqarena.config import Strict
from seqarena.data.labelled import (
    MANIFESTS,
    LabelledOptions,
    Row,
    assign_splits,
    read_manifest,
    write_labelled,
)
from seqarena.data.modality import Modality
from seqarena.data.store import Array, DataSpec
from seqarena.data.tables import SUFFIXES, read_records
from seqarena.errors import InputError

SPECIALS = ("<pad>", "<unk>")
UNKNOWN = SPECIALS.index("<unk>")

# In this order: a number with its separators, a word with its contractions and hyphens, a run
# of one and the same mark ("...", "''"), since how often it stands there carries meaning.
TOKEN = re.compile(r"\d+(?:[.,:]\d+)*(?!\w)|\w+(?:['-]\w+)*|([^\w\s])\1*")


class TextOptions(LabelledOptions):
    """The `prepare:` section of an experiment on text."""

    max_vocabulary: Annotated[int, Field(gt=len(SPECIALS))] = 10_000  # the two specials included
    min_count: Annotated[int, Field(ge=1)] = 2  # rarer train tokens are unknown
    max_length: Annotated[int, Field(ge=1)] = 64  # tokens; what is beyond is cut
    lowercase: bool = True


class Text(Modality):
    """Sentences with one label each; a step is a token, ``feature_shape`` is ``()``."""

    Options = TextOptions

    def prepare(self, raw: Path, out: Path, options: Strict, seed: int) -> DataSpec:
        """Tokenise ``examples.csv``; the vocabulary is learned from train alone."""
        assert isinstance(options, TextOptions)
        rows = read_manifest(raw / MANIFESTS["text"], "text")
        splits = assign_splits(rows, valid=options.valid, test=options.test, seed=seed)
        texts = (row.item for row in splits["train"])
        vocabulary = build_vocabulary(texts, options)
        index = {token: number for number, token in enumerate(vocabulary)}

        def encode(row: Row) -> Array:
            return _ids(row.item, index, options.lowercase, options.max_length)

        classes, sizes, longest = write_labelled(out, splits, encode, column="text")
        return DataSpec(
            modality="text",
            feature_shape=(),
            max_length=longest,
            step="token",
            step_size=1.0,
            vocabulary=vocabulary,
            classes=classes,
            options={"lowercase": options.lowercase, "max_length": options.max_length},
            sizes=sizes,
        )

    def read(self, source: str, spec: DataSpec) -> list[tuple[str, Array]]:
        """Encode a sentence, the lines of a text file, or the ``text`` column of a .csv or .tsv."""
        index = {token: number for number, token in enumerate(spec.vocabulary)}
        lowercase, longest = spec.options["lowercase"], spec.options["max_length"]
        encoded = []
        for name, text in _sentences(source):
            steps = _ids(text, index, lowercase, longest)
            if len(steps) == 0:
                raise InputError(f"{name or 'the input'}: an empty sentence; expected some words")
            encoded.append((name, steps))
        return encoded

    def step_labels(self, steps: Array, spec: DataSpec) -> list[str]:
        """Name each step by its token; a token outside the vocabulary shows as ``<unk>``."""
        return [spec.vocabulary[int(step)] for step in steps]


def tokenise(text: str, lowercase: bool) -> list[str]:
    """Split text into words with their contractions, numbers, and runs of one punctuation mark."""
    text = unicodedata.normalize("NFC", text).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return [match[0] for match in TOKEN.finditer(text.lower() if lowercase else text)]


def build_vocabulary(texts: Iterable[str], options: TextOptions) -> tuple[str, ...]:
    """List the specials, then the tokens by falling frequency and, where equal, the alphabet."""
    counts = Counter(token for text in texts for token in tokenise(text, options.lowercase))
    known = [token for token, count in counts.items() if count >= options.min_count]
    known.sort(key=lambda token: (-counts[token], token))
    return (*SPECIALS, *known[: options.max_vocabulary - len(SPECIALS)])


def _ids(text: str, index: dict[str, int], lowercase: bool, longest: int) -> Array:
    tokens = tokenise(text, lowercase)[:longest]
    return np.array([index.get(token, UNKNOWN) for token in tokens], dtype=np.int32)


def _sentences(source: str) -> Iterator[tuple[str, str]]:
    """Yield a name and the text of every input of a source."""
    # Not Path.is_file: it raises OSError on a sentence too long for a file name.
    if not os.path.isfile(source):  # noqa: PTH113
        if Path(source).suffix.lower() in {*SUFFIXES, ".txt"}:
            raise InputError(f"{source}: no such file; expected a text file or a sentence")
        yield source, source
        return
    path = Path(source)
    if path.suffix.lower() in SUFFIXES:
        for line, record in read_records(path, ("text",)):
            yield record.get("id") or f"{path.name}:{line}", record["text"]
        return
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a text file in UTF-8: {error}") from error
    for line, text in enumerate(lines, start=1):
        yield f"{path.name}:{line}", text
