"""Errors of bad input in one line: the place, what was expected, the nearest right name."""

from __future__ import annotations

import errno
import gc
import signal
import sys
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from difflib import get_close_matches
from typing import Any, NoReturn

LONGEST = 800  # characters of a line that is shown
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)  # to write a file


class InputError(Exception):
    """Something the user gave is wrong; the message is the one line they are shown.

    What it quotes, a cell of a table, may hold line breaks and pages of text: neither is shown.
    """

    def __init__(self, message: str) -> None:
        line = " ".join(message.splitlines())
        super().__init__(line if len(line) <= LONGEST else f"{line[:LONGEST]}…")


class InputWarning(UserWarning):
    """Something the user gave is read otherwise than it stands there; the message is one line."""


class RunError(Exception):
    """A run failed though its input was right; the message is one line."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which of the known names is meant, or list them all when none is close."""
    names = sorted(map(str, known)) or ["none"]
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(names)}"


def in_one_line(error: BaseException) -> str:
    """Return what a library says of bad input without its line breaks, or the error's name."""
    return " ".join(str(error).split()) or type(error).__name__


def few(names: Iterable[str], most: int = 10) -> str:
    """List names, at most so many of them and how many there are more."""
    listed = list(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more


def unknown(where: str, kind: str, name: str, known: Iterable[str]) -> InputError:
    """Build the error for a name that no registry or schema holds."""
    return InputError(f"{where}: no {kind} named '{name}'; {nearest(name, known)}")


def exit_with_one_line(main: Callable[[], None]) -> None:
    """Run `main`; bad input ends with one line and exit code 2, a failed run with 1.

    A disk without room is a failed run. Ctrl-C ends with 130. A termination unwinds like Ctrl-C
    does, so that what was started is ended and recorded. An `InputWarning` is one line too, told
    once.
    """
    terminated = False

    def terminate(*_: object) -> NoReturn:
        nonlocal terminated
        terminated = True
        sys.exit(128 + signal.SIGTERM)

    signal.signal(signal.SIGTERM, terminate)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("once", InputWarning)
            warnings.showwarning = _in_one_line(warnings.showwarning)
            _exit_with_one_line(main)
    except SystemExit:
        if terminated:  # Ray, where it waits, makes a 1 of any code
            sys.exit(128 + signal.SIGTERM)
        raise
    finally:
        gc.freeze()  # an interpreter that ends looks for garbage in all of torch: half a second


def _in_one_line(otherwise: Callable[..., None]) -> Callable[..., None]:
    def show(message: Warning | str, category: type[Warning], *place: Any) -> None:
        if issubclass(category, InputWarning):
            print(f"warning: {message}", file=sys.stderr)
        else:
            otherwise(message, category, *place)

    return show


def _exit_with_one_line(main: Callable[[], None]) -> None:
    try:
        main()
    except InputError as error:
        _exit(f"error: {error}", 2)
    except RunError as error:
        _exit(f"failed: {error}", 1)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        _exit(f"failed: {error.filename or 'a file'}: {error.strerror}", 1)
    except KeyboardInterrupt:
        _exit("interrupted", 130)


def _exit(line: str, code: int) -> NoReturn:
    """Print the line below all that was printed: in a pipe or a file that may still be waiting."""
    with suppress(OSError):  # of a pipe that nobody reads, or a full disk: told when Python ends
        sys.stdout.flush()
    print(line, file=sys.stderr)
    sys.exit(code)
