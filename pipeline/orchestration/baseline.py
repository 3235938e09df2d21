"""Make sure that a candidate is compared with the published model, or stop the run.

ML Metadata states which model was blessed last. It may be lost, new, or older than the published
versions. Then the newest version itself is the baseline, from its files and its manifest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from models import columns as model_columns
from models.features import Features
from models.training.warm_start import FEATURES_FILE
from pipeline.components import names
from pipeline.components.resolvers.latest_blessed import CANDIDATE
from pipeline.errors import UsageError
from pipeline.metadata import properties, published
from pipeline.metadata import store as metadata
from pipeline.metadata.blessed import is_any_blessed, latest_blessed_model
from pipeline.project.files import Project
from pipeline.runs import records
from pipeline.settings.sections import Settings
from pipeline.workspace import Workspace
from serving.errors import UnreadableManifest
from serving.store import manifest as manifests
from serving.store import publish
from serving.store.manifest import Manifest

_WITHOUT = "or publish without a comparison: taxiway run --no-baseline"


def prepare(settings: Settings, store: metadata_store.MetadataStore, project: Project) -> str:
    """Make the latest published or blessed model available as the baseline of the run.

    Args:
      settings: settings of the pipeline.
      store: ML Metadata store that belongs to the workspace.
      project: features and schema of the run.

    Returns:
      A note for the user if the baseline comes from a published version; else "".

    Raises:
      UsageError: there are published versions, but the candidate cannot be compared with them.
    """
    workspace, note = Workspace(settings.workspace, settings.name), ""
    latest, facts = latest_blessed_model(store), _newest_manifest(workspace)
    if isinstance(facts, UnreadableManifest):
        if latest is None or not _is_pushed(store, facts.where.parent):
            raise _unusable(facts.where.parent, facts.what) from facts
        facts = None
    elif facts is not None and not _covers(store, latest, facts):
        folder = workspace.model_base / str(facts.version)
        problems = publish.verify_hashes(folder)
        if problems:
            raise _unusable(folder, "; ".join(problems))
        published.enter(store, metadata.connection(settings), workspace, facts)
        latest = latest_blessed_model(store)
        note = f"baseline: version {facts.version}, from its files"
    if latest is None:
        _refuse_lost(settings, store, workspace)
        return ""
    differences = "; ".join(_differences(workspace, latest, facts, project))
    if differences:
        raise UsageError(
            f"the candidate cannot be compared with the latest blessed model ({latest.uri}): "
            f"{differences}.",
            f"undo that change, give the new model another name and workspace, {_WITHOUT}",
        )
    return note


def enforce(
    node: str, outputs: Mapping[str, Any], store: metadata_store.MetadataStore, settings: Settings
) -> None:
    """Stop a run that would take its candidate for the first model in spite of published versions.

    `prepare` has made a baseline available, so this happens only if files vanish during the run.

    Args:
      node: id of the node that has ended.
      outputs: output artifacts of the node by name.
      store: ML Metadata store.
      settings: settings of the pipeline.

    Raises:
      UsageError: versions are published, and no baseline was resolved.
    """
    base = Workspace(settings.workspace, settings.name).model_base
    if node != names.LATEST_BLESSED_MODEL or "model" in outputs or not publish.versions(base):
        return
    latest = latest_blessed_model(store)
    # A repeated run has the published model as its candidate, and does not compare it with itself.
    if latest is None or latest.id != outputs[CANDIDATE].id:
        raise _unusable(base, "the files of its model are gone")


def _newest_manifest(workspace: Workspace) -> Manifest | UnreadableManifest | None:
    versions = publish.versions(workspace.model_base)
    if not versions:
        return None
    try:
        return manifests.read(workspace.model_base / str(versions[-1]))
    except UnreadableManifest as error:
        return error


def _covers(
    store: metadata_store.MetadataStore, latest: mlmd.Artifact | None, facts: Manifest
) -> bool:
    """Return whether the latest blessed model is that of the version, or a later one."""
    if latest is None:
        return False
    if properties.text(latest, properties.MODEL_ID) == facts.model_id:
        return True
    model = published.model_id_of(store, facts)
    return 0 < model <= latest.id


def _is_pushed(store: metadata_store.MetadataStore, version: Path) -> bool:
    if properties.PUSHED_MODEL not in {kind.name for kind in store.get_artifact_types()}:
        return False
    return any(
        Path(properties.text(artifact, properties.PUSHED_DESTINATION)) == version
        for artifact in store.get_artifacts_by_type(properties.PUSHED_MODEL)
    )


def _unusable(version: Path, problem: str) -> UsageError:
    return UsageError(
        f"{version}: no candidate can be compared with this published version: {problem}.",
        f"restore its files from a backup, {_WITHOUT}",
    )


def _refuse_lost(
    settings: Settings, store: metadata_store.MetadataStore, workspace: Workspace
) -> None:
    """Refuse to take a candidate for the first model if others were published before."""
    if is_any_blessed(store):
        raise UsageError(
            f"{workspace.root}: ML Metadata has a blessed model, but the files of every blessed "
            "model and version are gone, so no candidate can be compared with it.",
            f"restore {workspace.artifacts.name} or {workspace.model_base.parent.name} from a "
            f"backup, {_WITHOUT}",
        )
    models = workspace.model_base.parent
    others = [
        folder.name
        for folder in sorted(models.glob("[!.]*"))
        if folder.is_dir() and folder != workspace.model_base and publish.versions(folder)
    ]
    if others:
        raise UsageError(
            f"name: {models} has published versions of {', '.join(others)}, and none of "
            f"{settings.name} that a candidate can be compared with.",
            f'set name = "{others[0]}", choose another folder with --workspace, {_WITHOUT}',
        )


def _differences(
    workspace: Workspace, latest: mlmd.Artifact, facts: Manifest | None, project: Project
) -> Iterator[str]:
    """Yield why the baseline cannot be evaluated on the rows of the run."""
    features = _features(latest)
    label, *inputs = (
        (features.label, *features.inputs) if features else _columns(workspace, latest, facts)
    ) or (project.features.label,)
    if label != project.features.label:
        yield (
            f"its label was {json.dumps(label, ensure_ascii=False)} and is now "
            f"{json.dumps(project.features.label, ensure_ascii=False)}"
        )
    elif features:
        needed = features.model_copy(update={"slices": ()})
        yield from model_columns.mismatches(needed, project.schema)
    else:
        present = {column.name for column in project.schema.feature}
        for name in inputs:
            if name not in present:
                yield f"its input {name} is not in the schema"


def _features(model: mlmd.Artifact) -> Features | None:
    """Return the features of a model; None when its run_fn does not record them."""
    file = Path(properties.sibling_uri(model.uri, "model_run"), FEATURES_FILE)
    try:
        return Features.model_validate_json(file.read_bytes())
    except (OSError, ValueError):
        return None


def _columns(workspace: Workspace, model: mlmd.Artifact, facts: Manifest | None) -> tuple[Any, ...]:
    """Return the label and the inputs of a published model; empty when they are not recorded."""
    if facts is None or properties.text(model, properties.MODEL_ID) not in ("", facts.model_id):
        return ()
    if facts.columns or not facts.run_id:
        return facts.columns
    try:
        return records.read(workspace.runs / f"{facts.run_id}.json").columns
    except (OSError, ValueError):
        return ()
