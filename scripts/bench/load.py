"""Requests as fast as a server answers them."""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from serving.client.transport import Wire
from serving.sizing.measurement.load import Answered, Running
from serving.sizing.measurement.load import Load as Sent

_POLL_SECONDS = 0.1
_PILOT_REQUESTS = 4


@dataclass(frozen=True)
class Load:
    """How a server held up.

    Args:
      per_second: requests that were answered.
      p50_ms: what half of them took at most.
      p99_ms: what 99 of 100 took at most.
    """

    per_second: float
    p50_ms: float
    p99_ms: float


def drive(wire: Wire, clients: int, seconds: float) -> Load:
    """Send a request again and again; each client waits for its answer before it asks again.

    Args:
      wire: the request.
      clients: at the same time.
      seconds: to last, about; a shorter try before finds out how many requests that takes.

    Returns:
      What was measured.

    Raises:
      RuntimeError: a request failed.
      SizingError: h2load is missing, or no server answers.
    """
    fewest = _PILOT_REQUESTS * clients
    pilot = _figures(_sent(wire, fewest, clients, seconds))
    requests = max(fewest, round(pilot.per_second * seconds))
    return _figures(_sent(wire, requests, clients, seconds))


def median(loads: Sequence[Load]) -> Load:
    """Return what is usual: the median of each figure."""
    return Load(
        *(
            statistics.median(getattr(load, name) for load in loads)
            for name in ("per_second", "p50_ms", "p99_ms")
        )
    )


def _sent(wire: Wire, requests: int, clients: int, seconds: float) -> Answered:
    running = Running(Sent(wire, requests, clients), sorted(os.sched_getaffinity(0)), seconds)
    try:
        while not running.wait(_POLL_SECONDS):
            pass
        return running.answered()
    finally:
        running.end()


def _figures(found: Answered) -> Load:
    if found.errors:
        raise RuntimeError(f"{found.errors} of {found.requests} requests failed")
    lasted = float((found.began + found.took).max() - found.began.min())
    p50, p99 = np.percentile(found.took, [50, 99]) * 1e3
    return Load(found.requests / lasted, float(p50), float(p99))
