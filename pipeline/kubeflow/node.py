"""What a container runs: a task in a process of its own, and somebody who outlives it.

`python -m pipeline.kubeflow.node` starts the task and waits. When Kubernetes ends the pod, or the
task is killed or crashes in native code, there is still a process that marks the node's execution
as failed in ML Metadata. This one imports next to nothing, so that it is no burden until then.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from types import FrameType

_TASK = "pipeline.kubeflow.task"
_FAILED = 5  # InfrastructureError.exit_code, without importing it
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


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
        if process.poll() is None:
            # At once, and all that it started: what it was writing is not kept.
            os.killpg(process.pid, signal.SIGKILL)

    process = subprocess.Popen(
        [sys.executable, "-m", _TASK], stdin=subprocess.PIPE, start_new_session=True
    )
    for each in _SIGNALS:
        signal.signal(each, end)
    try:
        process.communicate(json.dumps(words).encode() + b"\n")
    except BrokenPipeError:
        process.wait()
    for each in _SIGNALS:  # what follows takes a second or two, of the thirty that there are
        signal.signal(each, signal.SIG_IGN)
    code = process.returncode
    if code >= 0 and not told:
        return code
    return _clear_up(words, told[0] if told else -code)


def _clear_up(words: list[str], signum: int) -> int:
    from pipeline.kubeflow import killed

    killed.clear_up(words, signal.Signals(signum).name)
    return _FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
