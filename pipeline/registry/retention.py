"""Remove what no served model, no next run and no rollback needs."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.components.pusher.promotion import server_policy
from pipeline.errors import UsageError
from pipeline.metadata import executions, lineage, properties
from pipeline.metadata import store as metadata
from pipeline.metadata.blessed import latest_blessed_model
from pipeline.settings.beam import BeamSettings
from pipeline.settings.sections import Settings
from pipeline.workspace import Workspace
from serving.storage import local
from serving.store import lock, model_config, publish

# Marks the executions of killed runs as failed and returns their nodes.
FailAbandoned = Callable[[metadata_store.MetadataStore, Path, BeamSettings], Sequence[str]]

_HIDDEN = ".gc-"

# No file takes that long to write.
_ABANDONED_SECONDS = 24 * 3600

# The next span is compared with them, and they have a few kilobytes each.
_ALWAYS_KEPT = frozenset({properties.GATE_DECISION})


@dataclass(frozen=True)
class Garbage:
    """A folder or a file to remove.

    Args:
      kind: `version`, `artifact`, or `left over` of a run that was killed.
      path: the folder, or a file that a killed process left.
      bytes: size of the folder.
    """

    kind: str
    path: Path
    bytes: int


@dataclass(frozen=True)
class Collection:
    """The result of one collection.

    Args:
      garbage: what was removed, or would be.
      interrupted: number of executions of killed runs that were marked as failed.
    """

    garbage: Sequence[Garbage]
    interrupted: int


def collect(
    settings: Settings,
    fail_abandoned: FailAbandoned,
    keep: int | None = None,
    dry_run: bool = False,
) -> Collection:
    """Remove the garbage of a workspace while no run and no other change of its models is active.

    Args:
      settings: settings of the pipeline, which name the workspace.
      fail_abandoned: function that marks the executions of killed runs as failed.
      keep: number of newest versions and of newest runs to keep; default `publish.keep`.
      dry_run: list the garbage without changing anything; default false.

    Raises:
      UsageError: there is no run yet, or the database belongs to another workspace.
      WorkspaceBusy: a run is active.
      StoreBusy: another process changes the models.
      ChangedByHand: models.config is not as Taxiway wrote it.
    """
    workspace = Workspace(settings.workspace, settings.name)
    if not metadata.exists(settings) or not workspace.artifacts.exists():
        raise UsageError(f"{workspace.root}: there is no run yet.", "taxiway run")
    # The lock needs the folder, which is missing while no model was blessed.
    models = workspace.model_base.parent
    local.make_folder(models)
    with workspace.exclusive(), lock.exclusive(models, publish.WAIT_SECONDS):
        store = metadata.open_store(settings)
        metadata.claim(store, settings)
        abandoned = [] if dry_run else fail_abandoned(store, workspace.artifacts, settings.beam)
        policy = server_policy(settings.publish)
        garbage = plan(workspace, store, keep or settings.publish.keep, policy)
        if not dry_run:
            apply(store, garbage)
    return Collection(garbage, len(abandoned))


def plan(
    workspace: Workspace,
    store: metadata_store.MetadataStore,
    keep: int,
    server: model_config.ServerPolicy,
) -> list[Garbage]:
    """List what can be removed.

    Kept are versions that serve, have an alias, are the target of a rollback, or are among the
    newest; and the artifacts of these, of the newest runs, and of the baseline.

    Args:
      workspace: workspace whose lock the caller holds.
      store: ML Metadata store of the workspace.
      keep: number of newest versions and of newest runs to keep.
      server: policy of the server that reads models.config; it may lag behind.

    Returns:
      What to remove, versions first.

    Raises:
      ChangedByHand: models.config is not as Taxiway wrote it.
    """
    old = _old_versions(workspace.model_base, keep, server)
    needed = {_key(artifact.uri) for artifact in _kept_artifacts(workspace, store, keep, old)}
    registered = {_key(artifact.uri) for artifact in store.get_artifacts()}
    ours = {
        execution.id
        for execution in store.get_executions()
        if execution.type != executions.LOST_TYPE
    }
    listed = [("version", workspace.model_base / str(version)) for version in old]
    for folder in executions.output_folders(workspace):
        if _is_hidden(folder):
            listed.append(("left over", folder))
        # A version may have been made from what a lost database had registered.
        elif folder.name.isdecimal() and int(folder.name) in ours and _key(folder) not in needed:
            listed.append(("artifact" if _key(folder) in registered else "left over", folder))
    listed += [("left over", folder) for folder in sorted(workspace.model_base.glob(f"{_HIDDEN}*"))]
    listed += [("left over", file) for file in _unfinished_files(workspace.root)]
    return [Garbage(kind, folder, _size(folder)) for kind, folder in listed]


def apply(store: metadata_store.MetadataStore, garbage: Iterable[Garbage]) -> None:
    """Remove garbage so that a kill at any point leaves nothing that looks whole.

    ML Metadata is updated first, because a cache that returns missing files would stop a run.

    Args:
      store: ML Metadata store.
      garbage: result of `plan`.
    """
    folders = {_key(item.path) for item in garbage}
    removed = [artifact for artifact in store.get_artifacts() if _keys(artifact) & folders]
    for artifact in removed:
        artifact.state = mlmd.Artifact.DELETED
    if removed:
        store.put_artifacts(removed)
    for item in garbage:
        hidden = item.path
        if hidden.is_file():
            hidden.unlink()
            continue
        if not _is_hidden(hidden):
            hidden = item.path.with_name(f"{_HIDDEN}{item.path.name}")
            item.path.rename(hidden)
        shutil.rmtree(hidden)


def _key(path: str | Path) -> tuple[str, ...]:
    """Return NODE/OUTPUT/EXECUTION or MODEL/VERSION: unique, wherever the workspace is now."""
    return Path(path).parts[-3:]


def _keys(artifact: mlmd.Artifact) -> set[tuple[str, ...]]:
    destination = properties.text(artifact, properties.PUSHED_DESTINATION)
    return {_key(artifact.uri), _key(destination)}


def _old_versions(base: Path, keep: int, server: model_config.ServerPolicy) -> list[int]:
    versions = publish.versions(base)
    served = model_config.load_served_model(base)
    needed = {*served.loads, *served.recently_served(server), *versions[-keep:]}
    needed |= {before for alias in served.aliases if (before := served.previous(alias)) is not None}
    return [version for version in versions if version not in needed]


def _kept_artifacts(
    workspace: Workspace, store: metadata_store.MetadataStore, keep: int, old: list[int]
) -> list[mlmd.Artifact]:
    live = [artifact for artifact in store.get_artifacts() if artifact.state == mlmd.Artifact.LIVE]
    roots = set(_newest_executions(store, keep))
    for version, manifest in publish.manifests(workspace.model_base).items():
        if version not in old and "execution_id" in manifest.mlmd:
            roots.add(manifest.mlmd["execution_id"])
    present = {execution.id for execution in store.get_executions()}
    _, upstream = lineage.upstream(store, roots & present)
    baseline = latest_blessed_model(store)
    baseline_id = 0 if baseline is None else baseline.id
    return [
        artifact
        for artifact in live
        if artifact.id in {*upstream, baseline_id}
        or artifact.type in _ALWAYS_KEPT
        or (baseline_id and properties.number(artifact, properties.CURRENT_MODEL_ID) == baseline_id)
    ]


def _newest_executions(store: metadata_store.MetadataStore, keep: int) -> Iterator[int]:
    runs = store.get_contexts_by_type(properties.PIPELINE_RUN)
    for run in sorted(runs, key=lambda run: run.id)[-keep:]:
        for execution in store.get_executions_by_context(run.id):
            yield execution.id


def _unfinished_files(root: Path) -> Iterator[Path]:
    """Yield the files that a killed process was writing; a younger one may have a live writer."""
    latest = time.time() - _ABANDONED_SECONDS
    for pattern in (
        f"{local.UNFINISHED}*",
        f"*/{local.UNFINISHED}*",
        f"data/**/{local.UNFINISHED}*",
    ):
        for file in sorted(root.glob(pattern)):
            if file.is_file() and file.stat().st_mtime < latest:
                yield file


def _is_hidden(folder: Path) -> bool:
    return folder.name.startswith(_HIDDEN)


def _size(folder: Path) -> int:
    if folder.is_file():
        return folder.stat().st_size
    return sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file())
