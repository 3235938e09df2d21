"""ML Metadata as the index of what was published: compare it with the manifests, and rebuild it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from ml_metadata import errors, metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.metadata import lineage
from pipeline.metadata import store as metadata
from pipeline.metadata.blessed import BLESSED
from serving.store.manifest import Manifest

# TFX's names.
_TYPE = "PushedModel"
_PUSHED, _DESTINATION, _VERSION = "pushed", "pushed_destination", "pushed_version"
MODEL_ID = "model_id"
_BLESSINGS = ("ModelBlessing", "InfraBlessing")


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
    pushed = _pushed(store)
    problems: list[str] = []
    for version, known in found.items():
        problems += _of_version(store, known, pushed.get(_place(base / str(version)), []))
        problems += _of_judges(store, known)
    for folder, artifacts in sorted(pushed.items()):
        gone = folder.parent == _place(base) and int(folder.name) not in found
        if gone and artifacts[-1].state == mlmd.Artifact.LIVE:
            problems.append(
                f"version {folder.name}: ML Metadata's artifact {artifacts[-1].id} says that it "
                "was published, and it has no readable manifest"
            )
    return problems


def _of_version(
    store: metadata_store.MetadataStore, known: Manifest, artifacts: Sequence[mlmd.Artifact]
) -> Iterator[str]:
    """Yield how the artifacts of a version, the oldest first, differ from its manifest."""
    if not artifacts:
        yield f"version {known.version}: ML Metadata does not know it"
        return
    latest = artifacts[-1]
    model_id = metadata.text(latest, MODEL_ID)
    if model_id != known.model_id:
        yield (
            f"version {known.version}: its manifest has model {known.model_id[:12]}, "
            f"ML Metadata's artifact {latest.id} has {model_id[:12] or 'none'}"
        )
    execution_id = known.mlmd.get("execution_id")
    if not execution_id or not lineage.makers(store, latest.id):
        return  # it was entered from the manifest, or the manifest does not say
    makers = set().union(*(lineage.makers(store, each.id) for each in artifacts))
    runs = {maker: lineage.run_of(store, maker) for maker in makers}
    if runs.get(execution_id) != known.run_id:
        others = ", ".join(f"{maker} of run {run}" for maker, run in sorted(runs.items()))
        yield (
            f"version {known.version}: its manifest names execution {execution_id} of run "
            f"{known.run_id}, ML Metadata {others}"
        )


def _of_judges(store: metadata_store.MetadataStore, known: Manifest) -> Iterator[str]:
    """Yield which blessings of a manifest ML Metadata does not have; no index can mend that."""
    execution_id = known.mlmd.get("execution_id", 0)
    if lineage.run_of(store, execution_id) != known.run_id:
        return
    for artifact in lineage.inputs(store, execution_id):
        if artifact.type in _BLESSINGS and not metadata.number(artifact, BLESSED):
            yield (
                f"version {known.version}: its manifest says that it is blessed, ML Metadata's "
                f"{artifact.type} {artifact.id} does not; let another version serve"
            )


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
    known = _pushed(store)
    changed: list[mlmd.Artifact] = []
    corrected = []
    for version, manifest in found.items():
        folder = base / str(version)
        artifacts = known.get(_place(folder), [])
        if not any(_of_version(store, manifest, artifacts)):
            continue
        artifact = mlmd.Artifact(uri=str(folder), type_id=_type_id(store))
        artifact.custom_properties[_PUSHED].int_value = 1
        artifact.custom_properties[_DESTINATION].string_value = str(folder)
        artifact.custom_properties[_VERSION].string_value = str(version)
        artifact.custom_properties[MODEL_ID].string_value = manifest.model_id
        artifact.state = mlmd.Artifact.LIVE
        changed += [*_deleted(artifacts), artifact]
        corrected.append(version)
    for folder, artifacts in known.items():
        if folder.parent == _place(base) and int(folder.name) not in found:
            changed += _deleted(artifacts)
    if changed:
        store.put_artifacts(changed)
    return corrected


def _deleted(artifacts: Iterable[mlmd.Artifact]) -> Iterator[mlmd.Artifact]:
    for artifact in artifacts:
        artifact.state = mlmd.Artifact.DELETED
        yield artifact


def _place(folder: Path) -> Path:
    """Return a folder's one name, however the workspace is spelled."""
    return folder.resolve()


def _pushed(store: metadata_store.MetadataStore) -> dict[Path, list[mlmd.Artifact]]:
    """Return the artifacts that say that something was published, by folder, the oldest first."""
    found: dict[Path, list[mlmd.Artifact]] = {}
    for artifact in sorted(store.get_artifacts_by_type(_TYPE), key=lambda each: each.id):
        if metadata.number(artifact, _PUSHED):
            folder = _place(Path(metadata.text(artifact, _DESTINATION)))
            found.setdefault(folder, []).append(artifact)
    return found


def _type_id(store: metadata_store.MetadataStore) -> int:
    try:
        return int(store.get_artifact_type(_TYPE).id)
    except errors.NotFoundError:
        return int(store.put_artifact_type(mlmd.ArtifactType(name=_TYPE)))
