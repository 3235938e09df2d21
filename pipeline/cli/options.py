"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pipeline.settings.sections import Settings

settings_option = click.option(
    "--settings",
    "settings_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Settings file.  [default: taxiway.toml]",
)
workspace_option = click.option(
    "--workspace",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of all state; overrides the settings.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


def load(settings_file: Path | None, workspace: Path | None) -> Settings:
    """Return the settings that the two options select.

    Args:
      settings_file: path of the settings file; None for `taxiway.toml` in the current folder.
      workspace: folder of all state; None for the settings' own.

    Raises:
      UsageError: the file is missing or invalid.
    """
    from pipeline.settings import loading

    loaded = loading.load(settings_file)
    if workspace is None:
        return loaded
    return loaded.model_copy(update={"workspace": loading.without_pattern(workspace.absolute())})
