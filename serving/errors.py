"""Every error of the version store.

StoreError
 ├─ Unblessed          the model was not found good enough
 ├─ DamagedModel       the model's files cannot be served
 ├─ UnreadableManifest a published version has no manifest that can be read
 ├─ UnknownVersion     there is no such version
 ├─ ChangedByHand      the file of aliases is not what was written
 ├─ StoreBusy          another publisher holds the folder
 └─ StoreUnwritable    a disk or folder did not take what was written
"""

from __future__ import annotations

from pathlib import Path


class StoreError(Exception):
    """Say what is wrong, where, what was expected, and what to do next.

    Args:
      where: the file or folder.
      what: what is wrong with it, and what was expected.
      next_step: what to do now.
    """

    def __init__(self, where: Path, what: str, next_step: str) -> None:
        super().__init__(f"{where}: {what}; {next_step}")
        self.where = where
        self.what = what
        self.next_step = next_step


class Unblessed(StoreError):
    """The model was not found good enough; nothing is published."""


class DamagedModel(StoreError):
    """The model's files cannot be served; nothing is published."""


class UnreadableManifest(StoreError):
    """A published version has no manifest that can be read."""


class UnknownVersion(StoreError):
    """There is no such version."""


class ChangedByHand(StoreError):
    """The file of aliases is not what was written."""


class StoreBusy(StoreError):
    """Another publisher holds the folder; nothing is published."""


class StoreUnwritable(StoreError):
    """A disk or folder did not take what was written."""
