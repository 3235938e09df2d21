"""Names of the engines, and of the components that have Beam work.

`--help` imports this module, so it imports nothing that is slow.
"""

from __future__ import annotations

from typing import Literal, get_args

ClusterName = Literal["flink", "spark"]
CLUSTERS: tuple[ClusterName, ...] = get_args(ClusterName)

Engine = Literal["local", "flink", "spark"]
ENGINES: tuple[Engine, ...] = get_args(Engine)

Component = Literal["ExampleGen", "StatisticsGen", "Transform", "Evaluator"]
COMPONENTS: tuple[Component, ...] = get_args(Component)
