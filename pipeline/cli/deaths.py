"""Say that a run was killed, where the run itself cannot say it any more."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_ENDED = b"1"


@contextmanager
def announced() -> Iterator[None]:
    """Print a message when the process dies within the block, by a signal or in native code.

    A process that lacks memory is killed by the kernel, or aborted by a library. So a separate
    small process waits for the end of this one. It is not forked, because this one has threads.
    """
    reader, writer = os.pipe()
    watcher = subprocess.Popen(
        # Without the packages of the environment, Python starts in 20 ms.
        [sys.executable, "-I", "-S", __file__, str(reader)],
        stdin=subprocess.DEVNULL,
        pass_fds=[reader],
        start_new_session=True,  # the terminal sends its signals to this process only
    )
    os.close(reader)
    try:
        yield
    finally:
        os.write(writer, _ENDED)
        os.close(writer)
        watcher.wait()


def _watch(reader: int) -> None:
    """Wait in the separate process, and print when the other one died."""
    # A pipe that ends without a byte has lost its writer.
    if os.read(reader, 1) != _ENDED:
        os.write(2, _message().encode())


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


if __name__ == "__main__":
    _watch(int(sys.argv[1]))
