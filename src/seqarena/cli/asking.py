"""The options by which people say what their own files hold: the fields of `Asked`."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any

import typer

from seqarena.cli.options import option
from seqarena.proposal.asked import Asked


def _column(what: str) -> Any:
    return typer.Option(metavar="COLUMN", help=what)


OPTIONS = {
    "task": Annotated[str | None, typer.Option(help="what is asked, where it is not clear")],
    "inputs": Annotated[
        list[str],
        typer.Option(
            "--input",
            metavar="COLUMN",
            help="the text, the file, the time; of a time several, as of a date and a clock",
        ),
    ],
    "targets": Annotated[
        list[str],
        typer.Option("--target", metavar="COLUMN", help="the answer; of series several"),
    ],
    "split": Annotated[str | None, _column("train, valid or test")],
    "group": Annotated[str | None, _column("whose rows stay on one side: a speaker")],
    "series": Annotated[str | None, _column("which of several series a row is of: a shop")],
    "known": Annotated[list[str], _column("of a series, known ahead: a price; may be given again")],
    "time_format": Annotated[
        str | None,
        typer.Option(metavar="FORMAT", help="how times are written: '%d.%m.%Y %H:%M'"),
    ],
    "timezone": Annotated[
        str | None,
        typer.Option(metavar="PLACE", help="whose clocks times are of: Europe/Madrid"),
    ],
    "encoding": Annotated[str, typer.Option(help="of a table, such as cp1252")],
    "header": Annotated[
        bool,
        typer.Option("--header/--no-header", help="the first row of a table names its columns"),
    ],
    "quotes": Annotated[
        bool,
        typer.Option("--quotes/--no-quotes", help="quotes hold cells together, or are letters"),
    ],
    "names": Annotated[
        str | None,
        typer.Option(metavar="PATTERN", help="what names of files say: '{label}_{group}_*'"),
    ],
    "units": Annotated[
        str | None, typer.Option(help="what texts are read by: words, subwords, characters, tokens")
    ],
}
ASKED = [option(field.name, OPTIONS[field.name], field.default) for field in fields(Asked)]


def asked_of(inputs: list[str], targets: list[str], known: list[str], **options: Any) -> Asked:
    """Return what was said by the options `ASKED`."""
    return Asked(inputs=tuple(inputs), targets=tuple(targets), known=tuple(known), **options)
