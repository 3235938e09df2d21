"""What each task asks the cluster for."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.settings.kubeflow import KubeflowSettings, TaskSettings, Toleration

# Cores and GB by node: the peaks of all flights, docs/kubeflow.md, and 27 to 45 % more. To import
# TensorFlow and TFX alone takes 0.6 GB.
_LIGHT = (0.25, 0.8)
_MEASURED = {
    "Start": (0.5, 0.6),
    "ExampleGen": (1.0, 1.0),
    "StatisticsGen": (1.0, 1.0),
    "DataGate": (0.5, 1.0),
    "Transform": (1.0, 1.0),
    "Tuner": (2.0, 1.25),
    "Trainer": (2.0, 1.25),
    "Evaluator": (1.0, 1.25),
    # About twice the peak: a model that takes more than infra.max_memory_mb is to be refused before
    # the pod is killed.
    "InfraCheck": (1.0, 1.75),
    "Pusher": (0.5, 1.25),
}

_LIMIT = 2.0


@dataclass(frozen=True)
class Resources:
    """What a task asks for, all settings considered.

    Args:
      image: of its container.
      cpu: cores it asks for.
      cpu_limit: cores it may take; None for no limit.
      memory_gb: it asks for.
      memory_limit_gb: from which it is killed.
      gpus: it asks for.
      gpu_type: the resource's name in the cluster.
      retries: after it has failed.
      timeout_seconds: after which it is stopped.
      node_selector: labels of the nodes to run on.
      tolerations: taints of nodes to run on all the same.
    """

    image: str
    cpu: float
    cpu_limit: float | None
    memory_gb: float
    memory_limit_gb: float
    gpus: int
    gpu_type: str
    retries: int
    timeout_seconds: int
    node_selector: dict[str, str]
    tolerations: tuple[Toleration, ...]


def image_of(settings: KubeflowSettings) -> str:
    """Return the image of tasks that have none of their own.

    Raises:
      UsageError: there is none.
    """
    if settings.image is None:
        raise UsageError(
            "kubeflow.image: no image is set; tasks need one with Taxiway and this project in it.",
            'add image = "registry/name:tag" under [kubeflow] in the settings file',
        )
    return settings.image


def of_task(node: str, settings: KubeflowSettings) -> Resources:
    """Return what a node's task asks for.

    Args:
      node: the node's id.
      settings: of Kubeflow.

    Raises:
      UsageError: there is no image.
    """
    own = settings.components.get(node, TaskSettings())
    cpu, memory = _MEASURED.get(node, _LIGHT)
    memory_gb = own.memory_gb or memory
    return Resources(
        image=own.image or image_of(settings),
        cpu=own.cpu or cpu,
        cpu_limit=own.cpu_limit,
        memory_gb=memory_gb,
        memory_limit_gb=own.memory_limit_gb or memory_gb * _LIMIT,
        gpus=own.gpus,
        gpu_type=own.gpu_type,
        retries=settings.retries if own.retries is None else own.retries,
        timeout_seconds=own.timeout_seconds or settings.timeout_seconds,
        node_selector=(settings.node_selector if own.node_selector is None else own.node_selector),
        tolerations=settings.tolerations if own.tolerations is None else own.tolerations,
    )
