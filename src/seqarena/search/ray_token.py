"""The token by which the processes of a Ray cluster know each other: who has it can run code."""

from __future__ import annotations

import ipaddress
import os
import secrets
import stat
from pathlib import Path

from seqarena.errors import InputError


def check_token(address: str | None) -> None:
    """See that this process has a token which only its user can read.

    Ray makes one for a cluster that it starts here, but readable by everyone; so it is made before
    Ray asks. Raises `InputError` where a cluster at `address` is to be joined without one.
    """
    if address and os.environ.get("RAY_AUTH_MODE") != "token" and not _is_here(address):
        fix = "start it and this with RAY_AUTH_MODE=token, see docs/cluster.md"
        raise InputError(f"RAY_ADDRESS={address}: a cluster elsewhere without a token; {fix}")
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
