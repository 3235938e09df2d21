"""`taxiway export`: a published version for other runtimes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import json_option, load, settings_option, workspace_option
from pipeline.cli.promotion import translated
from pipeline.errors import InfrastructureError, NotBlessed, UsageError

if TYPE_CHECKING:
    from pipeline.settings.sections import Settings
    from pipeline.workspace import Workspace
    from serving.onnx.agreement import Agreement

_ROWS = 10_000


@click.group()
def export() -> None:
    """Make of a published version what other runtimes serve."""


@export.command(short_help="Write a version's network as an ONNX model.")
@click.argument("version", required=False, metavar="[VERSION|ALIAS]")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Triton's model repository.  [default: onnx in the workspace]",
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
    """Write a version's network as an ONNX model, in a folder that Triton serves.

    Without VERSION it is the one that is stable, else the newest. What is written has answered real
    rows as TensorFlow does.
    """
    from pipeline.cli.terminal import library_output_to, new_log
    from pipeline.workspace import Workspace

    settings = load(settings_file, workspace)
    place = Workspace(settings.workspace, settings.name)
    number = _number(place, version)
    folder = place.model_base / str(number)
    log = new_log(settings.workspace, f"export-onnx-{number}")
    with library_output_to(log):
        try:
            found = _export(settings, place, folder, output or place.root / "onnx")
        except (UsageError, InfrastructureError, NotBlessed) as error:
            error.log_file = log
            raise
    if as_json:
        click.echo(json.dumps(found))
        return
    state = "is" if found["written"] else "was"
    click.echo(f"Version {number} {state} exported to {found['model']}.")
    click.echo(
        f"ONNX Runtime answers {found['rows']:,} rows as TensorFlow does, up to "
        f"{found['difference']:.1g}: one row in {found['onnx_us']:.0f} µs, "
        f"TensorFlow in {found['tensorflow_us']:.0f} µs."
    )
    click.echo(f"Triton's configuration is {found['config']}.")


def _number(place: Workspace, version: str | None) -> int:
    from serving.store import aliases, publish

    with translated():
        known, served = publish.versions(place.model_base), aliases.of_model(place.model_base)
    if not known:
        raise UsageError(f"{place.model_base}: no version is published yet.", "taxiway run")
    if version is None:
        return served.aliases.get(aliases.STABLE, known[-1])
    number = served.aliases.get(version, int(version) if version.isdecimal() else 0)
    if number not in known:
        names = [*map(str, known), *sorted(served.aliases)]
        raise UsageError(
            f"{place.model_base}: there is no version {version}; there is {', '.join(names)}.",
            "taxiway registry list",
        )
    return number


def _export(settings: Settings, place: Workspace, folder: Path, repository: Path) -> dict[str, Any]:
    from importlib.metadata import version as release

    from serving.onnx import agreement, convert, triton
    from serving.onnx.errors import Disagrees, ExportError
    from serving.store import manifest, publish

    problems = publish.verify_hashes(folder)
    if problems:
        raise InfrastructureError(f"{'; '.join(problems)}.", "taxiway registry verify")
    known = manifest.read(folder)
    facts = {
        "model_id": known.model_id,
        "opset": str(convert.OPSET),
        "signature": convert.SIGNATURE,
        "tf2onnx": release("tf2onnx"),
        "version": folder.name,
    }
    try:
        rows = _rows(settings, place, folder)
        model = convert.convert(folder, facts)
        agreed: Agreement = agreement.compare(folder, convert.SIGNATURE, model, rows)
        with translated():
            written = triton.write(repository, known.name, known.version, model, facts)
    except Disagrees as error:
        raise NotBlessed(f"{error.what}.", error.next_step) from error
    except ExportError as error:
        raise UsageError(f"{error.what}.", error.next_step) from error
    except OSError as error:
        raise InfrastructureError(
            f"{repository}: {error.strerror or error}.", "choose another with --output"
        ) from error
    base = repository / known.name
    return {
        "written": written,
        "model": str(base / folder.name / triton.MODEL),
        "config": str(base / triton.CONFIG),
        "bytes": len(model),
        **facts,
        "rows": agreed.rows,
        "difference": agreed.difference,
        "tensorflow_us": agreed.tensorflow_us,
        "onnx_us": agreed.onnx_us,
    }


def _rows(settings: Settings, place: Workspace, folder: Path) -> dict[str, Any]:
    """Return rows of the newest eval split as the network sees them."""
    import itertools

    import tensorflow as tf

    from models import requests
    from models.features import load as load_features

    splits = place.artifacts.glob("ExampleGen/examples/*/Split-eval")
    newest = max(splits, key=lambda split: int(split.parent.name), default=None)
    files = sorted(map(str, newest.iterdir())) if newest else []
    if not files:
        raise UsageError(
            f"{place.artifacts}: there is no eval split to compare with.", "taxiway run"
        )
    compression = "GZIP" if files[0].endswith(".gz") else ""
    dataset = tf.data.TFRecordDataset(files, compression)
    examples = list(itertools.islice(dataset.as_numpy_iterator(), _ROWS))
    transform = tf.saved_model.load(str(folder)).signatures["transform_features"]
    columns = transform(examples=tf.constant(examples))
    values = {name: value.numpy() for name, value in columns.items()}
    return dict(requests.matrix(values, load_features(settings.features)))
