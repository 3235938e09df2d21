"""What a component's result depends on besides its inputs: code, schema and locked packages.

TFX's cache key holds the import path of our code, not the code. `stamp` adds a hash of it.
"""

from __future__ import annotations

import hashlib
from importlib import metadata
from pathlib import Path

from tfx.proto.orchestration import pipeline_pb2

from pipeline.project import source_code

PROPERTY = "code_hash"

_LOCK = Path(__file__).parents[2] / "requirements.lock"

# The modules behind each node; `run_fn` and the schema file come from the settings.
_NODE_MODULES = {
    "ExampleGen": "pipeline.components.example_gen.executor",
    "LastAcceptedData": "pipeline.components.resolvers.last_accepted",
    "DataGate": "pipeline.components.data_gate.component",
    "Transform": "models.preprocessing",
    "Tuner": "models.tuner",
    "LatestBlessedModel": "pipeline.components.resolvers.latest_blessed",
    "WarmStartModel": "pipeline.components.resolvers.latest_blessed",
    "Evaluator": "models.evaluation",
    "InfraCheck": "pipeline.components.infra_check.component",
    "Pusher": "pipeline.components.pusher.component",
}


def stamp(ir: pipeline_pb2.Pipeline, run_fn: str, schema_file: Path) -> None:
    """Add to every node of a compiled pipeline a hash of what TFX's cache key does not see.

    Args:
      ir: the compiled pipeline; changed in place.
      run_fn: import path of the Trainer's function.
      schema_file: the curated schema.
    """
    modules = _NODE_MODULES | {"Trainer": run_fn.rpartition(".")[0]}
    for node in ir.nodes:
        name = node.pipeline_node.node_info.id
        digest = hashlib.sha256(_locked_packages())
        if name in modules:
            digest.update(_code(modules[name]))
        if name == "Evaluator":
            digest.update(_code("models.tasks.binary_metrics"))  # TFMA imports it by name
        if name == "ImportSchemaGen":
            digest.update(schema_file.read_bytes())
        parameter = node.pipeline_node.parameters.parameters[PROPERTY]
        parameter.field_value.string_value = digest.hexdigest()


def of_training(run_fn: str) -> str:
    """Return a hash of the code and the locked packages that a model is made with.

    Args:
      run_fn: import path of the Trainer's function.
    """
    digest = hashlib.sha256(_locked_packages())
    for module in (_NODE_MODULES["Transform"], run_fn.rpartition(".")[0]):
        digest.update(_code(module))
    return digest.hexdigest()


def _code(module: str) -> bytes:
    digest = hashlib.sha256()
    for name, file in source_code.files(module).items():
        digest.update(name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.digest()


def _locked_packages() -> bytes:
    if _LOCK.exists():
        return _LOCK.read_bytes()
    # Installed as a package, without its repository.
    installed = {f"{each.metadata['Name']}=={each.version}" for each in metadata.distributions()}
    return "\n".join(sorted(installed)).encode()
