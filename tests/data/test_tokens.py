"""Words are words in every script."""

from __future__ import annotations

from random import Random

import pytest

from seqarena.data.tokens import characters, words


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Don’t e-mail 1,200.50 to café…", ["Don't", "e-mail", "1,200.50", "to", "café", "…"]),
        ("''well'' ... 5x", ["''", "well", "''", "...", "5x"]),
        ("नमस्ते दुनिया, १२३", ["नमस्ते", "दुनिया", ",", "१२३"]),  # vowel signs are combining marks
        ("مرحبا كُتُب", ["مرحبا", "كُتُب"]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),  # a joiner within a word
        ("한국어 텍스트", ["한국어", "텍스트"]),
        ("今天3月5日", ["今", "天", "3", "月", "5", "日"]),
        ("東京タワーへ", ["東", "京", "タワー", "へ"]),
        ("สวัสดี", ["ส", "วั", "ส", "ดี"]),
        ("👍🏽👍🏽 👨‍👩‍👧!", ["👍🏽👍🏽", "👨‍👩‍👧", "!"]),
    ],
)
def test_words(text: str, wanted: list[str]) -> None:
    assert words(text) == wanted


def test_letters_and_their_signs_are_one_however_they_are_written() -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    assert words(composed) == words(decomposed) == [composed]
    assert characters(decomposed) == ["c", "a", "f", "\u00e9"]


def test_ascii_is_split_as_any_text_is() -> None:
    random = Random(0)
    for letters in ("ab1.,:'-_! \n\t\x1f\x7f9Z`", "".join(map(chr, range(128)))):
        for _ in range(2_000):
            text = "".join(random.choices(letters, k=random.randint(0, 30)))
            assert words(text) == words(text + " é")[:-1], repr(text)
