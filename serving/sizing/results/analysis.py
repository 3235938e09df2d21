"""What follows from the figures; nothing here measures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from serving.sizing.results.result import Cell, Figures, Memory

# Repeats that lie farther apart than this say nothing about the next one.
MAX_SPREAD = 0.15

# How far a later test may be from what was promised.
AGREEMENT = 0.15

# Cells this close are as fast as each other; the quicker to answer is the better one.
_AS_FAST = 0.05

# For what neither the load nor the swap of this measurement showed.
_MEMORY_MARGIN = 1.2
_MEMORY_STEP = 64 << 20
_CPU_STEP = 0.05

# One may fail while another is moved.
_LEAST_REPLICAS = 2

# To traffic that nobody expected.
_GROWTH = 2

# Percent. Kubernetes' autoscaler takes no notice of a tenth more than its target, so with one near
# 100 it would never act.
MOST_UTILIZATION = 80


def best(cells: Iterable[Cell], target_ms: float) -> Cell | None:
    """Return the cell that answers the most rows within a latency target.

    Args:
      cells: to choose from.
      target_ms: the p99 that the slowest repeat of a cell must meet.

    Returns:
      Of the cells within 5 % of the most rows, the one with the lowest p99; None when no cell
      meets the target without errors.
    """
    fitting = [cell for cell in cells if cell.worst_p99_ms <= target_ms and not cell.errors]
    if not fitting:
        return None
    most = max(cell.rows_per_second for cell in fitting)
    fast = [cell for cell in fitting if cell.rows_per_second >= (1 - _AS_FAST) * most]
    return min(fast, key=lambda cell: cell.worst_p99_ms)


def refusals(cells: Sequence[Cell], target_ms: float) -> list[str]:
    """Return why nothing can be recommended.

    Args:
      cells: that were measured.
      target_ms: as for `best`.

    Returns:
      A sentence for each reason; nothing when there is something to recommend.
    """
    wrong = [cell for cell in cells if cell.errors]
    if wrong:
        return [f"{cell.name}: {cell.errors:,} requests failed" for cell in wrong]
    found = best(cells, target_ms)
    if found is None:
        quickest = min(cells, key=lambda cell: cell.worst_p99_ms)
        return [
            f"no cell keeps p99 within {target_ms:g} ms; the quickest is {quickest.name}, "
            f"with {quickest.worst_p99_ms:.1f} ms"
        ]
    if found.spread > MAX_SPREAD:
        return [
            f"{found.name}: the repeats lie {found.spread:.0%} apart, "
            f"at most {MAX_SPREAD:.0%} can be trusted"
        ]
    return []


def replicas(wanted: float, rate: float) -> int:
    """Return how many replicas answer a wanted rate.

    Args:
      wanted: rows a second altogether.
      rate: rows a second to send to one.
    """
    # What division leaves of 3000 / (0.7 * 1000 * 0.6) must not make one more.
    return max(1, math.ceil(round(wanted / rate, 6)))


def scale(needed: int) -> tuple[int, int]:
    """Return the fewest and the most replicas for an autoscaler.

    Args:
      needed: for the wanted rate.
    """
    least = max(_LEAST_REPLICAS, needed)
    return least, _GROWTH * least


def cpu_request(cpus: float) -> int:
    """Return a CPU request in thousandths of a CPU, rounded up."""
    return round(1000 * _CPU_STEP * math.ceil(round(cpus / _CPU_STEP, 6)))


def memory_limit(memory: Memory) -> int:
    """Return a memory limit in MiB, rounded up.

    Two versions as they were measured, and one more: `models.config` has the version before listed
    too, so that a rollback is instant. On top of it comes a margin.

    Args:
      memory: as measured.
    """
    version = max(0, memory.swap - memory.driven)
    return math.ceil(_MEMORY_MARGIN * (memory.swap + version) / _MEMORY_STEP) * _MEMORY_STEP >> 20


def utilization(steady: Figures, cpus: float) -> int:
    """Return the share of its CPU request that a replica uses at the recommended rate, in percent.

    Args:
      steady: at the recommended rate.
      cpus: that are requested.
    """
    assert steady.cpus is not None
    return max(1, round(100 * steady.cpus / cpus))


def agrees(found: float, promised: float) -> bool:
    """Return whether a later figure is near enough to the promised one."""
    return round(abs(found / promised - 1), 6) <= AGREEMENT
