"""Texts that show whether a person has changed them since: a digest of each stands in it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

IN_MARKDOWN = re.compile(r"\n\n<!-- seqarena ([0-9a-f]{16}) -->\Z")
IN_JSON = re.compile(r', "seqarena": "([0-9a-f]{16})"}\Z')


def signed_markdown(text: str) -> str:
    """Return a text with its digest behind it, where nobody sees it."""
    return f"{text}\n\n<!-- seqarena {_digest(text)} -->"


def signed_json(value: Mapping[str, Any]) -> str:
    """Return an object as JSON with the digest of all else as its last key."""
    text = json.dumps(value)[:-1]
    return f'{text}, "seqarena": "{_digest(text)}"}}'


def may_write(there: str | None) -> bool:
    """Tell whether nothing is there, or what is there is as it was signed."""
    if there is None:
        return True
    found = IN_MARKDOWN.search(there) or IN_JSON.search(there)
    return found is not None and found[1] == _digest(there[: found.start()])


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]
