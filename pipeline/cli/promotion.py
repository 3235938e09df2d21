"""`taxiway registry promote` and `rollback`: which version serves under which name."""

from __future__ import annotations

import getpass
import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import json_option, load, settings_option, workspace_option
from pipeline.errors import UsageError
from pipeline.registry.errors import as_cli_errors

if TYPE_CHECKING:
    from serving.store.model_config import Event

why_option = click.option("--why", default="", help="The reason, for the history.")


@click.command(short_help="Let a version serve under an alias.")
@click.argument("version", type=int)
@click.option("--alias", default="stable", show_default=True, help="TF Serving's version label.")
@why_option
@settings_option
@workspace_option
@json_option
def promote(
    version: int,
    alias: str,
    why: str,
    settings_file: Path | None,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Let a version serve under an alias, after proving that it loads and answers."""
    from pipeline.registry import promotion
    from pipeline.workspace import Workspace
    from serving.store import aliases

    if not re.fullmatch(r"[a-z][a-z0-9_-]*", alias):
        raise UsageError(
            f"--alias {alias}: an alias is made of small letters, digits, - and _, "
            "and begins with a letter."
        )
    settings = load(settings_file, workspace)
    base = Workspace(settings.workspace, settings.name).model_base
    with as_cli_errors():
        event = aliases.promote(
            base, version, getpass.getuser(), alias, why=why,
            server=promotion.server(settings.publish, _wait),
        )  # fmt: skip
    _tell(event, f"Version {version} has the alias {alias} already.", base, as_json)


@click.command(short_help="Let an earlier version serve again.")
@click.argument("version", type=int, required=False)
@why_option
@settings_option
@workspace_option
@json_option
def rollback(
    version: int | None,
    why: str,
    settings_file: Path | None,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Let an earlier version serve again: VERSION, or the one that was `stable` before.

    The next blessed model becomes stable as ever, unless publish.promote is false.
    """
    from pipeline.registry import promotion
    from pipeline.workspace import Workspace
    from serving.store import aliases, model_config

    settings = load(settings_file, workspace)
    base = Workspace(settings.workspace, settings.name).model_base
    with as_cli_errors():
        target = version if version is not None else model_config.load_served_model(base).previous()
        if target is None:
            raise UsageError(
                f"{base}: no version was {model_config.STABLE} before the present one.",
                "taxiway registry list",
            )
        event = aliases.promote(
            base, target, getpass.getuser(), action="rollback", why=why,
            server=promotion.server(settings.publish, _wait),
        )  # fmt: skip
    _tell(event, f"Version {target} is {model_config.STABLE} already.", base, as_json)


@click.command()
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    help="Newest versions and runs to keep.  [default: the settings']",
)
@click.option("--dry-run", is_flag=True, help="Only list what would be removed.")
@settings_option
@workspace_option
@json_option
def gc(
    keep: int | None,
    dry_run: bool,
    settings_file: Path | None,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Remove old versions and artifacts that nothing needs.

    These stay: versions that serve, have an alias, or would be rolled back to, the baseline, and
    the newest. Executions that a killed run left running are closed.
    """
    from pipeline.metadata import store as metadata
    from pipeline.workspace import Workspace
    from serving.storage import local
    from serving.store import lock
    from serving.store import publish as versions

    settings = load(settings_file, workspace)
    place = Workspace(settings.workspace, settings.name)
    if not metadata.exists(settings) or not place.artifacts.exists():
        raise UsageError(f"{place.root}: there is no run here yet.", "taxiway run")
    local.make_folder(place.model_base.parent)  # for its lock; perhaps no model was good enough yet
    with (
        as_cli_errors(),
        place.exclusive(),
        lock.exclusive(place.model_base.parent, versions.WAIT_SECONDS),
    ):
        from pipeline.orchestration import recovery
        from pipeline.registry import promotion, retention

        store = metadata.open_store(settings)
        metadata.claim(store, settings)
        closed = 0 if dry_run else len(recovery.close(store, place.artifacts, settings.beam))
        found = retention.plan(
            place, store, keep or settings.publish.keep, promotion.server(settings.publish)
        )
        if not dry_run:
            retention.apply(store, found)
    if as_json:
        removed = [
            {"kind": each.kind, "path": str(each.path), "bytes": each.bytes} for each in found
        ]
        click.echo(json.dumps({"removed": not dry_run, "found": removed, "closed": closed}))
        return
    from pipeline.cli.tables.registry import garbage

    garbage(found, place.root)
    total = sum(each.bytes for each in found) / 1e6
    click.echo(f"{total:,.1f} MB {'would be removed' if dry_run else 'removed'}.")
    if closed:
        click.echo(f"{closed} interrupted executions closed.")


def _wait(seconds: float) -> None:
    click.echo(f"TF Serving is given {seconds:.0f} s to load it before the label moves.", err=True)
    time.sleep(seconds)


def _tell(event: Event | None, nothing: str, base: Path, as_json: bool) -> None:
    from serving.store.model_config import CONFIG

    if as_json:
        content = None if event is None else event.model_dump(mode="json")
        click.echo(json.dumps({"event": content}))
    elif event is None:
        click.echo(nothing)
    else:
        moved = event.before not in (None, event.version)
        before = f", before: version {event.before}" if moved else ""
        click.echo(f"Version {event.version} is {event.alias} now{before}.")
        click.echo(f"TF Serving reads it from {base.parent / CONFIG}.")
