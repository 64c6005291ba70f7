"""The services of infra/compose.yaml on this machine, and a project that was run against them."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
import yaml

from projects import Project
from servers import free_port, mlflow_server, postgres, s3_server
from support import ROOT

INFRA = ROOT / "infra"
DOCS = ROOT / "docs" / "infra"
COMPOSE = yaml.safe_load((INFRA / "compose.yaml").read_text())
BUCKET = "seqarena"
PASSWORD = "not-a-secret-0"  # of a server that ends with the tests
STORE = {"AWS_ACCESS_KEY_ID": "seqarena", "AWS_SECRET_ACCESS_KEY": PASSWORD}
SECRETS = {  # of the environment that the project is run in; the last is the right one
    "AWS_SESSION_TOKEN": "planted-session-2b7d",
    "DVC_STUDIO_TOKEN": "planted-studio-55e0",
    "MLFLOW_TRACKING_PASSWORD": PASSWORD,
}
PROTOCOL = {"name": "tiny", "seed": 0, "trials": 1, "epochs": 2, "repetitions": 2, "batch_size": 16}


def write_params(root: Path, *names: str) -> None:
    """Write experiments of such names, all over `files/reviews.csv`."""
    entry = {
        "data": "files/reviews.csv",
        "modality": "text",
        "task": "classification",
        "metric": "accuracy",
        "prepare": {"min_count": 1},
        "baselines": ["majority"],
        "variants": ["conv1d"],
        "space": {"width": 8},
        "protocol": PROTOCOL,
    }
    plain = json.dumps({"experiments": dict.fromkeys(names, entry), "protocols": {"tiny": {}}})
    (root / "params.yaml").write_text(yaml.safe_dump(json.loads(plain), sort_keys=False))


def commands(page: str, heading: str) -> list[str]:
    """Return the shell commands of a section of a page in docs/infra, as they stand there."""
    text = (DOCS / page).read_text()
    section = re.split(r"^## ", text.partition(f"## {heading}\n")[2], maxsplit=1, flags=re.M)[0]
    blocks = re.findall(r"^```sh\n(.*?)^```$", section, re.M | re.S)
    assert blocks, f"{page}: no commands below '{heading}'"
    return blocks


@dataclass(frozen=True)
class Services:
    """Where they are, and how MLflow was started."""

    mlflow: str
    s3: str


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """MLflow with basic auth on PostgreSQL, its artifacts by its proxy in S3."""
    folder = tmp_path_factory.mktemp("services")
    with postgres() as database, s3_server(folder / "s3.log") as s3:
        boto3.client("s3", endpoint_url=s3, region_name="us-east-1", **_keys()).create_bucket(
            Bucket=BUCKET
        )
        environment = {
            **database,
            **STORE,
            "MLFLOW_S3_ENDPOINT_URL": s3,
            "MLFLOW_AUTH_CONFIG_PATH": str(INFRA / "mlflow-auth.ini"),
            "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORD,
            "MLFLOW_FLASK_SERVER_SECRET_KEY": PASSWORD,
        }
        port = free_port()
        with mlflow_server(port, folder / "mlflow.log", *_options(port), **environment) as uri:
            yield Services(uri, s3)


def _options(port: int) -> list[str]:
    """Return what infra/compose.yaml tells the server, but for where it listens."""
    _, _, *options = COMPOSE["services"]["mlflow"]["command"]
    return [
        option.replace(":5000", f":{port}")
        for option in options
        if not option.startswith(("--host", "--port"))
    ]


def _keys() -> dict[str, str]:
    return {name.lower(): value for name, value in STORE.items()}


@pytest.fixture(scope="module")
def patched() -> Iterator[pytest.MonkeyPatch]:
    """Change the environment for the tests of a file."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def rays() -> Iterator[Path]:
    """Where Ray keeps what its processes say."""
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # a socket's path: 107 characters
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def project(
    services: Services,
    rays: Path,
    patched: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
) -> Project:
    """A project whose experiment `reviews` came to its verdict."""
    patched.setenv("MLFLOW_TRACKING_URI", services.mlflow)
    patched.setenv("MLFLOW_TRACKING_USERNAME", "admin")
    patched.setenv("RAY_TMPDIR", str(rays))
    for name, secret in SECRETS.items():
        patched.setenv(name, secret)
    root = tmp_path_factory.mktemp("project")
    write_reviews(root / "files")
    write_params(root, "reviews")
    run = Project.begin(root)
    run.first = run("seqarena", "run", "reviews")
    return run


def write_reviews(folder: Path) -> None:
    """Write texts whose label one word tells."""
    folder.mkdir()
    rows = [
        f"a {word} film number {number},{label}\n"
        for number in range(60)
        for label, word in (("yes", ("good", "fine")[number % 2]), ("no", "bad"))
    ]
    (folder / "reviews.csv").write_text("text,label\n" + "".join(rows))
