"""What infra/ uses of Kubernetes and of KubeRay's RayCluster and RayJob (v1), strictly typed.

A key that is not here is refused: the API server would refuse it too, or silently drop it. When the
files were written they were also held against the CRDs of KubeRay 1.7.0.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
Quantity = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|[kMGTP]i?)?$")]


class Strict(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, alias_generator=to_camel, populate_by_name=False
    )


class Metadata(Strict):
    name: Name


class SecretKey(Strict):
    name: Name
    key: str


class Source(Strict):
    secret_key_ref: SecretKey


class Variable(Strict):
    """Its value comes from a secret: infra/ gives no other."""

    name: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]
    value_from: Source


class Resources(Strict):
    requests: dict[str, Quantity]
    limits: dict[str, Quantity] = {}


class Mount(Strict):
    name: Name
    mount_path: str


class Capabilities(Strict):
    drop: list[Literal["ALL"]]


class ContainerSecurity(Strict):
    allow_privilege_escalation: Literal[False]
    capabilities: Capabilities


class Container(Strict):
    name: Name
    image: Annotated[str, Field(pattern=r"^[^:@]+:[^:]+$")]
    command: list[str] = []
    env: list[Variable] = []
    resources: Resources | None = None
    security_context: ContainerSecurity
    volume_mounts: list[Mount] = []


class Claim(Strict):
    claim_name: Name


class Volume(Strict):
    name: Name
    persistent_volume_claim: Claim


class PodSecurity(Strict):
    run_as_non_root: Literal[True]
    run_as_user: Annotated[int, Field(gt=0)]
    run_as_group: int
    fs_group: int


class Pod(Strict):
    security_context: PodSecurity
    init_containers: list[Container] = []
    containers: list[Container]
    volumes: list[Volume] = []


class Template(Strict):
    spec: Pod


class Group(Strict):
    ray_start_params: dict[str, str]
    template: Template


class Workers(Group):
    group_name: Name
    replicas: int
    min_replicas: int
    max_replicas: int


class AuthOptions(Strict):
    mode: Literal["token"]
    secret_name: Name | None = None


class RayClusterSpec(Strict):
    ray_version: str
    auth_options: AuthOptions
    head_group_spec: Group
    worker_group_specs: list[Workers]


class RayCluster(Strict):
    api_version: Literal["ray.io/v1"]
    kind: Literal["RayCluster"]
    metadata: Metadata
    spec: RayClusterSpec


class RayJobSpec(Strict):
    cluster_selector: dict[Literal["ray.io/cluster"], Name]
    entrypoint: str


class RayJob(Strict):
    api_version: Literal["ray.io/v1"]
    kind: Literal["RayJob"]
    metadata: Metadata
    spec: RayJobSpec


class ClaimSpec(Strict):
    access_modes: list[Literal["ReadWriteOnce", "ReadWriteMany"]]
    resources: Resources


class PersistentVolumeClaim(Strict):
    api_version: Literal["v1"]
    kind: Literal["PersistentVolumeClaim"]
    metadata: Metadata
    spec: ClaimSpec


Manifest = Annotated[RayCluster | RayJob | PersistentVolumeClaim, Field(discriminator="kind")]
