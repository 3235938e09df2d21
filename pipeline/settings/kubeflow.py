"""How the pipeline runs on Kubeflow: the section `[kubeflow]` of a settings file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from pipeline.settings.base import Frozen


class Toleration(Frozen):
    """A taint that a pod may be placed in spite of, as Kubernetes has it."""

    key: str | None = Field(None, description="of the taint; every taint without one")
    operator: Literal["Equal", "Exists"] = Field("Equal", description="how value is compared")
    value: str | None = Field(None, description="of the taint")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        None, description="of the taint; every effect without one"
    )
    seconds: int | None = Field(None, description="that a pod may stay, with NoExecute")


class TaskSettings(Frozen):
    """What one component's task has otherwise than the others."""

    image: str | None = Field(None, description="instead of kubeflow.image")
    cpu: float | None = Field(None, gt=0, description="cores it asks for")
    cpu_limit: float | None = Field(
        None, gt=0, description="cores it may take; no limit by default"
    )
    memory_gb: float | None = Field(None, gt=0, description="it asks for")
    memory_limit_gb: float | None = Field(
        None, gt=0, description="from which it is killed; twice memory_gb by default"
    )
    gpus: int = Field(0, ge=0, description="it asks for")
    gpu_type: str = Field("nvidia.com/gpu", description="the resource's name in the cluster")
    retries: int | None = Field(None, ge=0, description="instead of kubeflow.retries")
    timeout_seconds: int | None = Field(
        None, ge=1, description="instead of kubeflow.timeout_seconds"
    )
    node_selector: dict[str, str] | None = Field(
        None, description="instead of kubeflow.node_selector"
    )
    tolerations: tuple[Toleration, ...] | None = Field(
        None, description="instead of kubeflow.tolerations"
    )


class KubeflowSettings(Frozen):
    """How the pipeline runs on Kubeflow Pipelines: `taxiway kubeflow compile`.

    Secrets are named here and never written; the password of [metadata] comes from one. Who submits
    is read from the environment's TAXIWAY_KFP_TOKEN or TAXIWAY_KFP_COOKIE.
    """

    host: str | None = Field(
        None, description="of KFP's API, to submit to: https://kubeflow.example"
    )
    ca_file: Path | None = Field(None, description="certificate of who vouches for it")
    namespace: str | None = Field(None, description="of the runs, where KFP serves several users")
    experiment: str | None = Field(None, description="of the runs; the pipeline's name by default")
    service_account: str | None = Field(None, description="that the pods have; KFP's by default")
    image: str | None = Field(None, description="with Taxiway and this project in it")
    project: Path = Field(
        Path("/taxiway"), description="folder of this project in the image; paths are from there"
    )
    workspace: Path = Field(
        Path("/workspace"), description="folder of all state, as tasks see it; on a shared volume"
    )
    volume_claim: str | None = Field(
        "taxiway", description="PersistentVolumeClaim (ReadWriteMany) to mount there"
    )
    volumes: dict[str, str] = Field({}, description="further claims to mount, by folder")
    metadata_secret: str | None = Field(
        None, description="Secret whose key `password` is that of [metadata]"
    )
    metadata_tls_secret: str | None = Field(
        None,
        description="Secret with ca.crt, and tls.crt and tls.key when the server asks for them",
    )
    env_secrets: dict[str, str] = Field(
        {}, description="further environment variables: the Secret and its key, as secret/key"
    )
    image_pull_secret: str | None = Field(None, description="Secret to pull the image with")
    labels: dict[str, str] = Field({}, description="of every pod")
    retries: int = Field(2, ge=0, description="of a task that fails")
    timeout_seconds: int = Field(3600, ge=1, description="after which a task is stopped")
    node_selector: dict[str, str] = Field({}, description="labels of the nodes to run on")
    tolerations: tuple[Toleration, ...] = Field(
        (), description="taints of nodes to run on all the same"
    )
    components: dict[str, TaskSettings] = Field(
        {}, description="what differs by component: { Trainer = { cpu = 4, gpus = 1 } }"
    )

    @model_validator(mode="after")
    def _on_a_file_system(self) -> KubeflowSettings:
        for name in ("project", "workspace"):
            if not getattr(self, name).is_absolute():
                raise ValueError(
                    f"{name} is an absolute path in the container, on a file system with locks "
                    "and atomic renames; a bucket has neither"
                )
        return self
