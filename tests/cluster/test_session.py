"""A cluster is joined where `seqarena.cluster.session` joins it, and nowhere else."""

from __future__ import annotations

import subprocess
import sys

from support import script_environment

# What a thread that outlives the session does.
ASK = """
import seqarena.cluster
import ray
try:
    ray.put(0)
except ray.exceptions.RaySystemError:
    pass
print(ray.is_initialized())
"""


def test_whoever_asks_ray_for_something_does_not_join_a_cluster() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ASK], env=script_environment(), capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr
