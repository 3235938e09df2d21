"""Container entry point: run a task in a child process and clean up when it is killed.

`python -m pipeline.kubeflow.container.node` forks, runs the task in the child and waits. When
Kubernetes ends the pod, or the task is killed or crashes in native code, the parent process still
runs and marks the node's execution as failed in ML Metadata. The parent imports only a few modules
of the standard library, so it adds almost no memory.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import suppress
from types import FrameType

_FAILED = 5  # InfrastructureError.exit_code, without importing it
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux


def main(args: list[str]) -> int:
    """Run a task in a child process and wait for it.

    Args:
      args: command-line arguments of this process, as the package has them.

    Returns:
      The exit code: 0 done, 2 usage, 3 data refused, 4 model not blessed, 5 infrastructure.
    """
    received: list[int] = []

    def end(signum: int, frame: FrameType | None) -> None:
        received.append(signum)
        with suppress(ProcessLookupError):
            # Unfinished output is removed anyway, so the whole process group ends at once.
            os.killpg(child, signal.SIGKILL)

    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    child = os.fork()
    if child == 0:
        return _run_task(args)
    os.setpgid(child, child)  # the child does the same; either process may be first
    for signum in _SIGNALS:
        signal.signal(signum, end)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    _, status = os.waitpid(child, 0)
    # Kubernetes allows 30 s to end; the cleanup takes 1 to 2 s and must not be interrupted.
    for signum in _SIGNALS:
        signal.signal(signum, signal.SIG_IGN)
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:  # the task ended before any signal did
        return code
    from pipeline.kubeflow.container import killed

    killed.cleanup(args, signal.Signals(received[0] if received else -code).name)
    return _FAILED


def _run_task(args: list[str]) -> int:
    os.setpgid(0, 0)
    # The kernel ends this process when its parent is killed.
    ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    from pipeline.kubeflow.container.main import main as run_task

    return run_task(args)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
