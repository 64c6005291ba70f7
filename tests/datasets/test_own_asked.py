"""A table that a model is asked about is read as a copy, of which nobody hears."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from seqarena.config import Reading
from seqarena.datasets.own.asked import as_raw
from seqarena.errors import InputError, InputWarning


def breaks_off(own: Path) -> None:
    with as_raw(str(own), "text", Reading()) as raw:
        assert raw != str(own)
        warnings.warn(f"{raw}: odd", InputWarning, stacklevel=1)
        raise InputError(f"{raw}: bad")


def test_what_is_said_of_the_copy_names_the_own_file_also_where_it_breaks_off(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    own = tmp_path / "new.tsv"
    own.write_text("text\na film\n")
    with pytest.raises(InputError, match=f"^{own}: bad$"):
        breaks_off(own)
    assert [str(each.message) for each in recwarn] == [f"{own}: odd"]
