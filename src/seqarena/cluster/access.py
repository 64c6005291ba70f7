"""Which Ray cluster to join, and the token by which its processes know each other.

Who has the token can run code on every machine of the cluster.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
import stat
from pathlib import Path

from seqarena.config import PARAMS, read_cluster
from seqarena.errors import InputError

# Set for the stages of a run that joins no cluster but the one it started on this machine.
OWN = "SEQARENA_OWN_RAY"


def has_machines() -> bool:
    """Tell whether the project names a cluster, which may have more machines than this."""
    return OWN not in os.environ and bool(named_cluster()[0])


def named_cluster() -> tuple[str, str]:
    """Return the address of the cluster to join, "" where there is none, and what names it."""
    if address := os.environ.get("RAY_ADDRESS"):
        return address, f"RAY_ADDRESS={address}"
    address = read_cluster().address or ""
    return address, f"{PARAMS}: cluster.address: {address}"


def check_token(address: str, where: str) -> None:
    """See that this process has a token which only its user can read.

    Ray makes one for a cluster that it starts here, but readable by everyone; so it is made before
    Ray asks. Raises `InputError` where a cluster at an `address`, which stands
    at `where`, is to be joined without one.
    """
    if address and os.environ.get("RAY_AUTH_MODE") != "token" and not _is_here(address):
        fix = "start it and this with RAY_AUTH_MODE=token, see docs/cluster.md"
        raise InputError(f"{where}: a cluster elsewhere without a token; {fix}")
    if os.environ.get("RAY_AUTH_MODE") != "token" or os.environ.get("RAY_AUTH_TOKEN"):
        return
    path = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")
    if not path.is_file():
        if address or "RAY_AUTH_TOKEN_PATH" in os.environ:
            fix = "copy the cluster's token there, readable by you alone, see docs/cluster.md"
            raise InputError(f"{path}: no token of the Ray cluster; {fix}")
        _make(path)
    elif path.stat().st_uid == os.getuid() and stat.S_IMODE(path.stat().st_mode) & 0o077:
        path.chmod(0o600)


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:  # another process was faster
        return
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32))


def _is_here(address: str) -> bool:
    host = address.rpartition("://")[2].rpartition(":")[0].strip("[]")
    try:
        return host in ("", "localhost") or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
