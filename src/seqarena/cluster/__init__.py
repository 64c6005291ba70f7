"""Processes on a Ray cluster, or on this machine's cores; the only package that imports ray."""

import os

# Here, since ray reads some of them once, when it is first imported.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_AUTH_MODE", "token")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
# Else a thread of Ray Data's, to which it gives two seconds to end, may join the cluster anew.
os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")
