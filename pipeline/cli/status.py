"""`taxiway status`: the states of a served model's versions."""

from __future__ import annotations

import json
from pathlib import Path

import click

from pipeline.cli.addresses import address_options, connect
from pipeline.cli.options import json_option, load, settings_option


@click.command()
@address_options
@settings_option
@json_option
def status(
    rest: str, grpc: str | None, model: str | None, settings_file: Path | None, as_json: bool
) -> None:
    """Print the state of every version of a served model."""
    name = model or load(settings_file, None).name
    with connect(rest, grpc, name) as client:
        states = client.states()
    if as_json:
        click.echo(json.dumps({"model": name, "versions": states}))
        return
    for version, state in sorted(states.items(), reverse=True):
        click.echo(f"{name} version {version}: {state}")
