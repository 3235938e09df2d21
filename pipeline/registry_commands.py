"""`taxiway registry`: the published versions, from the manifests beside them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.errors import InfrastructureError, UsageError
from pipeline.options import json_option, load, settings_option, workspace_option

if TYPE_CHECKING:
    from serving.manifest import Manifest


@click.group()
def registry() -> None:
    """Look at the published versions: where each comes from, and how good it is."""


@registry.command("list")
@settings_option
@workspace_option
@json_option
def list_(settings_file: Path | None, workspace: Path | None, as_json: bool) -> None:
    """List the published versions, newest first."""
    found = _manifests(_base(settings_file, workspace))
    if as_json:
        content = [_entry(version, manifest, max(found)) for version, manifest in found.items()]
        click.echo(json.dumps({"versions": content}))
        return
    from pipeline.registry_tables import versions

    versions(found)


@registry.command()
@click.argument("version", type=int)
@settings_option
@workspace_option
@json_option
def show(version: int, settings_file: Path | None, workspace: Path | None, as_json: bool) -> None:
    """Show what is known of a version."""
    manifest = _one(_base(settings_file, workspace), version)
    if as_json:
        click.echo(manifest.to_json(), nl=False)
        return
    from pipeline.registry_tables import version as table

    table(manifest)


@registry.command()
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
    from pipeline.registry_tables import comparison

    comparison(first, second)


@registry.command()
@settings_option
@workspace_option
@json_option
def verify(settings_file: Path | None, workspace: Path | None, as_json: bool) -> None:
    """Compare the files of every version with its manifest; exit 5 when something differs."""
    from serving import store

    base = _base(settings_file, workspace)
    found = {version: store.verify_hashes(base / str(version)) for version in store.versions(base)}
    if as_json:
        click.echo(json.dumps({"problems": {str(key): value for key, value in found.items()}}))
    else:
        for version, problems in found.items():
            click.echo(f"{'✗' if problems else '✓'} version {version}")
            for problem in problems:
                click.echo(f"    {problem}")
        if not found:
            click.echo(f"No version is published under {base} yet.")
    if any(found.values()):
        sys.exit(InfrastructureError.exit_code)


def _base(settings_file: Path | None, workspace: Path | None) -> Path:
    from pipeline.workspace import Workspace

    settings = load(settings_file, workspace)
    return Workspace(settings.workspace, settings.name).model_base


def _manifests(base: Path) -> dict[int, Manifest]:
    """Return the manifests by version, newest first."""
    from serving import store

    return dict(sorted(store.manifests(base).items(), reverse=True))


def _one(base: Path, version: int) -> Manifest:
    from serving import manifest, store
    from serving.errors import UnreadableManifest

    known = store.versions(base)
    if version not in known:
        listed = ", ".join(map(str, known)) or "none"
        raise UsageError(
            f"{base}: there is no version {version}; published: {listed}.", "taxiway registry list"
        )
    try:
        return manifest.read(base / str(version))
    except UnreadableManifest as error:
        raise InfrastructureError(f"{error.where}: {error.what}.", error.next_step) from error


def _entry(version: int, manifest: Manifest, newest: int) -> dict[str, object]:
    return {
        "version": version,
        "state": "serving" if version == newest else "retired",
        **{
            key: value
            for key, value in json.loads(manifest.to_json()).items()
            if key in ("model_id", "published_at", "run_id", "spans", "metrics", "hyperparameters")
        },
    }
