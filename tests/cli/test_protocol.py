"""A protocol is named in params.yaml, and nothing else there changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqarena.cli.protocol import set_protocol
from seqarena.errors import InputError

TEXT = """# A comment.
protocols:
  quick: {trials: 2}   # another
  long:
    trials: 9
experiments:
  flow:
    variants:
      [gru,
       lstm]
    protocol: {seed: 0, name: quick, trials: 3}  # of quick
  block:
    protocol:
      name: "quick"  # quick
      seed: 0
"""


@pytest.fixture
def params(tmp_path: Path) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text(TEXT)
    return path


def test_the_name_alone_changes(params: Path) -> None:
    assert set_protocol(["block", "flow"], "long", params) == ["block", "flow"]
    expected = TEXT.replace("name: quick, trials: 3", "name: long, trials: 3")
    assert params.read_text() == expected.replace('"quick"', '"long"')
    assert set_protocol(["block", "flow"], "long", params) == []
    assert set_protocol(["flow"], "quick", params) == ["flow"]


@pytest.mark.parametrize(
    ("names", "protocol", "message"),
    [
        (["flow"], "quik", r"params\.yaml: protocols: no protocol named 'quik'; .*'quick'"),
        (["flw"], "long", r"params\.yaml: experiments: no experiment named 'flw'; .*'flow'"),
    ],
)
def test_what_is_not_there_is_refused(
    names: list[str], protocol: str, message: str, params: Path
) -> None:
    with pytest.raises(InputError, match=message):
        set_protocol(names, protocol, params)
    assert params.read_text() == TEXT
