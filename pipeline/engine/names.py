"""What engines there are, and which components have work for them; imported by `--help`."""

from __future__ import annotations

from typing import Literal, get_args

Engine = Literal["local", "flink"]
ENGINES: tuple[Engine, ...] = get_args(Engine)

Component = Literal["ExampleGen", "StatisticsGen", "Transform", "Evaluator"]
COMPONENTS: tuple[Component, ...] = get_args(Component)
