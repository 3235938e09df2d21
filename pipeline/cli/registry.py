"""`taxiway registry`: every model, from the manifests beside them and the records of the runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli import program
from pipeline.cli.options import json_option, load, settings_option, workspace_option
from pipeline.cli.promotion import gc, promote, rollback
from pipeline.errors import InfrastructureError, UsageError
from pipeline.registry.errors import as_cli_errors

if TYPE_CHECKING:
    from pipeline.registry.models import Entry
    from pipeline.runs.records import RunRecord
    from pipeline.workspace import Workspace
    from serving.store.manifest import Manifest

# Of the beginning of a model's id; a shorter number is a version.
_SHORTEST_ID = 8


@click.group(short_help="Look at the models, and choose which one serves.")
def registry() -> None:
    """Look at the models: where each comes from, how good it is, and which one serves."""


registry.add_command(promote)
registry.add_command(rollback)
registry.add_command(gc)


@registry.command("list", short_help="List every model, the newest first.")
@settings_option
@workspace_option
@json_option
def list_(settings_file: Path | None, workspace: Path | None, as_json: bool) -> None:
    """List every model, the newest first: candidate, blessed, serving or retired."""
    from pipeline.registry import models

    place = _workspace(settings_file, workspace)
    with as_cli_errors():
        found = models.entries(place)
    if as_json:
        click.echo(json.dumps({"models": [_entry(each) for each in found]}))
        return
    from pipeline.cli.tables.registry import listing

    listing(found, place.root)


@registry.command()
@click.argument("model", metavar="VERSION|MODEL_ID|RUN_ID")
@settings_option
@workspace_option
@json_option
def show(model: str, settings_file: Path | None, workspace: Path | None, as_json: bool) -> None:
    """Show what is known of a model; of one that was refused, why."""
    place = _workspace(settings_file, workspace)
    known: Manifest | RunRecord
    if model.isdecimal() and len(model) < _SHORTEST_ID:
        known = _one(place.model_base, int(model))
    else:
        known = _found(place, model)
    if as_json:
        click.echo(known.model_dump_json(indent=2))
        return
    from pipeline.cli.tables import registry as registry_tables
    from pipeline.runs.records import RunRecord

    if isinstance(known, RunRecord):
        registry_tables.candidate(known)
    else:
        registry_tables.version(known)


@registry.command()
@settings_option
@workspace_option
@json_option
def history(settings_file: Path | None, workspace: Path | None, as_json: bool) -> None:
    """Show who gave which alias to which version, when and why."""
    from serving.store import model_config

    with as_cli_errors():
        events = model_config.load_served_model(_base(settings_file, workspace)).history
    if as_json:
        click.echo(json.dumps({"events": [event.model_dump(mode="json") for event in events]}))
        return
    from pipeline.cli.tables.registry import history as table

    table(events)


@registry.command(short_help="Show how two versions differ.")
@click.argument("one", type=int)
@click.argument("other", type=int)
@settings_option
@workspace_option
@json_option
def compare(
    one: int, other: int, settings_file: Path | None, workspace: Path | None, as_json: bool
) -> None:
    """Show how two versions differ: spans, code, hyperparameters, metrics overall and by slice."""
    base = _base(settings_file, workspace)
    first, second = _one(base, one), _one(base, other)
    if as_json:
        both = [json.loads(each.to_json()) for each in (first, second)]
        differing = {
            key: [each[key] for each in both] for key in both[0] if both[0][key] != both[1][key]
        }
        click.echo(json.dumps(differing))
        return
    from pipeline.cli.tables.registry import comparison

    comparison(first, second)


@registry.command()
@click.argument("version", type=int)
@settings_option
@workspace_option
@json_option
def lineage(
    version: int, settings_file: Path | None, workspace: Path | None, as_json: bool
) -> None:
    """Show what a version came from, back to the source's files."""
    settings = load(settings_file, workspace)
    place = _workspace(settings_file, workspace)
    known = _one(place.model_base, version)
    from pipeline.metadata import lineage as module
    from pipeline.metadata import store as metadata

    found, lost = None, "ML Metadata does not have it."
    if metadata.exists(settings):
        try:
            found = module.trace(metadata.open_store(settings), known)
        except InfrastructureError as error:
            lost = error.what
    origin = found or module.from_manifest(known)
    if as_json:
        content = {"version": version, "ml_metadata": found is not None, **asdict(origin)}
        click.echo(json.dumps(content))
        return
    from pipeline.cli.tables.registry import origins

    origins(known, origin, place.root)
    if found is None:
        click.echo(f"{lost} This is what the manifest says.")


@registry.command(short_help="Hold every version to its manifest.")
@click.option("--rebuild", is_flag=True, help="Make ML Metadata say what the manifests say, first.")
@settings_option
@workspace_option
@json_option
def verify(
    rebuild: bool, settings_file: Path | None, workspace: Path | None, as_json: bool
) -> None:
    """Compare every version with its manifest, and the manifests with ML Metadata.

    Exit code 5 when something differs.
    """
    from pipeline.metadata import store as metadata
    from pipeline.registry import index
    from serving.store import publish

    settings = load(settings_file, workspace)
    base = _base(settings_file, workspace)
    found = {
        version: publish.verify_hashes(base / str(version)) for version in publish.versions(base)
    }
    known = publish.manifests(base)
    differences, entered = [], list[int]()
    if known or metadata.exists(settings):
        ml_metadata = metadata.open_store(settings)
        if rebuild:
            metadata.claim(ml_metadata, settings)
        entered = index.rebuild(ml_metadata, base, known) if rebuild else []
        differences = index.differences(ml_metadata, base, known)
    if as_json:
        problems = {str(version): each for version, each in found.items()}
        click.echo(
            json.dumps({"problems": problems, "ml_metadata": differences, "entered": entered})
        )
    else:
        _tell_verified(found, differences, entered, base)
    if differences or any(found.values()):
        sys.exit(InfrastructureError.exit_code)


def _tell_verified(
    found: Mapping[int, Sequence[str]],
    differences: Sequence[str],
    entered: Sequence[int],
    base: Path,
) -> None:
    for version, problems in found.items():
        click.echo(f"{'✗' if problems else '✓'} version {version}")
        for problem in problems:
            click.echo(f"    {problem}")
    for version in entered:
        click.echo(f"+ version {version} entered into ML Metadata")
    for difference in differences:
        click.echo(f"✗ {difference}")
    if not found:
        click.echo(f"No version is published under {base} yet.")
    if differences:
        click.echo(f"Next   {program.as_typed('taxiway registry verify --rebuild')}")


def _workspace(settings_file: Path | None, workspace: Path | None) -> Workspace:
    from pipeline.workspace import Workspace

    settings = load(settings_file, workspace)
    return Workspace(settings.workspace, settings.name)


def _base(settings_file: Path | None, workspace: Path | None) -> Path:
    return _workspace(settings_file, workspace).model_base


def _found(workspace: Workspace, name: str) -> Manifest | RunRecord:
    """Find a model by the beginning of its id or by the run that made it; else find a run."""
    from pipeline.registry import models
    from pipeline.runs import records

    with as_cli_errors():
        entries = models.entries(workspace)
    for entry in entries:
        if entry.run_id == name or (len(name) >= _SHORTEST_ID and entry.model_id.startswith(name)):
            known = entry.manifest or entry.record
            assert known is not None, "an entry is a version or comes from a record"
            return known
    # It may have refused a model that another run had published.
    known = records.read_all(workspace.runs).get(name)
    if known is None:
        raise UsageError(
            f"{workspace.root}: there is no model or run {name}.", "taxiway registry list"
        )
    return known


def _one(base: Path, version: int) -> Manifest:
    from serving.store import manifest, publish

    known = publish.versions(base)
    if version not in known:
        listed = ", ".join(map(str, known)) or "none"
        raise UsageError(
            f"{base}: there is no version {version}; published: {listed}.", "taxiway registry list"
        )
    with as_cli_errors():
        return manifest.read(base / str(version))


def _entry(entry: Entry) -> dict[str, object]:
    of_run = entry.record
    return {
        "model_id": entry.model_id,
        "uri": entry.uri,
        "version": entry.version,
        "state": entry.state,
        "aliases": entry.aliases,
        "at": entry.at,
        "run_id": entry.run_id,
        "run_seconds": of_run and of_run.seconds,
        "spans": (
            entry.manifest.spans.model_dump(mode="json")
            if entry.manifest
            else {"train": of_run and of_run.train_spans, "eval": of_run and of_run.span}
        ),
        "metrics": entry.metrics,
        "hyperparameters": entry.hyperparameters,
        "reasons": of_run.reasons if of_run and entry.version is None else (),
    }
