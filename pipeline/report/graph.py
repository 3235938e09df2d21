"""The graph of components, drawn from top to bottom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.runs.progress import Step

# Three beside each other can be read on a phone.
_WIDTH, _HEIGHT, _GAP_X, _GAP_Y = 138, 44, 10, 26


@dataclass(frozen=True)
class Box:
    """A component in the graph: its step, and its place in pixels."""

    step: Step
    x: float
    y: float


@dataclass(frozen=True)
class Graph:
    """Boxes, and the edges between them as paths of SVG."""

    boxes: tuple[Box, ...]
    edges: tuple[str, ...]
    width: float
    height: float
    box_width: float = _WIDTH
    box_height: float = _HEIGHT


def lay_out(steps: Sequence[Step], needs: Mapping[str, Sequence[str]]) -> Graph:
    """Place components below all that they need.

    Args:
      steps: that the run came to.
      needs: components upstream, by component.

    Returns:
      The graph; a component that the run did not come to is left out.
    """
    known = {step.name: step for step in steps if step.name in needs}
    level: dict[str, int] = {}
    for name in known:  # in the order they ran, so what a component needs comes before it
        level[name] = 1 + max((level[each] for each in needs[name] if each in level), default=-1)
    for name in reversed(list(known)):  # right above what needs it
        below = [level[each] for each in known if name in needs[each]]
        level[name] = max(level[name], min(below, default=level[name] + 1) - 1)
    rows: dict[int, list[str]] = {}
    for name, at in sorted(level.items(), key=lambda item: item[1]):
        rows.setdefault(at, []).append(name)
    widest = max(map(len, rows.values()), default=0)
    width = widest * _WIDTH + (widest - 1) * _GAP_X
    boxes = {}
    for at, names in rows.items():
        left = (width - len(names) * _WIDTH - (len(names) - 1) * _GAP_X) / 2
        for place, name in enumerate(names):
            x, y = left + place * (_WIDTH + _GAP_X), at * (_HEIGHT + _GAP_Y)
            boxes[name] = Box(known[name], x, y)
    edges = tuple(
        _edge(boxes[upstream], boxes[name])
        for name in boxes
        for upstream in needs[name]
        # Past other rows an edge would run through boxes; the next component stands for it.
        if upstream in boxes and level[name] - level[upstream] == 1
    )
    height = len(rows) * (_HEIGHT + _GAP_Y) - _GAP_Y if rows else 0
    return Graph(tuple(boxes.values()), edges, width, height)


def _edge(upper: Box, lower: Box) -> str:
    x1, y1 = upper.x + _WIDTH / 2, upper.y + _HEIGHT
    x2, y2 = lower.x + _WIDTH / 2, lower.y
    middle = (y1 + y2) / 2
    return f"M{x1:g} {y1:g}C{x1:g} {middle:g} {x2:g} {middle:g} {x2:g} {y2:g}"
