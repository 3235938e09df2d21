"""Send load to a server and compute the figures."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Sequence

import numpy as np

from serving.client.transport import EncodedRequest
from serving.sizing.errors import NotServed
from serving.sizing.measurement import machine
from serving.sizing.measurement.load import Load, LoadResult, Running
from serving.sizing.measurement.watch import Watch
from serving.sizing.results.result import Figures

# Share of a load's time at both ends, in which not all clients are active.
_RAMP = 0.1
_LOOK_SECONDS = 0.05


def drive(
    load: Load,
    cpus: Sequence[int],
    seconds: float,
    watch: Watch | None,
    during: Callable[[], None] = lambda: None,
) -> Figures:
    """Send a load.

    Args:
      load: requests to send.
      cpus: CPUs of the load generator.
      seconds: expected duration.
      watch: CPU and memory of the server's process; None when the process is unknown.
      during: function that is called repeatedly during the load; default: none.

    Returns:
      The figures.

    Raises:
      NotServed: no server answered, or it ended.
      ToolMissing: there is no load generator.
    """
    began, busy = time.monotonic(), machine.busy_seconds()
    own, generator = _own_cpu_seconds(), _children_cpu_seconds()
    used = watch.cpu_seconds() if watch else 0.0
    memory = 0
    running = Running(load, cpus, seconds)
    try:
        while not running.wait(_LOOK_SECONDS):
            if watch:
                memory = max(memory, watch.memory())
            during()
        result = running.answered()
    finally:
        running.end()
    wall = time.monotonic() - began
    generator = _children_cpu_seconds() - generator
    more: dict[str, float | int] = {"generator_cpus": generator / wall}
    if watch:
        used = watch.cpu_seconds() - used
        own = _own_cpu_seconds() - own
        others = machine.busy_seconds() - busy - used - own - generator
        more |= {
            "cpu_ms": 1e3 * used / result.requests,
            "memory_bytes": max(memory, watch.memory()),
            "others_cpus": max(0.0, others / wall),
        }
    return figures_from(result, load.ramp).model_copy(update=more)


def answer_bytes(encoded: EncodedRequest, cpus: Sequence[int]) -> int:
    """Return the length of the answer to a request.

    Args:
      encoded: request to send.
      cpus: CPUs of the load generator.

    Raises:
      NotServed: there was no answer, or an error.
      ToolMissing: there is no load generator.
    """
    running = Running(Load(encoded, 1, 1), cpus, 0.0)
    try:
        while not running.wait(_LOOK_SECONDS):
            pass
        length = running.answered().data_bytes
    finally:
        running.end()
    if not length:
        raise NotServed(f"{encoded.url} answers with an error.", "taxiway status")
    return length


def figures_from(result: LoadResult, ramp: float = 0.0) -> Figures:
    """Compute rate and percentiles, without the ramps at both ends.

    Args:
      result: outcome of a load.
      ramp: seconds in which the clients started; at least a tenth of the duration.
    """
    ended = result.began + result.took
    first, last = result.began.min(), ended.max()
    ramp = max(ramp, _RAMP * (last - first))
    inside = (ended >= first + ramp) & (ended <= last - ramp)
    if not inside.any():
        inside[:] = True
    p50, p95, p99 = np.percentile(result.took[inside] * 1e3, [50, 95, 99])
    length = max(last - first - 2 * ramp, 1e-6)
    return Figures(
        requests=result.requests,
        errors=result.errors,
        per_second=float(inside.sum() / length),
        p50_ms=float(p50),
        p95_ms=float(p95),
        p99_ms=float(p99),
    )


def _own_cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system


def _children_cpu_seconds() -> float:
    """Return the CPU time of the load generators that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
