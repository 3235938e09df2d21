"""What a source of rows must offer."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Source(Protocol):
    """Rows that fall into spans: numbered stretches of time."""

    def fingerprint(self) -> str:
        """Return a text that changes when the rows would."""

    def spans(self) -> list[int]:
        """Return the spans there are, oldest first."""

    def write(self, span: int, file: Path) -> None:
        """Write one span's rows as a Parquet file."""
