"""`taxiway settings`: the settings in force, and their JSON schema."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.cli.options import settings_option


@click.command()
@settings_option
@click.option("--schema", is_flag=True, help="Print the JSON schema of the settings file.")
def settings(settings_file: Path | None, schema: bool) -> None:
    """Print the settings in force as a commented settings file."""
    from pipeline.settings import loading, rendering

    if schema:
        click.echo(rendering.json_schema())
    else:
        click.echo(rendering.as_toml(loading.load_plain(settings_file)), nl=False)
