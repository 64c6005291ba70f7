"""Processes that draw beside the tests: matplotlib takes longer than the models."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from types import TracebackType
from typing import Any


class PlotPool:
    """Call it with what draws and its arguments; all is drawn when `wait` returns.

    The processes import what they draw with while this one imports torch: enter the block first.
    """

    def __init__(self) -> None:
        cores = os.cpu_count() or 1
        count = min(4, cores)
        self.threads_left = max(1, cores - count)  # for whoever computes meanwhile
        context = get_context("forkserver")
        context.set_forkserver_preload(["seqarena.figures"])  # imported once for all of them
        self._pool = ProcessPoolExecutor(count, context)
        self._drawing: list[Future[None]] = [self._pool.submit(_get_ready) for _ in range(count)]

    def __call__(self, draw: Callable[..., None], *what: Any) -> None:
        self._drawing.append(self._pool.submit(draw, *what))

    def wait(self) -> None:
        """Return when all is drawn; raises what a process raised."""
        while self._drawing:
            self._drawing.pop(0).result()

    def __enter__(self) -> PlotPool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=True)


def _get_ready() -> None:
    import seqarena.figures  # noqa: F401
