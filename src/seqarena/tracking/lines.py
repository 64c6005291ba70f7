"""The lines of a ledger: an event each, with a checksum that shows a damaged one."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Mapping
from typing import Any, get_args

from seqarena.tracking.events import End, Kind

SUM = re.compile(rb', "sum": "([0-9a-f]{8})"}\n$')


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_step(value: Any) -> bool:
    return _is_number(value) and isinstance(value, int)


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict)


def _is_driver(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))


def _are_tags(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


def _are_values(value: Any) -> bool:
    """Tell whether these are numbers, or what `_plain` makes of what is not finite."""
    return isinstance(value, dict) and all(
        _is_number(number) or number in ("nan", "inf", "-inf") for number in value.values()
    )


COMMON: dict[str, Callable[[Any], bool]] = {
    "event": _is_text,
    "run": _is_text,
    "time": _is_number,
}
OPTIONAL = ("key", "result")
# What each event holds beside its run and time, the optional keys apart.
EVENTS: dict[str, dict[str, Callable[[Any], bool]]] = {
    "start": {
        "kind": lambda kind: kind in get_args(Kind),
        "name": _is_text,
        "parent": lambda parent: parent is None or _is_text(parent),
        "params": _is_mapping,
        "tags": _are_tags,
        "driver": _is_driver,
    },
    "resume": {"driver": _is_driver},
    "metrics": {"step": _is_step, "values": _are_values},
    "artifact": {"path": _is_text, "sha256": _is_text, "folder": _is_text},
    "model": {"path": _is_text, "sha256": _is_text},
    "tag": {"tags": _are_tags},
    "end": {
        "status": lambda status: status in get_args(End),
        "message": _is_text,
        "result": lambda result: result is None or _is_mapping(result),
    },
}


def encoded(event: Mapping[str, Any]) -> bytes:
    """Return the line of an event, its checksum last: CRC-32 of the object without it."""
    text = json.dumps(event, ensure_ascii=False, allow_nan=False).encode()
    return b'%b, "sum": "%08x"}\n' % (text[:-1], zlib.crc32(text))


def decoded(line: bytes) -> dict[str, Any]:
    """Return the event of a line; raises `ValueError` when it is not one, or not as written.

    A line without a checksum is of an earlier version.
    """
    signed = SUM.search(line)
    if signed and zlib.crc32(line[: signed.start()] + b"}") != int(signed[1], 16):
        raise ValueError("its checksum is another")
    try:
        data: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError("not a JSON line; expected an event of a run") from error
    known: dict[str, Any] = data if isinstance(data, dict) else {}
    event = known.get("event")
    if not isinstance(event, str) or event not in EVENTS:
        raise ValueError(f"expected an object whose key event is one of {', '.join(EVENTS)}")
    if signed:
        del known["sum"]
    elif other := known.keys() - {*COMMON, *OPTIONAL, *EVENTS[event]}:  # once its checksum, perhaps
        raise ValueError(f"a '{event}' event with {', '.join(map(repr, other))}")
    for key, fits in {**COMMON, **EVENTS[event]}.items():
        if not fits(known.get(key)):
            raise ValueError(f"a '{event}' event with {key}={known.get(key)!r:.80}")
    return known
