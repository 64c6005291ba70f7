"""Jobs of an existing Ray cluster: sent to its head by HTTP, where their driver runs."""

from __future__ import annotations

import asyncio
import logging
import os
import shlex
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import ray
import requests
from ray._private.authentication.http_token_authentication import get_auth_headers_if_auth_enabled
from ray.job_submission import JobStatus, JobSubmissionClient

from seqarena.errors import InputError, RunError, in_one_line

NAME = "seqarena"  # the key of a job's metadata that names its project
PIECE = 1 << 20  # bytes
FETCHING = 24 * 3600  # seconds that a file may take
YOUNG = 60.0  # seconds that a cluster has to take a job
STALLED = 60.0  # seconds without any of it
AWAY = (ConnectionError, RuntimeError)  # what the client raises when nobody answers it


for talker in ("ray", "ray.dashboard.modules.dashboard_sdk", "ray.dashboard.modules.job.sdk"):
    logging.getLogger(talker).setLevel(logging.ERROR)  # they tell of every file that is left out


class Jobs:
    """The jobs of one cluster.

    Raises `InputError` where nothing answers at the address, as ``http://HEAD:8265``.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        os.environ["RAY_API_SERVER_ADDRESS"] = address  # comes before what the client is told
        try:
            self.client = JobSubmissionClient(address)
        except (*AWAY, ValueError) as error:
            reason = in_one_line(error)[:200]
            message = "no jobs of Ray are taken there, or its token is another"
            raise InputError(f"{address}: {message} ({reason})") from error

    def running(self, name: str) -> str | None:
        """Return the job of a project that has not ended yet."""
        for job in self.client.list_jobs():
            if (job.metadata or {}).get(NAME) == name and not job.status.is_terminal():
                return job.submission_id
        return None

    def submit(self, name: str, module: str, arguments: Sequence[str]) -> str:
        """Send the project in this folder, and have a module of its package run in it.

        A cluster that has just started may have nobody yet to take a job, and is asked again.
        Raises `RunError` where it takes none for a minute.
        """
        end = time.monotonic() + YOUNG
        while True:
            try:
                return self.client.submit_job(
                    entrypoint=shlex.join(["python", "-m", module, *arguments]),
                    runtime_env={"working_dir": ".", "py_modules": ["src/seqarena"]},
                    metadata={NAME: name},
                )
            except AWAY as error:
                if time.monotonic() > end:
                    reason = in_one_line(error)[:200]
                    raise RunError(f"{self.address}: takes no job: {reason}") from error
            time.sleep(1)

    def follow(self, job: str) -> bool:
        """Print what a job prints until it has ended; return whether it succeeded."""
        return asyncio.run(self._follow(job)) == JobStatus.SUCCEEDED

    async def _follow(self, job: str) -> JobStatus:
        while True:
            with suppress(*AWAY):
                async for lines in self.client.tail_job_logs(job):
                    print(lines, end="", flush=True)
            with suppress(*AWAY):
                status = self.client.get_job_status(job)
                if status.is_terminal():
                    return status
            await asyncio.sleep(1)

    def fetch(self, job: str, name: str, into: Path) -> None:
        """Write a file that a job left in `logs_folder`.

        Raises `RunError` where it is not there.
        """
        asked = {
            "node_id": self.client.get_job_info(job).driver_node_id,
            "filename": name,
            "lines": -1,  # all
            "timeout": FETCHING,
        }
        # As `ray.util.state.get_log` does, which finds the address only from within the cluster.
        url, headers = f"{self.address}/api/v0/logs/file", get_auth_headers_if_auth_enabled({})
        try:
            with requests.get(url, asked, headers=headers, stream=True, timeout=STALLED) as answer:
                answer.raise_for_status()
                with into.open("wb") as file:
                    file.writelines(answer.iter_content(PIECE))
        except requests.RequestException as error:
            reason = in_one_line(error)[:200]
            raise RunError(f"{job}: its results cannot be fetched: {reason}") from error


def logs_folder() -> Path:
    """Return the folder of Ray's logs on this machine, which the jobs' address hands out."""
    ray.init(address="auto", log_to_driver=False, logging_level=logging.ERROR)
    try:
        node = ray._private.worker._global_node
        assert node is not None
        return Path(node.get_logs_dir_path())
    finally:
        ray.shutdown()
