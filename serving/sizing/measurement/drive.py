"""Drive a server, and say what came of it."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Sequence

import numpy as np

from serving.client.transport import EncodedRequest
from serving.sizing.errors import NotServed
from serving.sizing.measurement import machine
from serving.sizing.measurement.load import Answered, Load, Running
from serving.sizing.measurement.watch import Watch
from serving.sizing.results.result import Figures

# Of a load's time at each end, in which not all clients are at work.
_RAMP = 0.1
_LOOK_SECONDS = 0.05


def drive(
    load: Load,
    cpus: Sequence[int],
    seconds: float,
    watch: Watch | None,
    meanwhile: Callable[[], None] = lambda: None,
) -> Figures:
    """Send a load.

    Args:
      load: what to send.
      cpus: for the generator.
      seconds: that it should take.
      watch: of the server's process, when that is known.
      meanwhile: done again and again; the server's memory is looked at in between.

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
            meanwhile()
        answered = running.answered()
    finally:
        running.end()
    wall = time.monotonic() - began
    generator = _children_cpu_seconds() - generator
    known: dict[str, float | int] = {"generator_cpus": generator / wall}
    if watch:
        used = watch.cpu_seconds() - used
        own = _own_cpu_seconds() - own
        others = machine.busy_seconds() - busy - used - own - generator
        known |= {
            "cpu_ms": 1e3 * used / answered.requests,
            "memory_bytes": max(memory, watch.memory()),
            "others_cpus": max(0.0, others / wall),
        }
    return of_answers(answered, load.ramp).model_copy(update=known)


def answer_bytes(wire: EncodedRequest, cpus: Sequence[int]) -> int:
    """Return the length of the answer to a request.

    Args:
      wire: the request.
      cpus: for the generator.

    Raises:
      NotServed: there was no answer, or an error.
      ToolMissing: there is no load generator.
    """
    running = Running(Load(wire, 1, 1), cpus, 0.0)
    try:
        while not running.wait(_LOOK_SECONDS):
            pass
        found = running.answered().data_bytes
    finally:
        running.end()
    if not found:
        raise NotServed(f"{wire.url} answers with an error.", "taxiway status")
    return found


def of_answers(answered: Answered, ramp: float = 0.0) -> Figures:
    """Return rate and percentiles, ramps at both ends left out.

    Args:
      answered: what came back.
      ramp: seconds in which the clients began; a tenth of the time, if that is longer.
    """
    ended = answered.began + answered.took
    first, last = answered.began.min(), ended.max()
    ramp = max(ramp, _RAMP * (last - first))
    inside = (ended >= first + ramp) & (ended <= last - ramp)
    if not inside.any():
        inside[:] = True
    p50, p95, p99 = np.percentile(answered.took[inside] * 1e3, [50, 95, 99])
    length = max(last - first - 2 * ramp, 1e-6)
    return Figures(
        requests=answered.requests,
        errors=answered.errors,
        per_second=float(inside.sum() / length),
        p50_ms=float(p50),
        p95_ms=float(p95),
        p99_ms=float(p99),
    )


def _own_cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system


def _children_cpu_seconds() -> float:
    """Return the CPU time of the generators that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
