"""What a container runs: a task in a process of its own, and somebody who outlives it.

`python -m pipeline.kubeflow.container.node` forks, does the task in the child and waits. When
Kubernetes ends the pod, or the task is killed or crashes in native code, there is still a process
that marks the node's execution as failed in ML Metadata. It imports next to nothing, so that it is
no burden.
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


def main(words: list[str]) -> int:
    """Run a task.

    Args:
      words: this process's arguments, as the package has them.

    Returns:
      The exit code: 0 done, 2 usage, 3 data refused, 4 model not blessed, 5 infrastructure.
    """
    told: list[int] = []

    def end(signum: int, frame: FrameType | None) -> None:
        told.append(signum)
        with suppress(ProcessLookupError):
            # At once, and all that it started: what it was writing is not kept.
            os.killpg(child, signal.SIGKILL)

    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    child = os.fork()
    if child == 0:
        return _task(words)
    os.setpgid(child, child)  # as the child does itself: whoever comes first
    for each in _SIGNALS:
        signal.signal(each, end)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    _, status = os.waitpid(child, 0)
    for each in _SIGNALS:  # what follows takes a second or two, of the thirty that there are
        signal.signal(each, signal.SIG_IGN)
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:  # it came to its end before a signal did
        return code
    from pipeline.kubeflow.container import killed

    killed.clear_up(words, signal.Signals(told[0] if told else -code).name)
    return _FAILED


def _task(words: list[str]) -> int:
    os.setpgid(0, 0)
    # The kernel ends this process when the one that watches it is killed.
    ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    from pipeline.kubeflow.container.main import main as run_task

    return run_task(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
