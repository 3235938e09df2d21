"""Every error of the version store.

StoreError
 ├─ Unblessed          the model is not blessed
 ├─ DamagedModel       the model's files cannot be served
 ├─ UnreadableManifest a published version has no manifest that can be read
 ├─ UnknownVersion     there is no such version
 ├─ ChangedByHand      the content of models.config is not what was written
 ├─ StoreBusy          another publisher holds the folder's lock
 └─ StoreUnwritable    a file or folder cannot be written
"""

from __future__ import annotations

from pathlib import Path


class StoreError(Exception):
    """An error of the version store: the path, the problem and the next step.

    Args:
      where: file or folder that has the problem.
      what: problem and expectation.
      next_step: next step, as an imperative.
    """

    def __init__(self, where: Path, what: str, next_step: str) -> None:
        super().__init__(f"{where}: {what}; {next_step}")
        self.where = where
        self.what = what
        self.next_step = next_step


class Unblessed(StoreError):
    """The model is not blessed; nothing is published."""


class DamagedModel(StoreError):
    """The model's files cannot be served; nothing is published."""


class UnreadableManifest(StoreError):
    """A published version has no manifest that can be read."""


class UnknownVersion(StoreError):
    """There is no such version."""


class ChangedByHand(StoreError):
    """The content of models.config is not what was written."""


class StoreBusy(StoreError):
    """Another publisher holds the folder's lock; nothing is published."""


class StoreUnwritable(StoreError):
    """A file or folder cannot be written."""
