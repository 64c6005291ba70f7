"""The options of `seqarena.decode.Decoding` on the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, get_args, get_type_hints

import typer

from seqarena.cli.options import Command, option, takes
from seqarena.errors import InputError, unknown

if TYPE_CHECKING:
    from seqarena.decode import Decoding


class DecodingOption(NamedTuple):
    """A field of `Decoding`; one that is not given stays as the record has it."""

    annotation: Any
    methods: tuple[str, ...]  # that make use of it


# Written out, not read from the record: that imports torch, which `--help` need not wait for.
METHOD = Annotated[str | None, typer.Option("--decoding", help="greedy, sample or beam")]
OPTIONS = {
    "beam": DecodingOption(
        Annotated[int | None, typer.Option(min=1, help="hypotheses side by side")], ("beam",)
    ),
    "best": DecodingOption(
        Annotated[int | None, typer.Option(min=1, help="show so many hypotheses")],
        ("beam", "sample"),
    ),
    "length_penalty": DecodingOption(Annotated[float | None, typer.Option(min=0.0)], ("beam",)),
    "temperature": DecodingOption(Annotated[float | None, typer.Option(min=1e-4)], ("sample",)),
    "top_k": DecodingOption(Annotated[int | None, typer.Option(min=1)], ("sample",)),
    "top_p": DecodingOption(Annotated[float | None, typer.Option(min=0.0, max=1.0)], ("sample",)),
    "seed": DecodingOption(Annotated[int | None, typer.Option(min=0)], ("sample",)),
}


def takes_decoding(default: str | None = None) -> Callable[[Command], Command]:
    """Give a command the options of decoding, in place of its ``**options``, for `decoding_of`."""
    of_ways = (option(name, each.annotation) for name, each in OPTIONS.items())
    return takes([option("method", METHOD, default), *of_ways])


def decoding_of(method: str | None, **options: Any) -> Decoding | None:
    """Make the way of decoding from the options that were given.

    Raises `InputError` for an option that the way makes no use of.
    """
    from seqarena.decode import Decoding

    given = {name: value for name, value in options.items() if value is not None}
    methods = get_args(get_type_hints(Decoding)["method"])
    if method is not None and method not in methods:
        raise unknown("--decoding", "way", method, methods)
    for name in given:
        used_by = OPTIONS[name].methods
        if method not in used_by:
            option = f"--{name.replace('_', '-')}"
            raise InputError(f"{option}: goes with --decoding {' or '.join(used_by)}")
    if method is None:
        return None
    if given.get("top_p") == 0:
        raise InputError("--top-p: a share of the probability above 0; found 0")
    best = given.get("best", Decoding.best)
    if best > given.setdefault("beam", max(Decoding.beam, best)):
        raise InputError(f"--best: {best} of a beam of {given['beam']}; expected --beam {best}")
    return Decoding(method=method, **given)  # type: ignore[arg-type]
