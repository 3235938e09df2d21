"""The section `[kubeflow]` of a settings file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from pipeline.settings.base import Frozen


class Toleration(Frozen):
    """A toleration of Kubernetes: the taint of a node that a pod may run on nevertheless."""

    key: str | None = Field(None, description="the taint's key; not set, every key")
    operator: Literal["Equal", "Exists"] = Field(
        "Equal", description="the comparison of the taint's value"
    )
    value: str | None = Field(None, description="the taint's value, with operator Equal")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        None, description="the taint's effect; not set, every effect"
    )
    seconds: int | None = Field(
        None, description="the maximum time a pod may stay on the node, with effect NoExecute"
    )


class TaskSettings(Frozen):
    """The settings of one component's task that differ from those of the other tasks."""

    image: str | None = Field(None, description="the image of the task, instead of kubeflow.image")
    cpu: float | None = Field(None, gt=0, description="the cores that the task requests")
    cpu_limit: float | None = Field(
        None, gt=0, description="the cores that the task may use; not set, no limit"
    )
    memory_gb: float | None = Field(None, gt=0, description="the memory that the task requests")
    memory_limit_gb: float | None = Field(
        None,
        gt=0,
        description="the memory above which Kubernetes kills the task; not set, twice memory_gb",
    )
    gpus: int = Field(0, ge=0, description="the number of GPUs that the task requests")
    gpu_type: str = Field(
        "nvidia.com/gpu", description="the name of the GPU resource in the cluster"
    )
    retries: int | None = Field(
        None, ge=0, description="the retries of the task, instead of kubeflow.retries"
    )
    timeout_seconds: int | None = Field(
        None, ge=1, description="the task's time limit, instead of kubeflow.timeout_seconds"
    )
    node_selector: dict[str, str] | None = Field(
        None, description="the labels of the task's nodes, instead of kubeflow.node_selector"
    )
    tolerations: tuple[Toleration, ...] | None = Field(
        None, description="the task's tolerations, instead of kubeflow.tolerations"
    )


class KubeflowSettings(Frozen):
    """The runs on Kubeflow Pipelines: `taxiway kubeflow compile`.

    Settings name Secrets and never contain them; the password of [metadata] comes from a Secret.
    TAXIWAY_KFP_TOKEN or TAXIWAY_KFP_COOKIE in the environment authenticates the user at KFP.
    """

    host: str | None = Field(
        None, description="the address of KFP's API to submit to: https://kubeflow.example"
    )
    ca_file: Path | None = Field(
        None, description="the certificate of the authority that signed KFP's certificate"
    )
    namespace: str | None = Field(
        None, description="the namespace of the runs, where KFP serves several users"
    )
    experiment: str | None = Field(
        None, description="the experiment of the runs; not set, the pipeline's name"
    )
    service_account: str | None = Field(
        None, description="the service account of the pods; not set, KFP's default"
    )
    image: str | None = Field(
        None, description="the image of the tasks, with Taxiway and this project in it"
    )
    project: Path = Field(
        Path("/taxiway"),
        description="the folder of this project in the image; relative paths start there",
    )
    workspace: Path = Field(
        Path("/workspace"), description="the folder of all state in the tasks, on a shared volume"
    )
    volume_claim: str | None = Field(
        "taxiway",
        description="the PersistentVolumeClaim (ReadWriteMany) that tasks mount as workspace",
    )
    volumes: dict[str, str] = Field({}, description="more claims that tasks mount, by folder")
    metadata_secret: str | None = Field(
        None, description="the Secret whose key `password` is the password of [metadata]"
    )
    metadata_tls_secret: str | None = Field(
        None,
        description="the Secret with ca.crt, and with tls.crt and tls.key if the server requires "
        "a client certificate",
    )
    env_secrets: dict[str, str] = Field(
        {}, description="more environment variables from Secrets: name = secret/key"
    )
    image_pull_secret: str | None = Field(
        None, description="the Secret with the credentials to pull the image"
    )
    labels: dict[str, str] = Field({}, description="more labels of every pod")
    retries: int = Field(2, ge=0, description="the retries of a task that fails")
    timeout_seconds: int = Field(3600, ge=1, description="the time limit of a task")
    node_selector: dict[str, str] = Field(
        {}, description="the labels of the nodes that tasks run on"
    )
    tolerations: tuple[Toleration, ...] = Field((), description="the tolerations of every pod")
    components: dict[str, TaskSettings] = Field(
        {}, description="the settings that differ by component: { Trainer = { cpu = 4, gpus = 1 } }"
    )

    @model_validator(mode="after")
    def _require_absolute_paths(self) -> KubeflowSettings:
        for name in ("project", "workspace"):
            if not getattr(self, name).is_absolute():
                raise ValueError(
                    f"{name} must be an absolute path in the container, on a file system with "
                    "locks and atomic renames, which object storage does not have"
                )
        return self
