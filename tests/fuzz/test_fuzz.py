"""A part of `make fuzz`: what is damaged is read or refused in one line, by every reader."""

from __future__ import annotations

import pytest

from .formats import FORMATS
from .trials import MEMORY, fuzz

COUNT = 40


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_files_are_read_or_refused_in_one_line(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEQARENA_DECODE_SECONDS", "30")  # other tests run beside
    count = COUNT // 4 if FORMATS[name].costly else COUNT
    counts = fuzz(name, range(count), hang=60.0)
    assert counts.told == []
    assert counts.tried == counts.read + counts.refused == count
    assert counts.memory < MEMORY
