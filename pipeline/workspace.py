"""One folder holds all state of a pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Workspace:
    """Name the places in a workspace; create nothing.

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
        """Held by the run that is under way."""
        return self.root / ".lock"
