"""Options that several commands take: each is written once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import Parameter, signature
from typing import Any, TypeVar

Command = TypeVar("Command", bound=Callable[..., None])


def option(name: str, annotation: Any, default: Any = None) -> Parameter:
    """Describe an option as typer reads it from a parameter of a command."""
    kind = Parameter.POSITIONAL_OR_KEYWORD
    return Parameter(name, kind, default=default, annotation=annotation)


def takes(options: Sequence[Parameter]) -> Callable[[Command], Command]:
    """Give a command these options, in place of its ``**options``."""

    def add(command: Command) -> Command:
        shown = signature(command, eval_str=True)
        own = [p for p in shown.parameters.values() if p.kind is not Parameter.VAR_KEYWORD]
        vars(command)["__signature__"] = shown.replace(parameters=[*own, *options])
        return command

    return add
