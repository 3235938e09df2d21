"""The files of a sizing."""

from __future__ import annotations

from pathlib import Path

from serving.sizing.results.patch import patch
from serving.sizing.results.result import Sizing
from serving.storage import local

FIGURES = "sizing.json"
PATCH = "resources.yaml"
PLOT = "throughput.png"


def write(sizing: Sizing, folder: Path) -> list[Path]:
    """Write figures, plot and patch.

    Args:
      sizing: sizing with its figures.
      folder: folder for the files. An earlier patch is removed when nothing is recommended.

    Returns:
      The files.

    Raises:
      OSError: a file cannot be written.
    """
    from serving.sizing.results.plot import draw  # matplotlib takes a second to import

    text = patch(sizing)
    files = [folder / FIGURES, folder / PLOT]
    local.replace_file(folder / FIGURES, sizing.model_dump_json(indent=2) + "\n")
    with local.replacement(folder / PLOT) as temporary:
        draw(sizing, temporary)
    if text is None:
        (folder / PATCH).unlink(missing_ok=True)
        return files
    local.replace_file(folder / PATCH, text)
    return [*files, folder / PATCH]
