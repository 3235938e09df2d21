"""Artifacts of ML Metadata and their files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.metadata import properties
from serving.store import publish


def discard_outdated(
    store: metadata_store.MetadataStore, artifacts: Iterable[mlmd.Artifact]
) -> list[mlmd.Artifact]:
    """Mark artifacts that a cache must not return as deleted.

    TFX itself checks that the files are there. It cannot know that a pushed model is no longer the
    newest version, or that a model that was not fit to serve is worth a second try, because the
    machine may have been busy.

    Args:
      store: ML Metadata store.
      artifacts: outputs of a cached execution.

    Returns:
      The artifacts that were marked.
    """
    outdated = [artifact for artifact in artifacts if not _is_current(artifact)]
    for artifact in outdated:
        artifact.state = mlmd.Artifact.DELETED
    if outdated:
        store.put_artifacts(outdated)
    return outdated


def _is_current(artifact: mlmd.Artifact) -> bool:
    if artifact.type == properties.INFRA_BLESSING:
        return bool(properties.number(artifact, properties.BLESSED))
    destination = properties.text(artifact, properties.PUSHED_DESTINATION)
    if not destination:
        return True
    version = Path(destination)
    return version.exists() and int(version.name) == max(publish.versions(version.parent))
