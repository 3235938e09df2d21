"""Say that a run was killed, where the run itself cannot say it any more."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager

_ENDED = b"1"
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


@contextmanager
def announced() -> Iterator[None]:
    """Print a message when the process dies within the block, by a signal or in native code.

    A process that lacks memory is killed by the kernel, or aborted by a library. A small process
    is forked, which holds no memory of its own, and waits for the end of this one.
    """
    reader, writer = os.pipe()
    watcher = os.fork()
    if watcher == 0:
        os.close(writer)
        _watch(reader)
    os.close(reader)
    try:
        yield
    finally:
        os.write(writer, _ENDED)
        os.close(writer)
        os.waitpid(watcher, 0)


def _watch(reader: int) -> None:
    """Wait in the forked process, print when the other one died, and exit."""
    try:
        for number in _SIGNALS:  # the terminal sends them to both processes
            signal.signal(number, signal.SIG_IGN)
        # A pipe that ends without a byte has lost its writer.
        if os.read(reader, 1) != _ENDED:
            os.write(2, _message().encode())
    finally:
        os._exit(0)


def _message() -> str:
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    memory = (
        "free memory, or set a smaller source.window or train.batch_size"
        if limit == resource.RLIM_INFINITY
        else f"remove the limit of {limit // 1024:,} kB (ulimit -v unlimited in a new shell)"
    )
    return (
        "Stopped: the run was killed, or a library aborted it; that is usual when memory runs "
        "out.\n"
        f"Next   {memory}, and type the same command: the run resumes\n"
    )
