"""Keeps MLflow up with a ledger without ever holding up, or ending, the work that writes it."""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from concurrent.futures import Future, wait
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlsplit

from seqarena.errors import InputError, in_one_line
from seqarena.tracking.ledger import Ledger

if TYPE_CHECKING:
    from seqarena.tracking.mlflow.writer import Writer

Kept = Literal["champion", "finals"]  # whose models stay when MLflow is cleaned
SERVE = Path(__file__).with_name("serve.py")
SETTINGS = {  # the user's own come first
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # a server that is down: 3 s, not 4 minutes
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",  # and one that is silent: half a minute
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # two lines for every run that ends
}
LOOK = 0.1  # seconds of waiting until it is looked whether the server has answered
PATIENCE = 5.0  # seconds for the first answer of a server


class Projection:
    """Writes one ledger to MLflow from a thread of its own.

    The thread spares the search two seconds of importing mlflow, the making of the database and
    the wait for a server that is down. A failure costs one warning line; what was not written
    then is written later, since the ledger holds it all.
    """

    def __init__(
        self, ledger: Ledger, tracking_uri: str | None = None, serve: Path = SERVE
    ) -> None:
        self._ledger = ledger
        self._uri = settled(tracking_uri)
        self._serve = serve
        self._root = Path.cwd()
        self._writer: Writer | None = None
        self._warned = False
        self._asked = math.inf  # when a server was asked that has not answered yet
        self._last = self._begin()
        self._requested = time.monotonic()

    def update(self) -> int:
        """Write every event the ledger holds by now; return how many were new to MLflow.

        A server that does not answer is waited for no longer than `PATIENCE`; one that ceases to
        in the middle, up to the time-out of its request.
        """
        if self._settles():
            self._last = self._begin()
        if self._settles():
            return self._last.result()
        self._warn(TimeoutError(f"no answer in {PATIENCE:g} s"))
        return 0

    def _settles(self) -> bool:
        """Wait for what was begun; return whether it came to its end."""
        while not self._last.done() and time.monotonic() - self._asked < PATIENCE:
            wait([self._last], LOOK)
        return self._last.done()

    def maybe_update(self, every: float = 2.0) -> None:
        """Ask for an update at most every so many seconds; never waits for it."""
        if time.monotonic() - self._requested < every or not self._last.done():
            return
        self._last.result()  # an error that is no outage is ours to show
        self._requested = time.monotonic()
        self._last = self._begin()

    def _begin(self) -> Future[int]:
        """Write in a thread, which no end of this process waits for."""
        future = Future[int]()

        def write() -> None:
            try:
                future.set_result(self._catch_up())
            except BaseException as error:
                future.set_exception(error)

        threading.Thread(target=write, name="mlflow", daemon=True).start()
        return future

    def _catch_up(self) -> int:
        from seqarena.tracking.mlflow.writer import OUTAGES, Writer

        try:
            if self._writer is None:
                self._asked = time.monotonic() if self._uri.startswith("http") else math.inf
                self._writer = Writer(self._ledger, self._uri, self._serve, self._root)
                self._asked = math.inf
            written = self._writer.catch_up()
        except OUTAGES as error:
            self._writer = None  # found again what is there once it is back
            self._asked = math.inf
            self._warn(error)
            return 0
        self._warned = False
        return written

    def _warn(self, error: Exception) -> None:
        if not self._warned:
            later = f"nothing is lost, `seqarena sync` writes it from {self._ledger.path}"
            print(f"warning: {outage(self._uri, error)}; {later}", file=sys.stderr)
        self._warned = True


def sync(
    results: Path, experiments: list[str], tracking_uri: str | None = None, serve: Path = SERVE
) -> dict[str, int]:
    """Close orphans and write all ledgers to MLflow; return the new events of each experiment.

    An experiment that was never run counts 0. Raises `InputError` when MLflow cannot be written.
    """
    uri = settled(tracking_uri)
    from seqarena.tracking.mlflow.writer import OUTAGES, Writer

    written = dict.fromkeys(experiments, 0)
    for experiment in experiments:
        ledger = Ledger(results / experiment / "ledger.jsonl", experiment)
        if not ledger.path.is_file():
            continue
        ledger.close_orphans()
        try:
            written[experiment] = Writer(ledger, uri, serve, Path.cwd()).catch_up()
        except OUTAGES as error:
            raise InputError(outage(uri, error)) from error
    return written


def default_uri() -> str:
    """Return ``MLFLOW_TRACKING_URI``, or the database at the project's root."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{Path.cwd() / 'mlflow.db'}"


def settled(uri: str | None) -> str:
    """Put the settings in place, before mlflow is imported, and return where to write."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    return uri or default_uri()


def outage(uri: str, error: Exception) -> str:
    """Say in one line why MLflow cannot be reached, without a password."""
    cause: BaseException = error
    while cause.__context__ is not None:  # the first of the chain says it shortest
        cause = cause.__context__
    reason = without_secret(in_one_line(cause), uri)[:200]
    return f"MLflow at {without_secret(uri, uri)} cannot be written: {reason}"


def without_secret(text: str, uri: str) -> str:
    """Hide what a URI says before its host, a user and password or a token, wherever it stands."""
    before, at, _ = urlsplit(uri).netloc.rpartition("@")
    if not at:
        return text
    parts = {before, unquote(before), *before.split(":", 1)[1:], *unquote(before).split(":", 1)[1:]}
    for secret in sorted(filter(None, parts), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text
