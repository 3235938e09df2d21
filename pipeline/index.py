"""ML Metadata as the index of what was published: compare it with the manifests, and rebuild it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ml_metadata import errors, metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline import metadata
from serving.manifest import Manifest

# TFX's names.
_TYPE = "PushedModel"
_PUSHED, _DESTINATION, _VERSION = "pushed", "pushed_destination", "pushed_version"
MODEL_ID = "model_id"


def differences(
    store: metadata_store.MetadataStore, base: Path, found: Mapping[int, Manifest]
) -> list[str]:
    """Compare ML Metadata with the manifests, both ways.

    Args:
      store: ML Metadata.
      base: TF Serving's model base path.
      found: the manifests under it, by version.

    Returns:
      What differs; nothing when both say the same.
    """
    pushed = {Path(metadata.text(each, _DESTINATION)): each for each in _pushed(store)}
    problems = []
    for version, known in found.items():
        indexed = pushed.get(base / str(version))
        if indexed is None:
            problems.append(f"version {version}: ML Metadata does not know it")
        elif (model_id := metadata.text(indexed, MODEL_ID)) != known.model_id:
            problems.append(
                f"version {version}: its manifest has model {known.model_id[:12]}, "
                f"ML Metadata's artifact {indexed.id} has {model_id[:12] or 'none'}"
            )
    for folder, artifact in sorted(pushed.items()):
        gone = folder.parent == base and int(folder.name) not in found
        if gone and artifact.state == mlmd.Artifact.LIVE:
            problems.append(
                f"version {folder.name}: ML Metadata's artifact {artifact.id} says that it was "
                "published, and it has no readable manifest"
            )
    return problems


def rebuild(
    store: metadata_store.MetadataStore, base: Path, found: Mapping[int, Manifest]
) -> list[int]:
    """Make ML Metadata say what the manifests say.

    Args:
      store: ML Metadata.
      base: TF Serving's model base path.
      found: the manifests under it, by version.

    Returns:
      The versions that were entered or corrected; none the second time.
    """
    known = {Path(metadata.text(each, _DESTINATION)): each for each in _pushed(store)}
    changed: list[mlmd.Artifact] = []
    corrected = []
    for version, manifest in found.items():
        folder = base / str(version)
        artifact = known.get(folder)
        if artifact is not None:
            if metadata.text(artifact, MODEL_ID) == manifest.model_id:
                continue
        else:
            artifact = mlmd.Artifact(uri=str(folder), type_id=_type_id(store))
            artifact.custom_properties[_PUSHED].int_value = 1
            artifact.custom_properties[_DESTINATION].string_value = str(folder)
            artifact.custom_properties[_VERSION].string_value = str(version)
        artifact.state = mlmd.Artifact.LIVE
        artifact.custom_properties[MODEL_ID].string_value = manifest.model_id
        changed.append(artifact)
        corrected.append(version)
    for folder, artifact in known.items():
        if folder.parent == base and int(folder.name) not in found:
            artifact.state = mlmd.Artifact.DELETED
            changed.append(artifact)
    if changed:
        store.put_artifacts(changed)
    return corrected


def _pushed(store: metadata_store.MetadataStore) -> list[mlmd.Artifact]:
    """Return the artifacts that say that something was published, the latest of a version last."""
    artifacts = store.get_artifacts_by_type(_TYPE)
    found = [each for each in artifacts if metadata.number(each, _PUSHED)]
    return sorted(found, key=lambda each: each.id)


def _type_id(store: metadata_store.MetadataStore) -> int:
    try:
        return int(store.get_artifact_type(_TYPE).id)
    except errors.NotFoundError:
        return int(store.put_artifact_type(mlmd.ArtifactType(name=_TYPE)))
