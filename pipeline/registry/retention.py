"""Remove what no served model, no next run and no rollback needs."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.metadata import lineage
from pipeline.metadata import store as metadata
from pipeline.metadata.blessed import JUDGED, latest_blessed_model
from pipeline.workspace import Workspace
from serving.store import aliases
from serving.store import publish as versions

_HIDDEN = ".gc-"

# What the next span is compared with; a few kilobytes each.
_ALWAYS_KEPT = frozenset({"GateDecision"})


@dataclass(frozen=True)
class Garbage:
    """Something to remove.

    Args:
      kind: `version`, `artifact`, or `left over` of a run that was killed.
      path: its folder.
      bytes: that it takes.
    """

    kind: str
    path: Path
    bytes: int


def garbage(
    workspace: Workspace, store: metadata_store.MetadataStore, keep: int, server: aliases.Server
) -> list[Garbage]:
    """List what can be removed.

    Kept are versions that serve, have an alias, would be rolled back to, or are among the newest;
    and the artifacts of these, of the newest runs, and of the baseline.

    Args:
      workspace: whose lock the caller holds.
      store: its ML Metadata.
      keep: how many of the newest versions and runs to keep.
      server: that reads the file of aliases; it may lag behind.

    Returns:
      What to remove: versions first.

    Raises:
      ChangedByHand: the file of aliases is not what was written.
    """
    old = _old_versions(workspace.model_base, keep, server)
    kept = {_folder(each.uri) for each in _kept_artifacts(workspace, store, keep, old)}
    known = {_folder(artifact.uri) for artifact in store.get_artifacts()}
    ours = {each.id for each in store.get_executions() if each.type != metadata.LOST}
    found = [Garbage("version", workspace.model_base / str(each), 0) for each in old]
    for folder in metadata.execution_folders(workspace):
        if _is_hidden(folder):
            found.append(Garbage("left over", folder, 0))
        # What a lost database knew may be what a version was made from.
        elif folder.name.isdecimal() and int(folder.name) in ours and _folder(folder) not in kept:
            kind = "artifact" if _folder(folder) in known else "left over"
            found.append(Garbage(kind, folder, 0))
    found += [
        Garbage("left over", folder, 0)
        for folder in sorted(workspace.model_base.glob(f"{_HIDDEN}*"))
    ]
    return [Garbage(each.kind, each.path, _bytes(each.path)) for each in found]


def _folder(place: str | Path) -> tuple[str, ...]:
    """Return NODE/OUTPUT/EXECUTION, or MODEL/VERSION: unique, wherever the workspace is now."""
    return Path(place).parts[-3:]


def remove(store: metadata_store.MetadataStore, found: Iterable[Garbage]) -> None:
    """Remove garbage, so that a kill at any point leaves nothing that looks whole.

    ML Metadata hears of it first: a cache that believes in files that are gone would stop a run.

    Args:
      store: ML Metadata.
      found: what `garbage` listed.
    """
    folders = {_folder(each.path) for each in found}
    gone = [artifact for artifact in store.get_artifacts() if _places(artifact) & folders]
    for artifact in gone:
        artifact.state = mlmd.Artifact.DELETED
    if gone:
        store.put_artifacts(gone)
    for each in found:
        hidden = each.path
        if not _is_hidden(hidden):
            hidden = each.path.with_name(f"{_HIDDEN}{each.path.name}")
            each.path.rename(hidden)
        shutil.rmtree(hidden)


def _places(artifact: mlmd.Artifact) -> set[tuple[str, ...]]:
    return {_folder(artifact.uri), _folder(metadata.text(artifact, "pushed_destination"))}


def _old_versions(base: Path, keep: int, server: aliases.Server) -> list[int]:
    found = versions.versions(base)
    served = aliases.of_model(base)
    needed = {*served.loads, *served.may_answer(server), *found[-keep:]}
    needed |= {before for alias in served.aliases if (before := served.previous(alias)) is not None}
    return [version for version in found if version not in needed]


def _kept_artifacts(
    workspace: Workspace, store: metadata_store.MetadataStore, keep: int, old: list[int]
) -> list[mlmd.Artifact]:
    live = [each for each in store.get_artifacts() if each.state == mlmd.Artifact.LIVE]
    roots = set(_of_newest_runs(store, keep))
    for version, manifest in versions.manifests(workspace.model_base).items():
        if version not in old and "execution_id" in manifest.mlmd:
            roots.add(manifest.mlmd["execution_id"])
    present = {execution.id for execution in store.get_executions()}
    _, artifacts = lineage.upstream(store, roots & present)
    baseline = latest_blessed_model(store)
    judged = 0 if baseline is None else baseline.id
    return [
        each
        for each in live
        if each.id in {*artifacts, judged}
        or each.type in _ALWAYS_KEPT
        or (judged and metadata.number(each, JUDGED) == judged)
    ]


def _of_newest_runs(store: metadata_store.MetadataStore, keep: int) -> Iterator[int]:
    runs = [each for each in store.get_contexts() if each.type == "pipeline_run"]
    for run in sorted(runs, key=lambda each: each.id)[-keep:]:
        for execution in store.get_executions_by_context(run.id):
            yield execution.id


def _is_hidden(folder: Path) -> bool:
    return folder.name.startswith(_HIDDEN)


def _bytes(folder: Path) -> int:
    return sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file())
