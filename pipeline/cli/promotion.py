"""`taxiway registry promote`, `rollback` and `gc`: the commands that change what is published."""

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

why_option = click.option("--why", default="", help="Reason, for the history.")


@click.command(short_help="Point an alias at a version.")
@click.argument("version", type=int)
@click.option(
    "--alias", default="stable", show_default=True,
    help="Alias; a version label of TensorFlow Serving.",
)  # fmt: skip
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
    """Point an alias at VERSION, after a check that the version loads and answers."""
    from pipeline.components.pusher import promotion
    from pipeline.workspace import Workspace
    from serving.store import aliases

    if not re.fullmatch(r"[a-z][a-z0-9_-]*", alias):
        raise UsageError(
            f"--alias: expected a lowercase letter, then lowercase letters, digits, - and _, "
            f"got {alias}.",
            "pass another --alias",
        )
    settings = load(settings_file, workspace)
    base = Workspace(settings.workspace, settings.name).model_base
    with as_cli_errors():
        event = aliases.promote(
            base, version, getpass.getuser(), alias, why=why,
            server=promotion.server_policy(settings.publish, _wait),
        )  # fmt: skip
    _report(event, f"Version {version} already has the alias {alias}.", base, as_json)


@click.command(short_help="Point stable at an earlier version.")
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
    """Point the alias stable at VERSION, or else at the version that was stable before.

    The next blessed model becomes stable as usual, unless publish.promote is false.
    """
    from pipeline.components.pusher import promotion
    from pipeline.workspace import Workspace
    from serving.store import aliases, model_config

    settings = load(settings_file, workspace)
    base = Workspace(settings.workspace, settings.name).model_base
    with as_cli_errors():
        event = aliases.rollback(
            base, getpass.getuser(), version, why,
            server=promotion.server_policy(settings.publish, _wait),
        )  # fmt: skip
    target = "The version before" if version is None else f"Version {version}"
    _report(event, f"{target} is already {model_config.STABLE}.", base, as_json)


@click.command()
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    help="Number of newest versions and runs to keep.  [default: the settings' publish.keep]",
)
@click.option("--dry-run", is_flag=True, help="List the folders without removing them.")
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
    """Remove old versions and artifacts that are no longer required.

    These are kept: the newest versions and runs, the baseline, and versions that are served, have
    an alias, or are the target of a rollback. Executions of killed runs are marked as failed.
    """
    from pipeline.orchestration import recovery
    from pipeline.registry import retention

    settings = load(settings_file, workspace)
    with as_cli_errors():
        collection = retention.collect(settings, recovery.fail_abandoned, keep, dry_run)
    garbage, closed = collection.garbage, collection.interrupted
    if as_json:
        folders = [
            {"kind": item.kind, "path": str(item.path), "bytes": item.bytes} for item in garbage
        ]
        click.echo(json.dumps({"removed": not dry_run, "found": folders, "closed": closed}))
        return
    from pipeline.cli.tables import registry as tables

    tables.garbage(garbage, settings.workspace)
    total = sum(item.bytes for item in garbage) / 1e6
    click.echo(f"{total:,.1f} MB {'would be removed' if dry_run else 'removed'}.")
    if closed:
        click.echo(f"{closed} interrupted executions marked as failed.")


def _wait(seconds: float) -> None:
    click.echo(
        f"Waiting {seconds:.0f} s, so that TensorFlow Serving loads the version before its label "
        "moves.",
        err=True,
    )
    time.sleep(seconds)


def _report(event: Event | None, unchanged: str, base: Path, as_json: bool) -> None:
    from serving.store.model_config import CONFIG

    if as_json:
        content = None if event is None else event.model_dump(mode="json")
        click.echo(json.dumps({"event": content}))
    elif event is None:
        click.echo(unchanged)
    else:
        moved = event.before not in (None, event.version)
        before = f" (before: version {event.before})" if moved else ""
        click.echo(f"Version {event.version} is now {event.alias}{before}.")
        click.echo(f"TensorFlow Serving reads it from {base.parent / CONFIG}.")
