"""ML Metadata as the index of published versions: compare it with the manifests, and rebuild it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ml_metadata import errors, metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.metadata import lineage, properties
from pipeline.metadata import store as metadata
from pipeline.settings.sections import Settings
from pipeline.workspace import Workspace
from serving.store import publish
from serving.store.manifest import Manifest

_BLESSINGS = (properties.MODEL_BLESSING, properties.INFRA_BLESSING)


@dataclass(frozen=True)
class Verification:
    """How the versions, their manifests and ML Metadata differ.

    Args:
      problems: differences of the files of each version from its manifest, by version.
      differences: differences of ML Metadata from the manifests.
      entered: versions that were entered into ML Metadata before.
    """

    problems: Mapping[int, Sequence[str]]
    differences: Sequence[str]
    entered: Sequence[int]

    @property
    def is_clean(self) -> bool:
        """Whether nothing differs."""
        return not self.differences and not any(self.problems.values())


def verify(settings: Settings, repair: bool = False) -> Verification:
    """Verify every version against its manifest, and ML Metadata against the manifests.

    Args:
      settings: settings of the pipeline, which name the workspace.
      repair: enter the published versions into ML Metadata before; default false.

    Raises:
      UsageError: the database belongs to another workspace.
      InfrastructureError: ML Metadata cannot be opened.
    """
    base = Workspace(settings.workspace, settings.name).model_base
    problems = {
        version: publish.verify_hashes(base / str(version)) for version in publish.versions(base)
    }
    manifests = publish.manifests(base)
    if not manifests and not metadata.exists(settings):
        return Verification(problems, [], [])
    store = metadata.open_store(settings)
    entered: list[int] = []
    if repair:
        metadata.claim(store, settings)
        entered = rebuild(store, base, manifests)
    return Verification(problems, differences(store, base, manifests), entered)


def differences(
    store: metadata_store.MetadataStore, base: Path, manifests: Mapping[int, Manifest]
) -> list[str]:
    """Compare ML Metadata with the manifests, both ways.

    Args:
      store: ML Metadata store.
      base: TensorFlow Serving's model base path.
      manifests: manifests under the base path, by version.

    Returns:
      One sentence per difference; an empty list when both agree.
    """
    pushed = _pushed_by_folder(store)
    problems: list[str] = []
    for version, manifest in manifests.items():
        artifacts = pushed.get((base / str(version)).resolve(), [])
        problems += _version_differences(store, manifest, artifacts)
        problems += _blessing_differences(store, manifest)
    for folder, artifacts in sorted(pushed.items()):
        gone = folder.parent == base.resolve() and int(folder.name) not in manifests
        if gone and artifacts[-1].state == mlmd.Artifact.LIVE:
            problems.append(
                f"version {folder.name}: ML Metadata's artifact {artifacts[-1].id} states that it "
                "was published, but it has no readable manifest"
            )
    return problems


def rebuild(
    store: metadata_store.MetadataStore, base: Path, manifests: Mapping[int, Manifest]
) -> list[int]:
    """Make ML Metadata agree with the manifests.

    Args:
      store: ML Metadata store.
      base: TensorFlow Serving's model base path.
      manifests: manifests under the base path, by version.

    Returns:
      The versions that were entered or corrected; an empty list the second time.
    """
    pushed = _pushed_by_folder(store)
    changed: list[mlmd.Artifact] = []
    corrected = []
    for version, manifest in manifests.items():
        folder = base / str(version)
        artifacts = pushed.get(folder.resolve(), [])
        if not any(_version_differences(store, manifest, artifacts)):
            continue
        artifact = mlmd.Artifact(uri=str(folder), type_id=_type_id(store))
        artifact.custom_properties[properties.PUSHED].int_value = 1
        artifact.custom_properties[properties.PUSHED_DESTINATION].string_value = str(folder)
        artifact.custom_properties[properties.PUSHED_VERSION].string_value = str(version)
        artifact.custom_properties[properties.MODEL_ID].string_value = manifest.model_id
        artifact.state = mlmd.Artifact.LIVE
        changed += [*_deleted(artifacts), artifact]
        corrected.append(version)
    for folder, artifacts in pushed.items():
        if folder.parent == base.resolve() and int(folder.name) not in manifests:
            changed += _deleted(artifacts)
    if changed:
        store.put_artifacts(changed)
    return corrected


def _version_differences(
    store: metadata_store.MetadataStore, manifest: Manifest, artifacts: Sequence[mlmd.Artifact]
) -> Iterator[str]:
    """Yield how the artifacts of a version, oldest first, differ from its manifest."""
    subject = f"version {manifest.version}"
    if not artifacts:
        yield f"{subject}: ML Metadata does not have it"
        return
    latest = artifacts[-1]
    model_id = properties.text(latest, properties.MODEL_ID)
    if model_id != manifest.model_id:
        yield (
            f"{subject}: its manifest has model {manifest.model_id[:12]}, "
            f"ML Metadata's artifact {latest.id} has {model_id[:12] or 'none'}"
        )
    execution_id = manifest.mlmd.get("execution_id")
    if not execution_id or not lineage.makers(store, latest.id):
        return  # it was entered from the manifest, or the manifest has no execution
    makers = set().union(*(lineage.makers(store, artifact.id) for artifact in artifacts))
    runs = {maker: lineage.run_id(store, maker) for maker in makers}
    if runs.get(execution_id) != manifest.run_id:
        others = ", ".join(f"{maker} of run {run}" for maker, run in sorted(runs.items()))
        yield (
            f"{subject}: its manifest names execution {execution_id} of run "
            f"{manifest.run_id}, ML Metadata names {others}"
        )


def _blessing_differences(store: metadata_store.MetadataStore, manifest: Manifest) -> Iterator[str]:
    """Yield the blessings of a manifest that ML Metadata contradicts; no rebuild can mend that."""
    execution_id = manifest.mlmd.get("execution_id", 0)
    if lineage.run_id(store, execution_id) != manifest.run_id:
        return
    for artifact in lineage.inputs(store, execution_id):
        if artifact.type in _BLESSINGS and not properties.number(artifact, properties.BLESSED):
            yield (
                f"version {manifest.version}: its manifest states that it is blessed, ML "
                f"Metadata's {artifact.type} {artifact.id} does not; promote another version"
            )


def _deleted(artifacts: Iterable[mlmd.Artifact]) -> Iterator[mlmd.Artifact]:
    for artifact in artifacts:
        artifact.state = mlmd.Artifact.DELETED
        yield artifact


def _pushed_by_folder(store: metadata_store.MetadataStore) -> dict[Path, list[mlmd.Artifact]]:
    """Return the artifacts of published versions by resolved folder, oldest first."""
    folders: dict[Path, list[mlmd.Artifact]] = {}
    artifacts = store.get_artifacts_by_type(properties.PUSHED_MODEL)
    for artifact in sorted(artifacts, key=lambda artifact: artifact.id):
        if properties.number(artifact, properties.PUSHED):
            folder = Path(properties.text(artifact, properties.PUSHED_DESTINATION)).resolve()
            folders.setdefault(folder, []).append(artifact)
    return folders


def _type_id(store: metadata_store.MetadataStore) -> int:
    try:
        return int(store.get_artifact_type(properties.PUSHED_MODEL).id)
    except errors.NotFoundError:
        return int(store.put_artifact_type(mlmd.ArtifactType(name=properties.PUSHED_MODEL)))
