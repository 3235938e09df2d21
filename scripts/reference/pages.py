"""The generated pages by file name."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.cli.app import taxiway
from pipeline.settings import rendering
from scripts.reference import command_line, settings

FOLDER = Path(__file__).parents[2] / "docs" / "reference"


def pages() -> dict[str, str]:
    """Return the text of every generated page by its file name."""
    return {
        "cli.md": command_line.render(taxiway),
        "settings.md": settings.render(json.loads(rendering.json_schema())),
    }
