"""The machine that the load generator, and perhaps the server, runs on."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psutil

from serving.sizing.errors import MachineBusy
from serving.sizing.results.analysis import MAX_OTHERS

_LOOK_SECONDS = 1.0


def split(
    cpus: Sequence[int], server: int | None = None
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Divide the CPUs between server and load generator.

    Args:
      cpus: CPUs that this process may use.
      server: number of CPUs for the server; default: all but a quarter, at least one.

    Returns:
      The server's CPUs and the generator's; both the same one when there is only one.

    Raises:
      ValueError: there are not enough CPUs.
    """
    if server is not None and not 1 <= server <= max(1, len(cpus) - 1):
        raise ValueError(
            f"cannot use {server} CPUs for the server, because there are {len(cpus)} "
            "and the load generator requires one"
        )
    if len(cpus) == 1:
        return tuple(cpus), tuple(cpus)
    count = server or len(cpus) - max(1, len(cpus) // 4)
    return tuple(cpus[:count]), tuple(cpus[count:])


def usable() -> list[int]:
    """Return the CPUs that this process may use."""
    return sorted(os.sched_getaffinity(0))


@contextmanager
def bound(cpus: Sequence[int]) -> Iterator[None]:
    """Bind the processes that the block starts to some CPUs.

    Args:
      cpus: numbers of the CPUs; empty: all that this process may use.
    """
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def busy_seconds() -> float:
    """Return the total busy seconds of all CPUs since the machine started."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - times.iowait - times.guest - times.guest_nice


def refuse_if_busy() -> None:
    """Refuse to measure while other processes are busy.

    Raises:
      MachineBusy: other processes keep more than a quarter of a CPU busy.
    """
    used = psutil.cpu_percent(_LOOK_SECONDS) / 100 * (psutil.cpu_count() or 1)
    if used > MAX_OTHERS:
        raise MachineBusy(
            f"Other processes use {used:.1f} of {psutil.cpu_count()} CPUs; "
            f"above {MAX_OTHERS:g} the figures are not reliable.",
            "end the other processes, or pass --force",
        )
