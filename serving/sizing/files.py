"""The files of a sizing, each of them whole or not there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from serving.sizing.patch import patch
from serving.sizing.result import Sizing

FIGURES = "sizing.json"
PATCH = "resources.yaml"
PLOT = "throughput.png"


def write(sizing: Sizing, folder: Path) -> list[Path]:
    """Write figures, plot and patch.

    Args:
      sizing: what was measured.
      folder: for the files; a patch of an earlier time that nothing recommends now is removed.

    Returns:
      The files.

    Raises:
      OSError: one could not be written.
    """
    from serving.sizing.plot import draw  # matplotlib takes a second to import

    text = patch(sizing)
    files = [
        _whole(folder / FIGURES, lambda file: _text(file, sizing.model_dump_json(indent=2) + "\n")),
        _whole(folder / PLOT, lambda file: draw(sizing, file)),
    ]
    if text is None:
        (folder / PATCH).unlink(missing_ok=True)
        return files
    return [*files, _whole(folder / PATCH, lambda file: _text(file, text))]


def _text(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


def _whole(file: Path, how: Callable[[Path], None]) -> Path:
    unfinished = file.with_name(f".{file.name}")
    how(unfinished)
    with unfinished.open("rb") as content:
        os.fsync(content.fileno())
    unfinished.replace(file)
    return file
