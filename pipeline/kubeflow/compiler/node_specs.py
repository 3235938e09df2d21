"""Cut a compiled pipeline into specs of one node, small enough for a container's argument.

Tuning and warm start change the graph, so every variant is compiled and a task runs the same node
as a local run with the same options. Variants in which a node is equal share one spec.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from tfx.proto.orchestration import pipeline_pb2

from pipeline.components.names import Variant
from pipeline.kubeflow.encoding import encode

VARIANTS: tuple[Variant, ...] = get_args(Variant)


def node_spec(ir: pipeline_pb2.Pipeline, node_id: str) -> pipeline_pb2.Pipeline:
    """Return the spec of a node: the node, its executor and its driver, without a database.

    Args:
      ir: compiled pipeline.
      node_id: id of the node.
    """
    spec = pipeline_pb2.Pipeline()
    spec.CopyFrom(ir)
    del spec.nodes[:]
    spec.nodes.extend(node for node in ir.nodes if node.pipeline_node.node_info.id == node_id)
    # The package orders the tasks and TFX's launcher ignores these lists, so they are removed.
    del spec.nodes[0].pipeline_node.upstream_nodes[:]
    del spec.nodes[0].pipeline_node.downstream_nodes[:]
    deployment = pipeline_pb2.IntermediateDeploymentConfig()
    ir.deployment_config.Unpack(deployment)
    for configs in (
        deployment.executor_specs,
        deployment.custom_driver_specs,
        deployment.node_level_platform_configs,
    ):
        for other in [name for name in configs if name != node_id]:
            del configs[other]
    # A file must not state how to reach the database; the task's environment does.
    deployment.ClearField("metadata_connection_config")
    spec.deployment_config.Pack(deployment, deterministic=True)
    return spec


def encode_shared(by_variant: Mapping[str, pipeline_pb2.Pipeline]) -> dict[str, str]:
    """Return the encoded specs of one node by the variants that share them.

    Args:
      by_variant: specs of the node by variant; a variant without the node is left out.

    Returns:
      Encoded specs by comma-separated variants, such as `plain,tune`.
    """
    variants: dict[bytes, list[str]] = {}
    for variant, spec in by_variant.items():
        content = spec.SerializeToString(deterministic=True)
        variants.setdefault(content, []).append(variant)
    return {",".join(names): encode(content) for content, names in variants.items()}
