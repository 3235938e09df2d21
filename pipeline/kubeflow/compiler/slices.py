"""What one task needs of the compiled pipeline: its own node, small enough for an argument.

Tuning and warm start change the graph. Each variant is compiled, so that a task runs the very node
that the same run on one machine has; where variants do not differ, they share a slice.
"""

from __future__ import annotations

from collections.abc import Mapping

from tfx.proto.orchestration import pipeline_pb2

from pipeline.kubeflow.encoding import encode

PLAIN, TUNE, WARM_START = "plain", "tune", "warm-start"

# The options of the graph in each variant.
VARIANTS: Mapping[str, Mapping[str, bool]] = {
    PLAIN: {"tune": False, "warm_start": False},
    TUNE: {"tune": True, "warm_start": False},
    WARM_START: {"tune": False, "warm_start": True},
}


def slice_node(ir: pipeline_pb2.Pipeline, node_id: str) -> pipeline_pb2.Pipeline:
    """Return a pipeline with one node, its executor and driver, and nothing of the database.

    Args:
      ir: the compiled pipeline.
      node_id: the node's id.
    """
    found = pipeline_pb2.Pipeline()
    found.CopyFrom(ir)
    del found.nodes[:]
    found.nodes.extend(node for node in ir.nodes if node.pipeline_node.node_info.id == node_id)
    # The package says what waits for what; TFX's launcher does not ask.
    del found.nodes[0].pipeline_node.upstream_nodes[:]
    del found.nodes[0].pipeline_node.downstream_nodes[:]
    deployment = pipeline_pb2.IntermediateDeploymentConfig()
    ir.deployment_config.Unpack(deployment)
    for of_nodes in (
        deployment.executor_specs,
        deployment.custom_driver_specs,
        deployment.node_level_platform_configs,
    ):
        for other in [name for name in of_nodes if name != node_id]:
            del of_nodes[other]
    # How the database is reached is the task's environment, never in a file.
    deployment.ClearField("metadata_connection_config")
    found.deployment_config.Pack(deployment, deterministic=True)
    return found


def shared(by_variant: Mapping[str, pipeline_pb2.Pipeline]) -> dict[str, str]:
    """Return encoded slices of one node by the variants that share them.

    Args:
      by_variant: slices of the node; a variant that does not have the node is left out.

    Returns:
      Encoded slices by variants, such as `plain,tune`.
    """
    variants: dict[bytes, list[str]] = {}
    for variant, found in by_variant.items():
        variants.setdefault(found.SerializeToString(deterministic=True), []).append(variant)
    return {",".join(names): encode(content) for content, names in variants.items()}
