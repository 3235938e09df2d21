"""Publishers in separate processes, which die or fail where a test wants it.

`python -m tests.serving.publishers` reads one job a line, forks a publisher for each, and answers
with what became of it. It never imports TensorFlow, so that a fork is quick and safe.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from serving.errors import StoreError
from serving.store import publish
from serving.store.manifest import Blessing, Facts
from serving.store.verify import in_worker_process
from tests.coverage import untraced

FACTS = Facts(name="tiny", blessing=Blessing(blessed=True))


@dataclass(frozen=True)
class Job:
    """What to publish, and where to stop it.

    Args:
      model: the SavedModel's folder.
      base: TensorFlow Serving's model base path.
      how: `kill` before the call, `tear` a write in half and kill, `once` fail the call, `on` fail
        it and every one of its kind after it, `short` take half of what is written, `verifying`
        kill while TensorFlow is at work on what was copied.
      at: number of the call; 0 for none.
      error: number of the error that a failing call raises.
      delay: seconds after which the publisher is killed from outside; 0 for never. With
        `verifying`, seconds of TensorFlow's work.
      real: verify with TensorFlow.
    """

    model: str
    base: str
    how: str = ""
    at: int = 0
    error: int = errno.ENOSPC
    delay: float = 0.0
    real: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of a publisher.

    Args:
      status: its exit code, or minus the signal that ended it.
      said: the version's folder, or the name of the error.
      calls: the kinds of calls it made, in order; with `verifying`, `tensorflow` too.
      seconds: how long it took.
    """

    status: int
    said: str
    calls: list[str]
    seconds: float

    @property
    def killed(self) -> bool:
        """Whether the publisher was killed."""
        return self.status == -signal.SIGKILL


class Publishers:
    """Run jobs in a process that forks a publisher for each."""

    def __enter__(self) -> Publishers:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.serving.publishers"],
            cwd=Path(__file__).parent.parent.parent,
            env=untraced(os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(self, *jobs: Job) -> list[Outcome]:
        """Run jobs at the same time, and wait for all."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([asdict(job) for job in jobs]) + "\n")
        self._process.stdin.flush()
        return [Outcome(**item) for item in json.loads(self._process.stdout.readline())]


# The calls that change the disk, and the lock; a hook runs before every call.
_CALLS: list[tuple[Any, str]] = [
    (os, "open"),
    (os, "write"),
    (os, "fsync"),
    (os, "unlink"),
    (os, "rmdir"),
    (Path, "mkdir"),
    (Path, "rename"),
    (Path, "unlink"),
    (fcntl, "flock"),
]
FAILING = {"create", "write", "fsync", "mkdir", "rename"}


class _Hooks:
    def __init__(self, job: Job, report: int) -> None:
        self._job = job
        self._report = report
        self._write = os.write
        self._count = 0
        self._broken = ""

    def install(self) -> None:
        for owner, name in _CALLS:
            setattr(owner, name, self._hooked(name, getattr(owner, name)))

    def _hooked(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def hooked(*arguments: Any, **named: Any) -> Any:
            creates = name == "open" and arguments[1] & os.O_CREAT
            self.passed("create" if creates else name)
            job = self._job
            if name == "write" and self._count == job.at and job.how in ("tear", "short"):
                handle, content = arguments
                written = call(handle, content[: max(1, len(content) // 2)])
                if job.how == "tear":
                    os.kill(os.getpid(), signal.SIGKILL)
                return written
            return call(*arguments, **named)

        return hooked

    def report(self, line: str) -> None:
        """Report a line to the process that started this publisher."""
        self._write(self._report, f"{line}\n".encode())

    def passed(self, name: str) -> None:
        """Count a call; die or fail here if the job requires it."""
        self._count += 1
        self.report(name)
        job = self._job
        if self._count == job.at:
            if job.how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if job.how in ("once", "on"):
                self._broken = name
                raise OSError(job.error, os.strerror(job.error))
        if job.how == "on" and name == self._broken:
            raise OSError(job.error, os.strerror(job.error))


def _publish(job: Job, report: int) -> None:
    hooks = _Hooks(job, report)

    def quick(_: Path) -> None:
        hooks.passed("verify")

    def real(folder: Path) -> None:
        if job.how == "verifying":
            threading.Thread(target=_die_of, args=(job.delay, hooks), daemon=True).start()
        in_worker_process(folder)
        hooks.passed("verified")

    hooks.install()
    try:
        verify = real if job.real else quick
        said = str(publish.publish(Path(job.model), Path(job.base), FACTS, verify))
    except StoreError as error:
        said = type(error).__name__
    hooks.report(f"said {said}")


def _die_of(delay: float, hooks: _Hooks) -> None:
    """Wait until a child has loaded TensorFlow and a delay has passed; then kill this process."""
    while not any(map(_has_tensorflow, _children())):
        time.sleep(0.01)
    hooks.report("tensorflow")
    time.sleep(delay)
    os.kill(os.getpid(), signal.SIGKILL)


def _children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def _has_tensorflow(pid: str) -> bool:
    try:
        return "libtensorflow" in Path(f"/proc/{pid}/maps").read_text()
    except OSError:  # it ended
        return False


def _start(job: Job) -> tuple[int, int, float]:
    reader, writer = os.pipe()
    # Room for all that a publisher says, so that it never waits for a reader.
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 1 << 18)
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        status = 70
        try:
            os.close(reader)
            _publish(job, writer)
            status = 0
        finally:
            os._exit(status)
    os.close(writer)
    if job.delay and job.how != "verifying":
        time.sleep(job.delay)
        os.kill(pid, signal.SIGKILL)
    return pid, reader, began


def _finish(pid: int, reader: int, began: float) -> Outcome:
    _, status = os.waitpid(pid, 0)
    seconds = time.monotonic() - began
    with open(reader, encoding="utf-8") as lines:
        calls = lines.read().splitlines()
    said = calls.pop().removeprefix("said ") if calls and calls[-1].startswith("said ") else ""
    return Outcome(os.waitstatus_to_exitcode(status), said, calls, seconds)


def _main() -> None:
    for line in sys.stdin:
        started = [_start(Job(**job)) for job in json.loads(line)]
        print(json.dumps([asdict(_finish(*item)) for item in started]), flush=True)


if __name__ == "__main__":
    _main()
