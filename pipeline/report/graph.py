"""Lay out the graph of components from top to bottom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.runs.progress import Step

# Pixels: a row of three boxes is readable on a phone.
_WIDTH, _HEIGHT, _GAP_X, _GAP_Y = 138, 44, 10, 26


@dataclass(frozen=True)
class Box:
    """A component in the graph.

    Args:
      step: step of the component.
      x: left edge in pixels.
      y: upper edge in pixels.
    """

    step: Step
    x: float
    y: float


@dataclass(frozen=True)
class Graph:
    """The boxes of the components and the edges between them.

    Args:
      boxes: boxes of the components.
      edges: edges as SVG paths.
      width: width of the graph in pixels.
      height: height of the graph in pixels.
      box_width: width of a box in pixels; default 138.
      box_height: height of a box in pixels; default 44.
    """

    boxes: tuple[Box, ...]
    edges: tuple[str, ...]
    width: float
    height: float
    box_width: float = _WIDTH
    box_height: float = _HEIGHT


def lay_out(steps: Sequence[Step], needs: Mapping[str, Sequence[str]]) -> Graph:
    """Lay out components below the components that they need.

    Args:
      steps: steps of the run in the order in which they ended.
      needs: names of the upstream components, by component.

    Returns:
      The graph, without components that did not run.
    """
    components = {step.name: step for step in steps if step.name in needs}
    level: dict[str, int] = {}
    for name in components:  # in the order of the run, so upstream components come first
        upstream = [level[need] for need in needs[name] if need in level]
        level[name] = 1 + max(upstream, default=-1)
    for name in reversed(list(components)):  # move down, right above a component that needs it
        below = [level[other] for other in components if name in needs[other]]
        level[name] = max(level[name], min(below, default=level[name] + 1) - 1)
    rows: dict[int, list[str]] = {}
    for name, row in sorted(level.items(), key=lambda item: item[1]):
        rows.setdefault(row, []).append(name)
    widest = max(map(len, rows.values()), default=0)
    width = widest * _WIDTH + (widest - 1) * _GAP_X
    boxes = {}
    for row, names in rows.items():
        left = (width - len(names) * _WIDTH - (len(names) - 1) * _GAP_X) / 2
        for index, name in enumerate(names):
            x, y = left + index * (_WIDTH + _GAP_X), row * (_HEIGHT + _GAP_Y)
            boxes[name] = Box(components[name], x, y)
    edges = tuple(
        _edge(boxes[need], boxes[name])
        for name in boxes
        for need in needs[name]
        # A longer edge would run through other boxes, so it is left out.
        if need in boxes and level[name] - level[need] == 1
    )
    height = len(rows) * (_HEIGHT + _GAP_Y) - _GAP_Y if rows else 0
    return Graph(tuple(boxes.values()), edges, width, height)


def _edge(upper: Box, lower: Box) -> str:
    x1, y1 = upper.x + _WIDTH / 2, upper.y + _HEIGHT
    x2, y2 = lower.x + _WIDTH / 2, lower.y
    middle = (y1 + y2) / 2
    return f"M{x1:g} {y1:g}C{x1:g} {middle:g} {x2:g} {middle:g} {x2:g} {y2:g}"
