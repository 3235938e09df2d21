"""One folder holds all state of a pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UsageError, WorkspaceBusy
from serving.storage import lock


@dataclass(frozen=True)
class Workspace:
    """Name the paths in a workspace; only `exclusive` creates anything.

    Args:
      root: the workspace folder.
      name: the pipeline's name, which is also the model's.
    """

    root: Path
    name: str

    @property
    def data(self) -> Path:
        """Spans, as a source laid them out."""
        return self.root / "data"

    @property
    def metadata_db(self) -> Path:
        """The ML Metadata database (SQLite)."""
        return self.root / "metadata" / "metadata.sqlite"

    @property
    def artifacts(self) -> Path:
        """TFX's pipeline root."""
        return self.root / "artifacts"

    @property
    def model_base(self) -> Path:
        """TF Serving's --model_base_path."""
        return self.root / "models" / self.name

    @property
    def quarantine(self) -> Path:
        """Rows that a source could not read, one file a run."""
        return self.root / "quarantine"

    @property
    def runs(self) -> Path:
        """What each run did, one file a run."""
        return self.root / "runs"

    @property
    def reports(self) -> Path:
        """The report of each run, one HTML file a run."""
        return self.root / "reports"

    @property
    def lock_file(self) -> Path:
        """File that states which process runs in the workspace."""
        return self.root / ".lock"

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the workspace's lock while the block runs; one run at a time uses a workspace.

        The workspace is created if missing. The system releases the lock when the process ends.

        Raises:
          WorkspaceBusy: another process holds the lock.
          UsageError: the workspace cannot be written.
        """
        try:
            # The path may be a link to a folder that does not exist yet.
            self.root.resolve().mkdir(parents=True, exist_ok=True)
            self.lock_file.touch()
        except OSError as error:
            raise UsageError(
                f"{self.root}: the workspace cannot be written: {error.strerror}.",
                "choose another with --workspace",
            ) from error
        with ExitStack() as held:
            try:
                held.enter_context(lock.exclusive(self.lock_file, keep=True))
            except lock.LockHeld as error:
                raise WorkspaceBusy(
                    f"{self.root}: another run (process {error.holder or 'unknown'}) is using this"
                    " workspace.",
                    "wait for it to end, or choose another workspace with --workspace",
                ) from None
            yield
