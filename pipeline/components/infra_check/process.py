"""Rehearsals in processes of their own, which may crash or hang without harm."""

from __future__ import annotations

import atexit
import subprocess
import tempfile
from pathlib import Path

from pipeline.components.infra_check import report
from pipeline.components.infra_check.rehearsal import Candidate, Request
from pipeline.components.infra_check.report import Report
from serving.errors import DamagedModel
from serving.validation import worker_process

_MODULE = "pipeline.components.infra_check.rehearsal"

# What `prepare` started; one at most.
_prepared: list[subprocess.Popen[str]] = []


class Rehearsal:
    """A rehearsal under way.

    Args:
      candidate: what is rehearsed.
    """

    def __init__(self, candidate: Candidate) -> None:
        self.candidate = candidate
        self._folder = tempfile.TemporaryDirectory(prefix="taxiway-infra-")
        request = Request(**dict(candidate), folder=self.folder)
        self._process = _prepared.pop() if _prepared else worker_process.start(_MODULE)
        worker_process.send(self._process, request.model_dump_json())

    @property
    def folder(self) -> Path:
        """Where the copy of the model, the report and the answers are."""
        return Path(self._folder.name)

    def finish(self) -> Report:
        """Wait for the end.

        Returns:
          What came of it; a crash or a hang is a problem like others.
        """
        limits = self.candidate.limits
        try:
            worker_process.wait(self._process, self.candidate.model, limits.seconds)
            return report.read(self.folder)
        except DamagedModel as error:
            return Report(limits=limits).but_for(error.what)

    def end(self) -> None:
        """End the process if it still runs, and remove the folder."""
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()


# What `begin` began; one at most.
_under_way: list[Rehearsal] = []


def prepare() -> None:
    """Let a process get ready for the candidate to come: TensorFlow takes seconds to import."""
    if not _prepared:
        _prepared.append(worker_process.start(_MODULE))


def begin(candidate: Candidate) -> None:
    """Let a rehearsal go on beside what else is done, until `take` is called for the same."""
    while _under_way:
        _under_way.pop().end()
    _under_way.append(Rehearsal(candidate))


def take(candidate: Candidate) -> Rehearsal:
    """Return the rehearsal of a candidate that already goes on, or begin it."""
    if _under_way and _under_way[0].candidate == candidate:
        return _under_way.pop()
    return Rehearsal(candidate)


@atexit.register
def _end_all() -> None:
    while _under_way:
        _under_way.pop().end()
    while _prepared:
        process = _prepared.pop()
        process.kill()
        process.communicate()
