"""Division and observation of CPUs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from serving.sizing.errors import NotServed
from serving.sizing.measurement import machine
from serving.sizing.measurement.watch import Watch


@pytest.mark.parametrize(
    ("cpus", "server", "parts"),
    [
        ([3], None, ((3,), (3,))),
        ([0, 1], None, ((0,), (1,))),
        ([0, 1, 2, 5], None, ((0, 1, 2), (5,))),
        (list(range(8)), None, ((0, 1, 2, 3, 4, 5), (6, 7))),
        (list(range(8)), 2, ((0, 1), (2, 3, 4, 5, 6, 7))),
    ],
)
def test_server_and_generator_get_cpus_of_their_own(
    cpus: list[int], server: int | None, parts: tuple[tuple[int, ...], tuple[int, ...]]
) -> None:
    assert machine.split(cpus, server) == parts


def test_a_server_cannot_have_all_cpus() -> None:
    with pytest.raises(ValueError, match="cannot use 2 CPUs for the server, because there are 2"):
        machine.split([0, 1], 2)


def test_only_processes_started_in_the_block_are_bound() -> None:
    last = machine.usable()[-1]
    ask = [sys.executable, "-c", "import os; print(sorted(os.sched_getaffinity(0)))"]
    with machine.bound([last]):
        child = subprocess.run(ask, capture_output=True, text=True, check=True)
    assert child.stdout.strip() == f"[{last}]"
    assert last in os.sched_getaffinity(0)
    assert len(os.sched_getaffinity(0)) == len(machine.usable())


def test_a_process_is_watched_until_it_ends() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        watch = Watch(process.pid)
        assert 0 < watch.memory() <= watch.peak()
        assert watch.cpu_seconds() >= 0
        process.kill()
    for look in (watch.memory, watch.peak, watch.cpu_seconds):
        with pytest.raises(NotServed, match=f"server's process {process.pid}"):
            look()
