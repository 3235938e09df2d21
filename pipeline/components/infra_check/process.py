"""Run dry runs in separate processes, because a model may crash or hang its process."""

from __future__ import annotations

import atexit
import subprocess
import tempfile
from pathlib import Path

from pipeline.components.infra_check import report
from pipeline.components.infra_check.dry_run import Candidate, Request
from pipeline.components.infra_check.report import Report
from serving.errors import DamagedModel
from serving.validation import worker_process

_MODULE = "pipeline.components.infra_check.dry_run"

# At most one process, started by `start_worker`.
_workers: list[subprocess.Popen[str]] = []


class DryRun:
    """A dry run in a separate process.

    Args:
      candidate: the model, and the rows to send to it.
    """

    def __init__(self, candidate: Candidate) -> None:
        self.candidate = candidate
        self._folder = tempfile.TemporaryDirectory(prefix="taxiway-infra-")
        request = Request(**dict(candidate), folder=self.folder)
        self._process = _workers.pop() if _workers else worker_process.start(_MODULE)
        worker_process.send(self._process, request.model_dump_json())

    @property
    def folder(self) -> Path:
        """The folder of the copy of the model, the report and the scores."""
        return Path(self._folder.name)

    def finish(self) -> Report:
        """Wait for the end of the dry run.

        Returns:
          The report; a crash or a hang of the process is one of its problems.
        """
        limits = self.candidate.limits
        try:
            worker_process.wait(self._process, self.candidate.model, limits.seconds)
            return report.read(self.folder)
        except DamagedModel as error:
            return Report(limits=limits).with_problems(error.what)

    def close(self) -> None:
        """End the process if it still runs, and remove the folder."""
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()


# At most one dry run, started by `start`.
_dry_runs: list[DryRun] = []


def start_worker() -> None:
    """Start a process for the next dry run early, because importing TensorFlow takes seconds."""
    if not _workers:
        _workers.append(worker_process.start(_MODULE))


def start(candidate: Candidate) -> None:
    """Start a dry run, which `claim` returns later; close any earlier one.

    Args:
      candidate: the model, and the rows to send to it.
    """
    while _dry_runs:
        _dry_runs.pop().close()
    _dry_runs.append(DryRun(candidate))


def claim(candidate: Candidate) -> DryRun:
    """Return the started dry run of a candidate; start one if there is none.

    Args:
      candidate: the model, and the rows to send to it.

    Returns:
      The dry run, which the caller must close.
    """
    if _dry_runs and _dry_runs[0].candidate == candidate:
        return _dry_runs.pop()
    return DryRun(candidate)


@atexit.register
def _close_all() -> None:
    while _dry_runs:
        _dry_runs.pop().close()
    while _workers:
        process = _workers.pop()
        process.kill()
        process.communicate()
