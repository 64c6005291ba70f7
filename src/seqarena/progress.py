"""A live progress line on a terminal, a line now and then in a log."""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

EVERY = 20.0  # seconds between lines where there is no terminal
FOLLOWED = "SEQARENA_FOLLOWED"  # names the `seqarena run` that reads lines and writes to MLflow
FOLLOWED_EVERY = 2.0


class Progress:
    """Counts what is done of so much, or of nobody knows how much."""

    def __init__(self, title: str, total: int | None = None) -> None:
        self.title, self.total, self.done = title, total, 0
        self.began = self.reported = time.monotonic()
        self.live = sys.stderr.isatty()
        self.every = FOLLOWED_EVERY if os.environ.get(FOLLOWED) else EVERY
        self.bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}"),
            console=Console(stderr=True),
            disable=not self.live,
        )
        self.task = self.bar.add_task(title, total=total, note="")

    def __enter__(self) -> Progress:
        self.bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.bar.stop()

    def advance(self, note: str = "") -> None:
        """Count one more run done, with what is best so far."""
        self.done += 1
        self.bar.update(self.task, advance=1, note=note)
        now = time.monotonic()
        if not self.live and (now - self.reported > self.every or self.done == self.total):
            self.reported = now
            of = "" if self.total is None else f"/{self.total}"
            print(
                f"{self.title}: {self.done}{of} after {now - self.began:.0f} s {note}",
                file=sys.stderr,
                flush=True,
            )
