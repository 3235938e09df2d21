"""Send requests as fast as a server answers them."""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from serving.client.transport import EncodedRequest
from serving.sizing.measurement.load import Load as Sent
from serving.sizing.measurement.load import LoadResult, Running

_POLL_SECONDS = 0.1
_PILOT_REQUESTS = 4


@dataclass(frozen=True)
class Load:
    """The throughput and latency of a server.

    Args:
      per_second: answered requests per second.
      p50_ms: milliseconds that 50 % of the requests took at most.
      p99_ms: milliseconds that 99 % of the requests took at most.
    """

    per_second: float
    p50_ms: float
    p99_ms: float


def drive(wire: EncodedRequest, clients: int, seconds: float) -> Load:
    """Send a request repeatedly; every client waits for the answer before its next request.

    Args:
      wire: encoded request.
      clients: number of clients at the same time.
      seconds: approximate duration in seconds; a shorter pilot run measures how many requests
        that takes.

    Returns:
      The throughput and latency.

    Raises:
      RuntimeError: a request failed.
      SizingError: h2load is missing, or no server answers.
    """
    fewest = _PILOT_REQUESTS * clients
    pilot = _figures(_sent(wire, fewest, clients, seconds))
    requests = max(fewest, round(pilot.per_second * seconds))
    return _figures(_sent(wire, requests, clients, seconds))


def median(loads: Sequence[Load]) -> Load:
    """Return the median of every figure.

    Args:
      loads: results of repeated runs.
    """
    return Load(
        *(
            statistics.median(getattr(load, name) for load in loads)
            for name in ("per_second", "p50_ms", "p99_ms")
        )
    )


def _sent(wire: EncodedRequest, requests: int, clients: int, seconds: float) -> LoadResult:
    running = Running(Sent(wire, requests, clients), sorted(os.sched_getaffinity(0)), seconds)
    try:
        while not running.wait(_POLL_SECONDS):
            pass
        return running.answered()
    finally:
        running.end()


def _figures(result: LoadResult) -> Load:
    if result.errors:
        raise RuntimeError(f"{result.errors} of {result.requests} requests failed")
    duration = float((result.began + result.took).max() - result.began.min())
    p50, p99 = np.percentile(result.took, [50, 99]) * 1e3
    return Load(result.requests / duration, float(p50), float(p99))
