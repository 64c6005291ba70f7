"""Processes that cannot start, or are lost with what they made."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import ray
from ray.exceptions import ObjectLostError

from search.toy import make_project, start
from seqarena.cluster.pool import Pool, ProcessLostError
from seqarena.cluster.slot import slot_of
from seqarena.config import Resources
from servers import ray_head


@pytest.mark.whole
@pytest.mark.timeout(180)
def test_a_cluster_without_a_token_is_told_with_its_fix(
    prepared: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lets anybody in; but its processes cannot talk to one that asks for a token."""
    root = make_project(tmp_path / "project", prepared["audio"], trials=1)
    token = tmp_path / "token"
    token.write_text("0" * 64)
    token.chmod(0o600)
    secret = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with ray_head(tmp_path) as (address, _):
        process = start(root, "search", RAY_ADDRESS=address, **secret)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    last = errors.splitlines()[-1]
    assert last.startswith("failed: no process can start: ")
    asked = "were all its machines started with RAY_AUTH_MODE=token and the same token?"
    assert last.endswith(f"; {asked} See docs/cluster.md")
    assert "Traceback" not in errors


def test_a_result_that_is_lost_after_its_call_is_a_lost_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As one too large for a message is, of a machine that is gone before it was fetched."""
    call = object()
    seat: Any = SimpleNamespace(call=call, started=True, end=lambda: None)
    shipment: Any = None
    pool = Pool(lambda: seat, slot_of(Resources(), 1, 0), shipment)
    pool.seats = [seat]

    def lost(_: object) -> None:
        raise ObjectLostError("0" * 56, None, "")

    monkeypatch.setattr(ray, "wait", lambda calls, **_: (calls, []))
    monkeypatch.setattr(ray, "get", lost)
    ((_, fetch),) = pool.wait(1)
    with pytest.raises(ProcessLostError):
        fetch()
    assert not pool.seats, "another process takes its place"
