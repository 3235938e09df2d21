"""The resources that tasks request from the cluster."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.errors import UsageError
from pipeline.kubeflow import names
from pipeline.settings.kubeflow import KubeflowSettings, TaskSettings, Toleration

# Cores and GB of the tasks beside the catalogue's nodes.
_OTHER_TASKS = {names.START: (0.5, 0.6), names.RECORD: (0.25, 0.8)}

_LIMIT = 2.0


@dataclass(frozen=True)
class Resources:
    """The resources of a task, from its own settings, those of all tasks and the defaults.

    Args:
      image: image of the container.
      cpu: cores that the task requests.
      cpu_limit: cores that the task may use; None for no limit.
      memory_gb: memory that the task requests, in GB.
      memory_limit_gb: memory above which Kubernetes kills the task, in GB.
      gpus: number of GPUs that the task requests.
      gpu_type: name of the GPU resource in the cluster.
      retries: number of retries after a failure.
      timeout_seconds: time limit of the task, in seconds.
      node_selector: labels of the nodes that the task runs on.
      tolerations: taints of nodes that the task may run on nevertheless.
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


def require_image(settings: KubeflowSettings) -> str:
    """Return the image of the tasks without an own image.

    Args:
      settings: settings of Kubeflow.

    Raises:
      UsageError: no image is set.
    """
    if settings.image is None:
        raise UsageError(
            "kubeflow.image: no image is set; tasks require one with Taxiway and this project.",
            'add image = "registry/name:tag" under [kubeflow] in the settings file',
        )
    return settings.image


def task_resources(node: str, settings: KubeflowSettings) -> Resources:
    """Return the resources of a node's task.

    Args:
      node: id of the node.
      settings: settings of Kubeflow.

    Raises:
      UsageError: no image is set.
    """
    own = settings.components.get(node, TaskSettings())
    cpu, memory = _OTHER_TASKS.get(node) or _node_defaults(node)
    memory_gb = own.memory_gb or memory
    return Resources(
        image=own.image or require_image(settings),
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


def _node_defaults(node: str) -> tuple[float, float]:
    # Importing the catalogue imports TensorFlow, and `require_image` must answer before that.
    from pipeline.components import catalog

    row = catalog.node(node)
    return row.cpu, row.memory_gb
