"""The machine that the load generator, and perhaps the server, runs on."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psutil

from serving.sizing.errors import MachineBusy

# CPUs that others may keep busy. More, and the generator or the server waits for them.
MAX_OTHERS = 0.25

_LOOK_SECONDS = 1.0


def split(
    cpus: Sequence[int], server: int | None = None
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Divide the CPUs between server and load generator.

    Args:
      cpus: that this process may use.
      server: how many the server gets; by default all but a quarter, one at least.

    Returns:
      Those of the server and those of the generator; the same one when there is only one.

    Raises:
      ValueError: there are not so many.
    """
    if server is not None and not 1 <= server <= max(1, len(cpus) - 1):
        raise ValueError(
            f"{server} CPUs for the server, but there are {len(cpus)}, "
            "and the load generator needs one"
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
    """Let processes that are started meanwhile use only some CPUs.

    Args:
      cpus: their numbers; empty for those that this process may use.
    """
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def busy_seconds() -> float:
    """Return the seconds that all CPUs together worked since the machine started."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - times.iowait - times.guest - times.guest_nice


def refuse_if_busy() -> None:
    """Refuse to measure beside others.

    Raises:
      MachineBusy: others keep more than a quarter of a CPU busy.
    """
    used = psutil.cpu_percent(_LOOK_SECONDS) / 100 * (psutil.cpu_count() or 1)
    if used > MAX_OTHERS:
        raise MachineBusy(
            f"Other processes use {used:.1f} of {psutil.cpu_count()} CPUs; "
            f"above {MAX_OTHERS:g} the figures cannot be trusted.",
            "end the other processes, or pass --force",
        )
