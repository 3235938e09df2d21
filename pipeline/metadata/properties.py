"""Names of types and properties in ML Metadata, TFX's and Taxiway's, and the layout of URIs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml_metadata.proto import metadata_store_pb2 as mlmd

# Artifact types of TFX, and Taxiway's own.
MODEL = "Model"
MODEL_BLESSING = "ModelBlessing"
INFRA_BLESSING = "InfraBlessing"
PUSHED_MODEL = "PushedModel"
GATE_DECISION = "GateDecision"

# Context types of TFX.
PIPELINE = "pipeline"
PIPELINE_RUN = "pipeline_run"
NODE = "node"

# TFX's properties of a blessing.
BLESSED = "blessed"
CURRENT_MODEL_ID = "current_model_id"
HAS_MODEL = "has_model"

# TFX's properties of a pushed model.
PUSHED = "pushed"
PUSHED_DESTINATION = "pushed_destination"
PUSHED_VERSION = "pushed_version"

# Taxiway's properties of a pushed model: the hash of its files, and why it is not `stable` yet.
MODEL_ID = "model_id"
WAITS = "waits"

# Taxiway's properties of examples, with the name of the split appended.
ROWS_PREFIX = "rows_"
FILES_PREFIX = "files_"

# Taxiway's parameter of every node: a hash of the code that TFX's cache key does not cover.
CODE_HASH = "code_hash"


def text(artifact: mlmd.Artifact, name: str) -> str:
    """Return a custom property; "" when the artifact does not have it.

    Reading the map itself would enter the name without a value, and ML Metadata then ends the
    process.

    Args:
      artifact: artifact of ML Metadata.
      name: name of a custom property.
    """
    properties = artifact.custom_properties
    return str(properties[name].string_value) if name in properties else ""


def number(artifact: mlmd.Artifact, name: str) -> int:
    """Return a custom property; 0 when the artifact does not have it.

    Args:
      artifact: artifact of ML Metadata.
      name: name of a custom property.
    """
    properties = artifact.custom_properties
    return int(properties[name].int_value) if name in properties else 0


def sibling_uri(uri: str, output: str) -> str:
    """Return the URI of another output of the execution that wrote an artifact.

    TFX writes all outputs of an execution under NODE/OUTPUT/EXECUTION.

    Args:
      uri: URI of the artifact.
      output: name of the other output.
    """
    execution = Path(uri)
    return str(execution.parents[1] / output / execution.name)
