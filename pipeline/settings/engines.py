"""What engines there are, and which components have work for them; imported by `--help`."""

from __future__ import annotations

from typing import Literal, get_args

ClusterName = Literal["flink", "spark"]
CLUSTERS: tuple[ClusterName, ...] = get_args(ClusterName)

Engine = Literal["local", "flink", "spark"]
ENGINES: tuple[Engine, ...] = get_args(Engine)

Component = Literal["ExampleGen", "StatisticsGen", "Transform", "Evaluator"]
COMPONENTS: tuple[Component, ...] = get_args(Component)


def job_name(pipeline: str, node: str, run_id: str) -> str:
    """Return the name that a component's job has on a cluster."""
    return f"{pipeline}-{node}-{run_id}"
