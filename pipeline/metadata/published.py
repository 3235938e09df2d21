"""Enter a published version into ML Metadata as a blessed model, so that it is a baseline."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.metadata import executions, lineage, properties
from pipeline.workspace import Workspace
from serving.store import model_files
from serving.store.manifest import Manifest

# Node of the lineage that enters published versions; the pipeline has no such node.
NODE = "PublishedModel"

_EXECUTION_TYPE = "taxiway.PublishedModel"


def model_id_of(store: metadata_store.MetadataStore, manifest: Manifest) -> int:
    """Return the id of the trained model that a version was published from; 0 when unknown.

    Args:
      store: ML Metadata store.
      manifest: manifest of the version.
    """
    execution = manifest.mlmd.get("execution_id", 0)
    if not execution or not store.get_executions_by_id([execution]):
        return 0
    # In another database, an execution of another run may have the same id.
    same = bool(manifest.run_id) and lineage.run_id(store, execution) == manifest.run_id
    return manifest.mlmd.get("model_artifact_id", 0) if same else 0


def enter(
    store: metadata_store.MetadataStore, connection: Any, workspace: Workspace, manifest: Manifest
) -> None:
    """Enter a version as the model that was blessed last.

    The artifact has links to the version's files, so the version may be removed later.

    Args:
      store: ML Metadata store.
      connection: connection to the same ML Metadata.
      workspace: workspace that has the version.
      manifest: manifest of the version, whose files are unchanged.

    Raises:
      OSError: the files cannot be linked or copied.
    """
    from tfx import version as tfx_version
    from tfx.orchestration import metadata as tfx_metadata
    from tfx.orchestration.portable import execution_publish_utils
    from tfx.orchestration.portable.mlmd import context_lib
    from tfx.types import standard_artifacts
    from tfx.utils import path_utils

    outputs = {
        "model": [standard_artifacts.Model()],
        "blessing": [standard_artifacts.ModelBlessing()],
        "infra_blessing": [standard_artifacts.InfraBlessing()],
    }
    with tfx_metadata.Metadata(connection) as handle:
        contexts = [
            context_lib.register_context_if_not_exists(handle, kind, name)
            for kind, name in (
                (properties.PIPELINE, workspace.name),
                (properties.NODE, f"{workspace.name}.{NODE}"),
            )
        ]
        # After a kill, the next run removes what an unfinished execution wrote.
        execution = execution_publish_utils.register_execution(
            handle, mlmd.ExecutionType(name=_EXECUTION_TYPE), contexts
        )
        for name, [artifact] in outputs.items():
            artifact.uri = str(workspace.artifacts / NODE / name / str(execution.id))
            Path(artifact.uri).mkdir(parents=True)
            artifact.set_string_custom_property(properties.MODEL_ID, manifest.model_id)
            artifact.set_string_custom_property("tfx_version", tfx_version.__version__)
        _link_files(
            workspace.model_base / str(manifest.version),
            Path(path_utils.serving_model_dir(outputs["model"][0].uri)),
        )
        execution_publish_utils.publish_succeeded_execution(handle, execution.id, contexts, outputs)
    entered = executions.outputs(store, execution.id)
    model, *blessings = (entered[name] for name in outputs)
    for blessing in blessings:
        blessing.custom_properties[properties.BLESSED].int_value = 1
        blessing.custom_properties[properties.CURRENT_MODEL_ID].int_value = model.id
    store.put_artifacts(blessings)


def _link_files(version: Path, model: Path) -> None:
    for name in model_files.list_files(version):
        (model / name).parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(version / name, model / name)
        except OSError:  # a file system without hard links
            shutil.copyfile(version / name, model / name)
