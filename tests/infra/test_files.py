"""The files of infra/ are valid, agree with the project, hold no secret and open nothing."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from support import ROOT

from .conftest import COMPOSE, DOCS, INFRA
from .kuberay import Manifest, RayCluster, RayJob

BIN = Path(sys.executable).parent
TRACKED = sorted(path for path in INFRA.iterdir() if path.is_file() and path.name != ".env")
PINS = dict(
    line.split("==")
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if not line.startswith("#")
)
KUBERAY = ("kuberay-cluster.yaml", "kuberay-job.yaml")


def check(*command: str | Path) -> str:
    """Run a command and return why it failed, which is nothing where it did not."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    code = done.returncode
    return "" if code == 0 else f"exit code {code}: {done.stdout}{done.stderr}"


def check_schema(file: Path, *schema: str) -> str:
    return check(sys.executable, "-m", "check_jsonschema", *schema, file)


def manifests(name: str) -> list[Any]:
    documents = yaml.safe_load_all((INFRA / name).read_text())
    return [TypeAdapter(Manifest).validate_python(document) for document in documents]


def dockerfile() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile and their arguments."""
    lines = (INFRA / "Dockerfile").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#")).replace("\\\n", " ")
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in text.splitlines())]


def test_the_image_is_as_hadolint_wants_it() -> None:
    assert not check(BIN / "hadolint", INFRA / "Dockerfile")


def test_the_image_is_pinned_has_no_secret_and_runs_as_no_root() -> None:
    steps = dockerfile()
    ((_, base),) = [step for step in steps if step[0] == "FROM"]
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base)
    assert [rest for word, rest in steps if word == "USER"][-1].partition(":")[0] not in (
        "root",
        "0",
    )
    assert any("--constraint constraints.txt" in rest for word, rest in steps if word == "RUN")
    assert ("ARG", 'TORCH_INDEX=""') in steps, "for CPU and for CUDA"
    named = " ".join(rest for word, rest in steps if word in ("ARG", "ENV"))
    assert not re.search("PASSWORD|SECRET|KEY", named)
    for word, rest in steps:
        if word == "COPY":
            *sources, _ = [part for part in rest.split() if not part.startswith("--")]
            assert all((ROOT / source).exists() for source in sources), rest


def test_what_is_ignored_by_git_never_comes_to_the_image() -> None:
    """All is left out but what is named; what is named is tracked, or a folder of what is."""
    lines = (INFRA / "Dockerfile.dockerignore").read_text().splitlines()
    rules = [line for line in lines if not line.startswith("#")]
    assert rules[0] == "**"
    named = [rule[1:] for rule in rules if rule.startswith("!")]
    for name in named:
        assert (ROOT / name).exists(), name
        assert check("git", "check-ignore", "--quiet", name), f"{name} is ignored by git"
    copied = {part for word, rest in dockerfile() if word == "COPY" for part in rest.split()[:-1]}
    copied = {part.split("/")[0] for part in copied if not part.startswith("--") and part != "."}
    assert copied <= set(named)


def test_compose_is_valid() -> None:
    assert not check_schema(INFRA / "compose.yaml", "--builtin-schema", "vendor.compose-spec")


def test_a_mistake_in_compose_is_seen(tmp_path: Path) -> None:
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(yaml.safe_dump({"services": {"head": {"image": "a", "port": ["1:1"]}}}))
    assert "port" in check_schema(wrong, "--builtin-schema", "vendor.compose-spec")


def test_compose_is_published_on_loopback_alone() -> None:
    published = [
        port for service in COMPOSE["services"].values() for port in service.get("ports", [])
    ]
    assert len(published) == 3
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert not any("network_mode" in service for service in COMPOSE["services"].values())


def test_compose_is_what_was_asked_for() -> None:
    services = COMPOSE["services"]
    assert services.keys() == {"postgres", "store", "mlflow", "head", "worker"}
    assert services["worker"]["deploy"]["replicas"] == 2
    assert "--app-name=basic-auth" in services["mlflow"]["command"]
    for name in ("head", "worker"):
        environment = services[name]["environment"]
        assert environment["RAY_AUTH_MODE"] == "token"
        assert environment["RAY_AUTH_TOKEN"].startswith("${RAY_AUTH_TOKEN:?")
    for name in ("postgres", "store"):
        assert re.fullmatch(r"[\w/]+:v?\d+\.\d+[\w.-]*", services[name]["image"]), "pinned"


def test_secrets_are_drawn_once_and_for_their_owner_alone(tmp_path: Path) -> None:
    script = tmp_path / "generate_secrets.py"
    script.write_text((INFRA / "generate_secrets.py").read_text())
    assert not check(sys.executable, script)
    drawn = tmp_path / ".env"
    assert stat.S_IMODE(drawn.stat().st_mode) == 0o600
    before = drawn.read_text()
    values = dict(line.split("=") for line in before.splitlines())
    asked = set(re.findall(r"\$\{(\w+):\?", (INFRA / "compose.yaml").read_text()))
    assert asked == values.keys()
    secret = [value for name, value in values.items() if name != "OWNER"]
    assert all(len(value) >= 32 for value in secret) and len(set(secret)) == len(secret)
    refused = check(sys.executable, script)
    assert "is there already" in refused and "Traceback" not in refused
    assert drawn.read_text() == before
    assert not check("git", "check-ignore", "--quiet", "infra/.env"), "git would take it"


def tells_a_secret(line: str) -> bool:
    """Tell whether a value is written beside a name of the kind that secrets have."""
    name = r"(PASSWORD|SECRET|TOKEN|_KEY)\w*['\"]?"
    found = re.search(rf"{name}\s*[:=]\s*['\"]?(?P<value>[^\s'\"]+)", line)
    elsewhere = ("$", "~/", "/")  # a variable, or the path of a file
    return bool(found and not found["value"].startswith(elsewhere) and found["value"] != "seqarena")


@pytest.mark.parametrize("path", TRACKED, ids=lambda path: path.name)
def test_no_file_holds_a_secret(path: Path) -> None:
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    assert not [line for line in lines if tells_a_secret(line)]


def test_a_secret_in_a_file_is_seen() -> None:
    assert tells_a_secret("      POSTGRES_PASSWORD: hunter2")
    assert tells_a_secret("export RAY_AUTH_TOKEN='0123'")
    assert not tells_a_secret("      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?run a script}")


def test_the_cluster_file_is_valid_for_the_ray_that_is_installed() -> None:
    schema = files("ray.autoscaler").joinpath("ray-schema.json")
    file = INFRA / "ray-cluster.yaml"
    assert not check_schema(file, "--schemafile", str(schema))
    cluster = yaml.safe_load(file.read_text())
    for starts in ("head_start_ray_commands", "worker_start_ray_commands"):
        (start,) = [command for command in cluster[starts] if "ray start" in command]
        assert "RAY_AUTH_MODE=token" in start
    excluded = cluster["rsync_exclude"]
    assert all(pattern.startswith("/") for pattern in excluded), "data/ is also a part of src"


@pytest.mark.parametrize("name", KUBERAY)
def test_kuberay_manifests_are_valid(name: str) -> None:
    assert manifests(name)


def test_the_job_and_the_cluster_are_of_one_piece() -> None:
    (cluster,) = [each for each in manifests(KUBERAY[0]) if isinstance(each, RayCluster)]
    (job,) = [each for each in manifests(KUBERAY[1]) if isinstance(each, RayJob)]
    assert job.spec.cluster_selector == {"ray.io/cluster": cluster.metadata.name}
    assert cluster.spec.ray_version == PINS["ray"]
    groups = [cluster.spec.head_group_spec, *cluster.spec.worker_group_specs]
    images = {container.image for group in groups for container in group.template.spec.containers}
    assert len(images) == 1, "all nodes need the same packages"
    head = groups[0].template.spec
    for pod in (head, *(group.template.spec for group in groups[1:])):
        mounted = [m.name for c in (*pod.init_containers, *pod.containers) for m in c.volume_mounts]
        assert set(mounted) == {volume.name for volume in pod.volumes}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("authOptions",), {"mode": "disabled"}),
        (("rayVersions",), "2.60.0"),
        (("headGroupSpec", "rayStartParams"), {"num-cpus": 0}),
        (("headGroupSpec", "template", "spec", "securityContext", "runAsNonRoot"), False),
    ],
)
def test_a_mistake_in_a_manifest_is_seen(path: tuple[str, ...], value: object) -> None:
    _, cluster = yaml.safe_load_all((INFRA / KUBERAY[0]).read_text())
    section = cluster["spec"]
    for key in path[:-1]:
        section = section[key]
    section[path[-1]] = value
    with pytest.raises(ValidationError):
        TypeAdapter(Manifest).validate_python(cluster)


def test_every_file_has_a_page_and_every_page_its_files() -> None:
    pages = {page.name: page.read_text() for page in DOCS.glob("*.md")}
    for path in TRACKED:
        if path.name not in ("README.md", "Dockerfile.dockerignore"):
            assert any(f"infra/{path.name}" in text for text in pages.values()), path.name
    for name, text in pages.items():
        assert "## What has been tried" in text, name
        for file in re.findall(r"infra/([\w.-]+\w)", text):
            assert (INFRA / file).exists() or file == ".env" or (DOCS / file).exists(), (name, file)
