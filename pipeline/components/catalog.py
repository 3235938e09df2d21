"""Every node of the pipeline in one table: its code, summary, resources and part of the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.components import names, summaries


@dataclass(frozen=True)
class Node:
    """A node of the pipeline.

    Args:
      name: TFX node id.
      summarize: function that returns what the node decided from its outputs by name.
      modules: modules whose code, with all that they import of ours, is in the node's cache key;
        default none, because TFX's own code is locked.
      own_code: section of the settings whose import paths name further code of the cache key;
        default none.
      schema_file: whether the cache key has the curated schema's content too; default False.
      beam: whether the node has Beam work; default False.
      cpu: cores that a Kubeflow task requests; default 0.25.
      memory_gb: memory that a Kubeflow task requests; default 0.8, because importing TensorFlow
        and TFX takes 0.6. The others are measured peaks on all flights plus 27 to 45 %
        (docs/kubeflow.md).
      report: parts of the run's report that show the node's outputs; default none.
      only_in: variant of the pipeline that has the node; default None, every variant.
    """

    name: str
    summarize: Callable[[Mapping[str, Any]], str]
    modules: tuple[str, ...] = ()
    own_code: str = ""
    schema_file: bool = False
    beam: bool = False
    cpu: float = 0.25
    memory_gb: float = 0.8
    report: tuple[str, ...] = ()
    only_in: names.Variant | None = None


NODES = (
    Node(
        names.EXAMPLE_GEN,
        summaries.examples,
        modules=("pipeline.components.example_gen.component",),
        beam=True,
        cpu=1.0,
        memory_gb=1.0,
    ),
    Node(
        names.IMPORT_SCHEMA_GEN,
        summaries.schema,
        modules=("pipeline.components.schema_gen.curated",),
        schema_file=True,
    ),
    Node(
        names.LAST_ACCEPTED_DATA,
        summaries.last_accepted,
        modules=("pipeline.components.resolvers.last_accepted",),
    ),
    Node(
        names.STATISTICS_GEN,
        summaries.statistics,
        beam=True,
        cpu=1.0,
        memory_gb=1.0,
        report=("data",),
    ),
    Node(names.EXAMPLE_VALIDATOR, summaries.anomalies),
    Node(names.SCHEMA_GEN, summaries.proposed_schema),
    Node(
        names.DATA_GATE,
        summaries.gate,
        modules=("pipeline.components.data_gate.component",),
        cpu=0.5,
        memory_gb=1.0,
        report=("data",),
    ),
    Node(
        names.TRANSFORM,
        summaries.transform,
        own_code="transform",
        beam=True,
        cpu=1.0,
        memory_gb=1.0,
    ),
    Node(
        names.TUNER,
        summaries.nothing,
        own_code="tune",
        cpu=2.0,
        memory_gb=1.25,
        only_in="tune",
    ),
    Node(
        names.WARM_START_MODEL,
        summaries.warm_start,
        modules=("pipeline.components.resolvers.latest_blessed",),
        only_in="warm-start",
    ),
    Node(
        names.TRAINER,
        summaries.trainer,
        own_code="train",
        cpu=2.0,
        memory_gb=1.25,
        report=("model",),
    ),
    Node(
        names.LATEST_BLESSED_MODEL,
        summaries.latest_blessed,
        modules=("pipeline.components.resolvers.latest_blessed",),
    ),
    Node(
        names.EVALUATOR,
        summaries.evaluator,
        # TFMA imports the metrics by name, so no import of ours leads to them.
        modules=("models.evaluation", "models.tasks.binary_metrics"),
        own_code="evaluate",
        beam=True,
        cpu=1.0,
        memory_gb=1.25,
        report=("model",),
    ),
    Node(
        names.INFRA_CHECK,
        summaries.infra_check,
        modules=("pipeline.components.infra_check.component",),
        cpu=1.0,
        # Twice the peak, because a model above infra.max_memory_mb must be refused before
        # Kubernetes kills the pod.
        memory_gb=1.75,
        report=("infra", "model"),
    ),
    Node(
        names.PUSHER,
        summaries.pusher,
        modules=("pipeline.components.pusher.component",),
        cpu=0.5,
        memory_gb=1.25,
    ),
)

_BY_NAME = {node.name: node for node in NODES}


def node(name: str) -> Node:
    """Return the row of a node.

    Args:
      name: TFX node id.

    Raises:
      KeyError: the pipeline has no such node.
    """
    return _BY_NAME[name]
