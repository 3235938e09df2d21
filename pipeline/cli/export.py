"""`taxiway export`: a published version for other runtimes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import json_option, load, settings_option, workspace_option
from pipeline.errors import UsageError

if TYPE_CHECKING:
    from pipeline.workspace import Workspace


@click.group()
def export() -> None:
    """Export a published version for other runtimes."""


@export.command(short_help="Export a version's network as an ONNX model.")
@click.argument("version", required=False, metavar="[VERSION|ALIAS]")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Triton's model repository to write to.  [default: onnx in the workspace]",
)
@settings_option
@workspace_option
@json_option
def onnx(
    version: str | None,
    output: Path | None,
    settings_file: Path | None,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Export a version's network as an ONNX model, in a folder that Triton serves.

    Without VERSION, the version with the alias stable is exported, else the newest. The model is
    written only when it answers real rows as TensorFlow does.
    """
    from pipeline.cli.terminal import library_output_to, new_log
    from pipeline.registry.errors import as_cli_errors
    from pipeline.workspace import Workspace

    settings = load(settings_file, workspace)
    target = Workspace(settings.workspace, settings.name)
    number = _version_number(target, version)
    folder = target.model_base / str(number)
    log = new_log(settings.workspace, f"export-onnx-{number}")
    with library_output_to(log), as_cli_errors(log):
        from pipeline.serving_tools.onnx_export import export_onnx

        result = export_onnx(settings, target, folder, output or target.root / "onnx")
    if as_json:
        click.echo(json.dumps(result))
        return
    state = "is" if result["written"] else "was already"
    click.echo(f"Version {number} {state} exported to {result['model']}.")
    click.echo(
        f"ONNX Runtime and TensorFlow agree on {result['rows']:,} rows within "
        f"{result['difference']:.1g}; time per row: ONNX Runtime {result['onnx_us']:.0f} µs, "
        f"TensorFlow {result['tensorflow_us']:.0f} µs."
    )
    click.echo(f"Triton's configuration is {result['config']}.")


def _version_number(workspace: Workspace, version: str | None) -> int:
    from pipeline.registry.errors import as_cli_errors
    from serving.store import model_config, publish

    with as_cli_errors():
        versions = publish.versions(workspace.model_base)
        config = model_config.load_served_model(workspace.model_base)
    if not versions:
        raise UsageError(f"{workspace.model_base}: no version is published yet.", "taxiway run")
    if version is None:
        return config.aliases.get(model_config.STABLE, versions[-1])
    number = config.aliases.get(version, int(version) if version.isdecimal() else 0)
    if number not in versions:
        names = [*map(str, versions), *sorted(config.aliases)]
        raise UsageError(
            f"{workspace.model_base}: there is no version {version}; there is {', '.join(names)}.",
            "taxiway registry list",
        )
    return number
