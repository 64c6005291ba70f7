"""Damage to bytes, drawn from a seed: the same number, the same damage."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Sequence
from random import Random

# What counters, lengths and sizes break at.
SIZES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63, -1)
WORDS = (
    *("0", "-1", "1e999", "nan", "inf", "null", "true", "[]", "{}", "1970-01-01", "2147483648"),
    *("'", '"', '""', ",", ":", ";", "\0", "\t", "\ufffe", "99999999999999999999", "<unk>"),
    *("*a", "&a", "!!python/object:os.system"),
)
PNG = b"\x89PNG\r\n\x1a\n"


def damaged(content: bytes, other: bytes, random: Random, *, text: bool = False) -> bytes:
    """Return content with one to three kinds of damage; `other` is a second valid file."""
    kinds = [*KINDS, *([_word] * 4 if text else [])]
    for _ in range(random.choice((1, 1, 2, 3))):
        content = random.choice(kinds)(content, other, random)
    if content.startswith(PNG) and random.random() < 0.7:
        return _with_sums(content)  # else a reader would look no further than these
    return content


def _flip(content: bytes, other: bytes, random: Random) -> bytes:
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 8))):
        if changed:
            changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _cut(content: bytes, other: bytes, random: Random) -> bytes:
    return content[: random.randrange(len(content) + 1)]


def _lose(content: bytes, other: bytes, random: Random) -> bytes:
    start, end = _part(content, random)
    return content[:start] + content[end:]


def _double(content: bytes, other: bytes, random: Random) -> bytes:
    start, end = _part(content, random)
    return content[:end] + content[start:]


def _splice(content: bytes, other: bytes, random: Random) -> bytes:
    place = random.randrange(min(len(content), len(other)) + 1)
    return content[:place] + other[place:]


def _noise(content: bytes, other: bytes, random: Random) -> bytes:
    start, end = _part(content, random)
    end = min(end, start + 64)
    return content[:start] + random.randbytes(end - start) + content[end:]


def _size(content: bytes, other: bytes, random: Random) -> bytes:
    """Write another length, most often near the beginning or the end, where headers are."""
    code = random.choice(("<B", "<H", ">H", "<I", ">I", "<Q", ">Q"))
    width = struct.calcsize(code)
    last = max(len(content) - width, 0)
    near = random.choice((64, 256, 4096, len(content)))
    place = random.randrange(min(near, last) + 1)
    place = last - place if random.random() < 0.25 else place
    size = random.choice(SIZES) % (1 << 8 * width)
    return content[:place] + struct.pack(code, size) + content[place + width :]


def _word(content: bytes, other: bytes, random: Random) -> bytes:
    """Put another word, or another of the file's own, in the place of one."""
    words = list(re.finditer(rb"[^\s,:\[\]{}\"]+", content))
    if not words:
        return content
    place = random.choice(words)
    own = random.choice(words).group()
    new = own if random.random() < 0.3 else random.choice(WORDS).encode()
    return content[: place.start()] + new + content[place.end() :]


def _part(content: bytes, random: Random) -> tuple[int, int]:
    start = random.randrange(len(content) + 1)
    longest = random.choice((1, 4, 32, 512, len(content)))
    return start, min(len(content), start + random.randrange(longest + 1))


def _with_sums(png: bytes) -> bytes:
    """Give every whole chunk of a PNG its right checksum."""
    fixed, place = bytearray(png), len(PNG)
    while place + 12 <= len(png):
        (length,) = struct.unpack_from(">I", png, place)
        end = place + 8 + length
        if end + 4 > len(png):
            break
        struct.pack_into(">I", fixed, end, zlib.crc32(fixed[place + 4 : end]))
        place = end + 4
    return bytes(fixed)


KINDS: Sequence[Callable[[bytes, bytes, Random], bytes]] = (
    _flip,
    _cut,
    _lose,
    _double,
    _splice,
    _noise,
    _size,
)
