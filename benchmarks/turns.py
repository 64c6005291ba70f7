"""Contenders take turns (A B A B …), each in a child process that nothing else has touched.

The machine's speed drifts, so only figures of the same round are compared; and what one contender
sets for its process (threads, malloc) must not reach another.
"""

from __future__ import annotations

import multiprocessing
import signal
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

Prepare = Callable[..., Callable[[], object]]
INSTALL = "pip install --constraint constraints.txt --editable '.[bench]'"
OURS = ("seqarena", "benchmarks")  # of these no import may fail


class Over(BaseException):
    """The run has had all its rounds; unwinds a contender from wherever it waits."""


@dataclass(frozen=True)
class Missing:
    """What a contender says in place of a figure where something that it needs is not installed."""

    reason: str
    install: str  # the command


class Turns:
    """A contender's side: wait for the turn, do one round, report what it took."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def wait(self) -> None:
        """Return when it is this contender's turn; raises `Over` when there is none left."""
        try:
            self.connection.recv()
        except EOFError:
            raise Over from None

    def report(self, figure: Any) -> None:
        """End the turn with its figure: seconds, nearly always."""
        self.connection.send(figure)


def interleave(
    contenders: dict[str, tuple[Any, ...]], rounds: int, threads: int = 1, warm_up: int = 1
) -> dict[str, list[Any]]:
    """Let ``{name: (contender, *arguments)}`` take turns; return the figures of each, by round.

    One that cannot be imported has no figures: a line says so, once, and the others go on.
    """
    spawn = multiprocessing.get_context("spawn")  # a fork would inherit this process's settings
    children, connections = [], {}
    try:
        for name, task in contenders.items():
            connections[name], theirs = spawn.Pipe()
            children.append(spawn.Process(target=_contend, args=(theirs, threads, task)))
            children[-1].start()
            theirs.close()
        figures: dict[str, list[Any]] = {name: [] for name in contenders}
        for number in range(warm_up + rounds):
            for name, connection in list(connections.items()):
                figure = _turn(name, connection)
                if isinstance(figure, Missing):
                    connections.pop(name).close()
                    _leave_out(name, figure)
                elif number >= warm_up:
                    figures[name].append(figure)
        if not connections:
            sys.exit("benchmarks: no contender is left")
        return figures
    finally:
        for connection in connections.values():
            connection.close()
        for child in children:
            child.join()


def _turn(name: str, connection: Connection) -> Any:
    """Give a contender its turn; return its figure, or raise what it raised."""
    try:
        connection.send(None)
        figure = connection.recv()
    except (ConnectionError, EOFError) as error:
        raise RuntimeError(f"{name}: its process ended before its turn did") from error
    if isinstance(figure, RuntimeError):
        raise figure
    return figure


@cache  # a benchmark may ask for the same contender in many cases
def _leave_out(name: str, missing: Missing) -> None:
    print(f"{name}: left out, {missing.reason}; install it by: {missing.install}", flush=True)


def _contend(connection: Connection, threads: int, task: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hangs up
    torch.set_num_threads(threads)
    contender, *arguments = task
    turns = Turns(connection)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, suppress(Over):
        try:
            contender(turns, Path(folder), *arguments)
        except Exception as error:
            turns.report(_failure(error))
            while True:  # until the parent, whose turn this was, hangs up
                turns.wait()


def _failure(error: Exception) -> Missing | RuntimeError:
    """Tell what is not installed from what is wrong."""
    if isinstance(error, ImportError) and (error.name or "").partition(".")[0] not in OURS:
        notes = getattr(error, "__notes__", [])
        return Missing(" ".join(str(error).split()), " ".join(notes) or INSTALL)
    return RuntimeError("".join(traceback.format_exception(error)))


def repeat(
    turns: Turns,
    folder: Path,
    times: int,
    prepare: Callable[..., Callable[[], object]],
    *given: Any,
) -> None:
    """Be a contender whose round is so many calls of the step that ``prepare(*given)`` returns."""
    step = prepare(*given)
    while True:
        turns.wait()
        began = time.perf_counter()
        for _ in range(times):
            step()
        turns.report(time.perf_counter() - began)


def tell(what: str, slow: list[float], fast: list[float], target: float | None = None) -> None:
    """Print how many times faster `fast` is than `slow`: the median of the rounds' own ratios.

    Nothing where one of them was left out.
    """
    if not slow or not fast:
        return
    ratios = [s / f for s, f in zip(slow, fast, strict=True)]
    low, _, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    median = statistics.median(ratios)
    line = f"{what:<60} {median:6.2f} x  (quartiles {low:.2f} to {high:.2f}, {len(ratios)} rounds)"
    if target is not None:
        line += f"  target {target:g}: {'met' if median >= target else 'MISSED'}"
    print(line, flush=True)
