"""Move the paths in ML Metadata to where the workspace is now."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ml_metadata import errors, metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.metadata import properties
from pipeline.workspace import Workspace

# Type of the context that names the folder of the workspace which owns a database.
WORKSPACE_TYPE = "taxiway.Workspace"

# Artifacts of one transaction.
_BATCH = 1000

_log = logging.getLogger(__name__)


def owners(store: metadata_store.MetadataStore) -> list[mlmd.Context]:
    """Return the contexts that name the folder of the workspace; none in an older database.

    Args:
      store: ML Metadata store.
    """
    return list(store.get_contexts_by_type(WORKSPACE_TYPE))


def former_roots(artifacts: Iterable[mlmd.Artifact], root: Path) -> set[str]:
    """Return the folders that the workspace had when artifacts were written; not its present one.

    Args:
      artifacts: artifacts of ML Metadata.
      root: folder of the workspace.
    """
    roots = {_workspace_of(path) for artifact in artifacts for path in _paths(artifact)}
    # A workspace may be reached by several paths, such as links; then it was not moved.
    return {former for former in roots - {""} if Path(former).resolve() != root.resolve()}


def relocate(store: metadata_store.MetadataStore, workspace: Workspace) -> str:
    """Rewrite the paths of artifacts that were written when the workspace had another folder.

    A kill leaves some paths rewritten, and a second call rewrites the rest.

    Args:
      store: ML Metadata store that belongs to this workspace alone.
      workspace: workspace whose lock the caller holds.

    Returns:
      The folder that the workspace had before; "" when it was not moved.
    """
    root, registered = str(workspace.root.resolve()), owners(store)
    if [owner.name for owner in registered] == [root]:
        return ""
    artifacts = store.get_artifacts()
    former = former_roots(artifacts, workspace.root)
    moved = [artifact for artifact in artifacts if _move(artifact, former, workspace.root)]
    for start in range(0, len(moved), _BATCH):
        store.put_artifacts(moved[start : start + _BATCH])
    # The owner is written last: until then, the next run looks for such paths again.
    _own(store, registered, root)
    if not moved:
        return ""
    before = ", ".join(sorted(former))
    _log.warning(
        "the workspace was moved from %s to %s: the paths of %d artifacts in ML Metadata are "
        "rewritten", before, workspace.root, len(moved),
    )  # fmt: skip
    return before


def _own(store: metadata_store.MetadataStore, registered: list[mlmd.Context], root: str) -> None:
    kind = store.put_context_type(mlmd.ContextType(name=WORKSPACE_TYPE))
    owner = registered[0] if registered else mlmd.Context(type_id=kind)
    owner.name = root
    with suppress(errors.AlreadyExistsError):  # a run that starts beside this one was faster
        store.put_contexts([owner])


def _move(artifact: mlmd.Artifact, former: set[str], root: Path) -> bool:
    """Rewrite the paths of an artifact in place; return whether any was in a former folder."""
    outside = {path for path in _paths(artifact) if _workspace_of(path) in former}
    for path in outside:
        moved = str(root / Path(path).relative_to(_workspace_of(path)))
        if artifact.uri == path:
            artifact.uri = moved
        if properties.text(artifact, properties.PUSHED_DESTINATION) == path:
            artifact.custom_properties[properties.PUSHED_DESTINATION].string_value = moved
    return bool(outside)


def _paths(artifact: mlmd.Artifact) -> tuple[str, str]:
    return artifact.uri, properties.text(artifact, properties.PUSHED_DESTINATION)


def _workspace_of(path: str) -> str:
    """Return the workspace of WORKSPACE/artifacts/NODE/OUTPUT/EXECUTION or /models/MODEL/VERSION.

    Other paths are in no workspace; their result is "".
    """
    parents = Path(path).parents
    for depth, name in ((2, "artifacts"), (1, "models")):
        in_folder = len(parents) > depth + 1 and parents[depth].name == name
        if in_folder and Path(path).name.isdecimal() and "://" not in path:
            return str(parents[depth + 1])
    return ""
