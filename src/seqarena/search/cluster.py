"""The machine or the cluster that trials share, and what is imported while it starts."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import ray

from seqarena.errors import InputError, in_one_line
from seqarena.search.ray_token import check_token

OBJECT_STORE = 128 << 20  # bytes: weights and records pass through it, data never does


def import_meanwhile(module: str) -> None:
    """Import a module in a thread while Ray starts: Ray's start is mostly waiting.

    Not the other way round, since the processes that Ray starts end with the thread they are of.
    """
    threading.Thread(target=import_module, args=[module]).start()


@contextmanager
def shared_cluster() -> Iterator[str]:
    """Yield the address of a cluster that stages of several processes join, as `cluster` does."""
    with cluster():
        yield os.environ.get("RAY_ADDRESS") or str(ray.get_runtime_context().gcs_address)


@contextmanager
def cluster() -> Iterator[None]:
    """Join the cluster at ``RAY_ADDRESS``, or start one here and end it afterwards."""
    terminate = signal.getsignal(signal.SIGTERM)
    _start_or_join()
    # Ray aborts a driver at SIGTERM; here it unwinds, so that what was started is ended.
    signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        ray.shutdown()


def _start_or_join() -> None:
    address = os.environ.get("RAY_ADDRESS")
    check_token(address)
    if address:
        try:
            ray.init(log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, RuntimeError) as error:
            reason = in_one_line(error)[:200]
            message = "no Ray cluster answers there, or its token is another"
            raise InputError(f"RAY_ADDRESS={address}: {message} ({reason})") from error
    else:
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
