"""The machine or the cluster that trials share, and what is imported while it starts."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import ray

import seqarena
from seqarena.cluster.access import check_token, has_machines, named_cluster
from seqarena.errors import InputError, RunError, in_one_line

OBJECT_STORE = 128 << 20  # bytes: weights and records pass through it, data never does


def import_meanwhile(module: str) -> None:
    """Import a module in a thread while Ray starts: Ray's start is mostly waiting.

    Not the other way round, since the processes that Ray starts end with the thread they are of.
    """
    threading.Thread(target=import_module, args=[module]).start()


@contextmanager
def cluster() -> Iterator[str]:
    """Join the cluster that the project names, or start one here and end it afterwards.

    Yields its address, by which other processes join it: as ``RAY_ADDRESS``, which comes before
    `cluster.address` of params.yaml.
    """
    terminate = signal.getsignal(signal.SIGTERM)
    address, where = named_cluster()
    check_token(address, where)
    if address:
        _join(address, where)
    else:
        try:
            _start()
        except Exception as error:  # Ray raises no narrower one where its processes do not start
            reason = in_one_line(error)[:200]
            raise RunError(f"Ray does not start on this machine: {reason}") from error
    # Ray aborts a driver at SIGTERM; here it unwinds, so that what was started is ended.
    signal.signal(signal.SIGTERM, terminate)
    try:
        yield address or str(ray.get_runtime_context().gcs_address)
    finally:
        ray.shutdown()


def _join(address: str, where: str) -> None:
    try:
        ray.init(
            address=address,
            runtime_env=_code(),
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = in_one_line(error)[:200]
        message = "no Ray cluster answers there, or its token is another"
        raise InputError(f"{where}: {message} ({reason})") from error


def _code() -> dict[str, Any] | None:
    """Return what sends this process's code to machines that may have none, or another.

    Ray takes it for a whole session alone. A job that was submitted has it already.
    """
    if not has_machines() or "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ:
        return None
    own = Path("own").resolve()  # what the user wrote
    code = [Path(seqarena.__file__).parent, *([own] if own.is_dir() else [])]
    return {"py_modules": [str(folder) for folder in code]}


def _start() -> None:
    ray.init(
        address="local",
        num_cpus=len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        include_dashboard=False,
        object_store_memory=OBJECT_STORE,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
