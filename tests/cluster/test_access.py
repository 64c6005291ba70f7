"""The cluster to join is the one that is named; its token is its user's alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqarena.cluster.access import check_token, named_cluster
from seqarena.errors import InputError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_a_cluster_that_starts_here_has_a_token_for_its_user_alone(home: Path) -> None:
    check_token("", "nowhere")
    token = home / ".ray" / "auth_token"
    assert token.stat().st_mode & 0o777 == 0o600
    made = token.read_text()
    assert len(made) == 64
    token.chmod(0o644)  # as Ray makes it
    check_token("", "nowhere")
    assert token.stat().st_mode & 0o777 == 0o600
    assert token.read_text() == made


def test_one_elsewhere_is_not_joined_without_its_token(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = home / ".ray" / "auth_token"
    with pytest.raises(InputError, match=f"{place}: no token of the Ray cluster; copy") as error:
        check_token("head.example:6379", "RAY_ADDRESS=head.example:6379")
    assert "docs/cluster.md" in str(error.value)
    assert not place.exists(), "a token of our own would be another"
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0" * 64)
    check_token("head.example:6379", "RAY_ADDRESS=head.example:6379")


@pytest.mark.parametrize("address", ["head.example:6379", "ray://10.0.0.7:10001", "[fd00::1]:6379"])
def test_one_elsewhere_without_authentication_is_refused(
    address: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with pytest.raises(InputError, match="elsewhere without a token; .*RAY_AUTH_MODE=token"):
        check_token(address, f"RAY_ADDRESS={address}")
    for here in ("", "127.0.0.1:6379", "localhost:6379", "[::1]:6379"):
        check_token(here, here)
    assert not (home / ".ray").exists()


def test_the_environment_names_the_cluster_before_params_yaml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert named_cluster()[0] == ""
    params = tmp_path / "params.yaml"
    params.write_text("experiments: {}\n")
    assert named_cluster()[0] == ""
    params.write_text("experiments: {}\ncluster: {address: 'head:6379', storage: /shared}\n")
    assert named_cluster() == ("head:6379", "params.yaml: cluster.address: head:6379")
    monkeypatch.setenv("RAY_ADDRESS", "other:6379")
    assert named_cluster() == ("other:6379", "RAY_ADDRESS=other:6379")


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ("{storage: shared}", "cluster.storage: shared: expected an absolute path"),
        ("{adress: 'head:6379'}", "cluster.adress: no such key; did you mean 'address'"),
        ("head:6379", "cluster: expected a mapping"),
    ],
)
def test_a_cluster_that_is_not_one_is_told(
    section: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    (tmp_path / "params.yaml").write_text(f"experiments: {{}}\ncluster: {section}\n")
    with pytest.raises(InputError) as error:
        named_cluster()
    assert told in str(error.value)
