"""Writes the secrets of infra/compose.yaml to infra/.env, readable by its owner alone.

    python3 infra/generate_secrets.py

They are drawn once: where the file is there already it stays, since the database and the store know
them by then.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

FILE = Path(__file__).with_name(".env")
NAMES = (
    "AWS_SECRET_ACCESS_KEY",
    "MLFLOW_FLASK_SERVER_SECRET_KEY",
    "MLFLOW_TRACKING_PASSWORD",
    "POSTGRES_PASSWORD",
    "RAY_AUTH_TOKEN",
)


def main() -> None:
    """Write the file, or say that it is there."""
    try:
        descriptor = os.open(FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        sys.exit(f"error: {FILE}: it is there already, and is kept")
    with os.fdopen(descriptor, "w") as file:
        for name in NAMES:
            file.write(f"{name}={secrets.token_hex(32)}\n")
        file.write(f"OWNER={os.getuid()}:{os.getgid()}\n")
    print(f"{FILE}: {len(NAMES)} secrets")


if __name__ == "__main__":
    main()
