"""Conclusions from the figures of a sizing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from serving.sizing.results.result import Cell, Figures, Memory

# Number of CPUs that other processes may keep busy without slowing the generator or the server.
MAX_OTHERS = 0.25

# Largest spread of a cell's repeats for which the figures are reliable.
MAX_SPREAD = 0.15

# Largest relative deviation of a later test from the promised rate.
AGREEMENT = 0.15

# Cells within this share of the highest rate count as equally fast; the lowest p99 decides.
_AS_FAST = 0.05

# A margin for peaks that this measurement did not show.
_MEMORY_MARGIN = 1.2
_MEMORY_STEP = 64 << 20
_CPU_STEP = 0.05

# One replica may fail while another one is moved.
_LEAST_REPLICAS = 2

# Factor for unexpected traffic.
_GROWTH = 2

# Percent. Kubernetes' autoscaler ignores a deviation of a tenth from its target, so with a target
# near 100 it would never act.
MOST_UTILIZATION = 80


def best(cells: Iterable[Cell], target_ms: float) -> Cell | None:
    """Return the cell that answers the most rows within a latency target.

    Args:
      cells: cells to choose from.
      target_ms: largest accepted p99 of a cell's slowest repeat, in milliseconds.

    Returns:
      The cell with the lowest p99 among those within 5 % of the highest rate; None when no cell
      meets the target without errors.
    """
    fitting = [cell for cell in cells if cell.worst_p99_ms <= target_ms and not cell.errors]
    if not fitting:
        return None
    most = max(cell.rows_per_second for cell in fitting)
    fast = [cell for cell in fitting if cell.rows_per_second >= (1 - _AS_FAST) * most]
    return min(fast, key=lambda cell: cell.worst_p99_ms)


def refusals(cells: Sequence[Cell], target_ms: float) -> list[str]:
    """Return the reasons against a recommendation.

    Args:
      cells: cells that were measured.
      target_ms: largest accepted p99 of a cell's slowest repeat, in milliseconds.

    Returns:
      One sentence per reason; none when a cell can be recommended.
    """
    wrong = [cell for cell in cells if cell.errors]
    if wrong:
        return [f"{cell.name}: {cell.errors:,} requests failed" for cell in wrong]
    choice = best(cells, target_ms)
    if choice is None:
        quickest = min(cells, key=lambda cell: cell.worst_p99_ms)
        return [
            f"no cell keeps p99 within {target_ms:g} ms; the quickest is {quickest.name}, "
            f"with {quickest.worst_p99_ms:.1f} ms"
        ]
    if choice.spread > MAX_SPREAD:
        return [
            f"{choice.name}: the spread of the repeats is {choice.spread:.0%}; "
            f"the maximum is {MAX_SPREAD:.0%}"
        ]
    return []


def replicas(required: float, rate: float) -> int:
    """Return the number of replicas for a required rate.

    Args:
      required: rate of all replicas together, in rows per second.
      rate: rate of one replica, in rows per second.
    """
    # Rounding errors, as in 3000 / (0.7 * 1000 * 0.6), must not add a replica.
    return max(1, math.ceil(round(required / rate, 6)))


def scale(needed: int) -> tuple[int, int]:
    """Return the minimum and maximum number of replicas for an autoscaler.

    Args:
      needed: number of replicas that the required rate needs.
    """
    least = max(_LEAST_REPLICAS, needed)
    return least, _GROWTH * least


def cpu_request(cpus: float) -> int:
    """Return a CPU request in thousandths of a CPU, rounded up.

    Args:
      cpus: number of CPUs that a replica needs.
    """
    return round(1000 * _CPU_STEP * math.ceil(round(cpus / _CPU_STEP, 6)))


def memory_limit(memory: Memory) -> int:
    """Return a memory limit in MiB, rounded up.

    It covers the two versions that were measured and a third one, because `models.config` also
    lists the previous version for an instant rollback. A margin is added.

    Args:
      memory: measured memory.
    """
    version = max(0, memory.swap - memory.driven)
    return math.ceil(_MEMORY_MARGIN * (memory.swap + version) / _MEMORY_STEP) * _MEMORY_STEP >> 20


def utilization(steady: Figures, cpus: float) -> int:
    """Return the share of its CPU request that a replica uses at the recommended rate, in percent.

    Args:
      steady: figures at the recommended rate.
      cpus: number of CPUs that are requested.
    """
    assert steady.cpus is not None
    return max(1, round(100 * steady.cpus / cpus))


def agrees(measured: float, promised: float) -> bool:
    """Return whether a later rate is close enough to the promised one.

    Args:
      measured: rows per second of a later test.
      promised: rows per second that were promised.
    """
    return round(abs(measured / promised - 1), 6) <= AGREEMENT
