"""`taxiway settings`: the settings in force, and their JSON schema."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.cli.options import settings_option


@click.command()
@settings_option
@click.option("--schema", is_flag=True, help="Print the JSON schema of the settings file.")
def settings(settings_file: Path | None, schema: bool) -> None:
    """Print the settings in force as a commented settings file.

    In a folder without a settings file, the command prints the default settings and says so.
    """
    from pipeline.settings import loading, rendering
    from pipeline.settings.sections import Settings

    if schema:
        click.echo(rendering.json_schema())
        return
    if settings_file is None and not Path(loading.DEFAULT_FILE).exists():
        click.echo(
            f"{Path.cwd()}: there is no {loading.DEFAULT_FILE}, so these are the default settings.",
            err=True,
        )
        values = Settings()
    else:
        values = loading.load_plain(settings_file)
    click.echo(rendering.as_toml(values), nl=False)
