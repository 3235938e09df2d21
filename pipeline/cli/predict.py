"""`taxiway predict` and `taxiway status`: ask a model that is served."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli import addresses
from pipeline.cli.options import json_option, load, settings_option
from pipeline.cli.quiet import quieten
from pipeline.cli.terminal import library_output_to
from pipeline.errors import DataRefused, InfrastructureError, UsageError

if TYPE_CHECKING:
    from pipeline.settings.sections import Settings
    from serving.client import Client

_REST = "http://127.0.0.1:8501"

_ADDRESS = (
    click.option("--rest", default=_REST, show_default=True, help="Address of REST."),
    click.option("--grpc", help="Address of gRPC, such as 127.0.0.1:8500, instead of REST."),
    click.option("--model", help="Name of the model.  [default: the settings']"),
)


def _address(command: Any) -> Any:
    for option in reversed(_ADDRESS):
        command = option(command)
    return command


@click.command()
@click.option("--row", "rows", multiple=True, help="A row as JSON; can be repeated.")
@click.option(
    "--csv", "file", type=click.Path(dir_okay=False, path_type=Path),
    help="Rows of a CSV, Parquet or JSON-lines file.",
)  # fmt: skip
@click.option("--version", type=int, help="Ask this version.")
@click.option("--label", help="Ask the version with this label, such as stable.")
@click.option("--check", is_flag=True, help="Hold the rows to the schema before they are sent.")
@_address
@settings_option
@json_option
def predict(
    rows: tuple[str, ...],
    file: Path | None,
    version: int | None,
    label: str | None,
    check: bool,
    rest: str,
    grpc: str | None,
    model: str | None,
    settings_file: Path | None,
    as_json: bool,
) -> None:
    """Print the probability of each row, from a model that is served."""
    if not rows and file is None:
        raise UsageError("there are no rows: give --row or --csv.", "taxiway predict --help")
    if version is not None and label is not None:
        raise UsageError("--version and --label exclude each other.")
    settings = load(settings_file, None)
    found = _rows(rows, file, settings)
    options: dict[str, Any] = {"version": version, "label": label}
    if check:
        options["validate"] = _checked(settings)
    with _client(rest, grpc, model or settings.name, options) as client:
        scores = client.predict(found)
    if as_json:
        click.echo(json.dumps({"scores": scores}))
        return
    for score in scores:
        click.echo(f"{score:.6f}")


@click.command()
@_address
@settings_option
@json_option
def status(
    rest: str, grpc: str | None, model: str | None, settings_file: Path | None, as_json: bool
) -> None:
    """Print the state of each version of a served model."""
    name = model or load(settings_file, None).name
    with _client(rest, grpc, name, {}) as client:
        states = client.states()
    if as_json:
        click.echo(json.dumps({"model": name, "versions": states}))
        return
    for version, state in sorted(states.items(), reverse=True):
        click.echo(f"{name} version {version}: {state}")


def _rows(texts: Sequence[str], file: Path | None, settings: Settings) -> list[Any]:
    from pipeline.project.files import curated_schema
    from schema import requests

    try:
        found = [row for text in texts for row in requests.of_json(text, f"--row {text[:40]}")]
        if file is not None:
            found += requests.of_file(file, curated_schema(settings))
    except OSError as error:
        raise UsageError(f"{error.filename}: cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise UsageError(f"{error}.", "taxiway predict --help") from error
    return found


def _checked(settings: Settings) -> Any:
    from pipeline.project import files
    from schema.rows import SERVING
    from schema.rows import check as check_rows

    curated, inputs = files.curated_schema(settings), files.inputs(settings)
    known = {feature.name for feature in curated.feature}

    def validate(rows: Sequence[Any]) -> list[str]:
        return [
            f"row {each.row}: {each.column}: {each.expected}"
            if each.column not in known
            else f"row {each.row}: {each.column} is {each.found}, {each.expected} expected"
            for each in check_rows(rows, curated, SERVING, inputs)
        ]

    return validate


@contextmanager
def _client(rest: str, grpc: str | None, model: str, options: dict[str, Any]) -> Iterator[Client]:
    """Give a client; turn its errors into those of the command line."""
    from serving.client import BadRequest, Client, ClientError, ModelNotFound

    addresses.check(rest, grpc)
    if grpc:
        quieten()
        # It imports TensorFlow, whose newer releases heed no setting.
        with library_output_to(Path(os.devnull)):
            client = Client.grpc(grpc, model, **options)
    else:
        client = Client.rest(rest, model, **options)
    try:
        yield client
    except BadRequest as error:
        # A server does not say which row and column it is that it refuses.
        known = "validate" in options or str(error).startswith("row ")
        more = "taxiway schema show" if known else "the same with --check"
        raise DataRefused(f"{error}", more) from error
    except ModelNotFound as error:
        raise UsageError(f"{error}", "taxiway status") from error
    except ClientError as error:
        raise InfrastructureError(f"{error}", "taxiway serve") from error
    finally:
        client.close()
