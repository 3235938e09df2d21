"""A model repository of NVIDIA's Triton Inference Server.

https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/model_repository.html
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx

from serving.onnx.errors import Taken
from serving.storage import local
from serving.store import lock

CONFIG = "config.pbtxt"
MODEL = "model.onnx"
FACTS = "export.json"

_MAX_BATCH = 1024
_PREFERRED = (8, 32, 128)
_MAX_DELAY_US = 500
_WAIT_SECONDS = 60.0
_STAGING = ".exporting-"

_TYPES = {
    onnx.TensorProto.FLOAT: "TYPE_FP32", onnx.TensorProto.DOUBLE: "TYPE_FP64",
    onnx.TensorProto.INT64: "TYPE_INT64", onnx.TensorProto.INT32: "TYPE_INT32",
    onnx.TensorProto.BOOL: "TYPE_BOOL", onnx.TensorProto.STRING: "TYPE_STRING",
}  # fmt: skip


def config(name: str, model: bytes) -> str:
    """Return Triton's configuration of a model.

    Args:
      name: name of the model.
      model: serialized ONNX model; the rows are the first dimension of its tensors.
    """
    graph = onnx.load_from_string(model).graph
    parts = [
        f"name: {json.dumps(name)}",
        'platform: "onnxruntime_onnx"',
        f"max_batch_size: {_MAX_BATCH}",
        *(f"input {{ {_tensor(value)} }}" for value in graph.input),
        *(f"output {{ {_tensor(value)} }}" for value in graph.output),
        "# Requests that arrive at the same time run as one.",
        "dynamic_batching {",
        *(f"  preferred_batch_size: {size}" for size in _PREFERRED),
        f"  max_queue_delay_microseconds: {_MAX_DELAY_US}",
        "}",
        "instance_group { kind: KIND_AUTO count: 1 }",
    ]
    return "\n".join(parts) + "\n"


def write(
    repository: Path, name: str, version: int, model: bytes, facts: Mapping[str, Any]
) -> bool:
    """Write a version of a model to a repository, completely or not at all.

    Args:
      repository: folder of models; created if missing.
      name: name of the model.
      version: number of the version.
      model: serialized ONNX model.
      facts: origin of the model; exports with the same facts are the same export.

    Returns:
      Whether the version was written; false when the same export exists already.

    Raises:
      Taken: the folder contains another export of that version, or models with other tensors.
      OSError: a file cannot be written.
    """
    base = repository / name
    local.make_folder(base)
    with lock.exclusive(base, _WAIT_SECONDS):
        target = base / str(version)
        content = config(name, model)
        if target.exists():
            if _facts(target) == dict(facts):
                return False
            raise Taken(f"{target}: another export exists", "choose another --output")
        config_file = base / CONFIG
        if config_file.exists() and config_file.read_text(encoding="utf-8") != content:
            raise Taken(
                f"{config_file}: the file describes a model with other tensors, or was changed",
                "choose another --output",
            )
        staging = base / f"{_STAGING}{version}"
        shutil.rmtree(staging, ignore_errors=True)  # a killed process may have left it
        try:
            staging.mkdir()
            local.write(staging / MODEL, model)
            local.write(staging / FACTS, json.dumps(dict(facts), indent=2, sort_keys=True) + "\n")
            local.flush_folder(staging)
            if not config_file.exists():
                local.remove_unfinished(config_file)
                local.replace_file(config_file, content)
            staging.rename(target)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise
        local.flush_folder(base)
        return True


def _facts(folder: Path) -> Any:
    try:
        return json.loads((folder / FACTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _tensor(value: Any) -> str:
    kind = value.type.tensor_type
    sizes = [dim.dim_value or -1 for dim in kind.shape.dim[1:]]
    # Triton requires a dimension per row, so a scalar is declared as one value and reshaped.
    reshape = "" if sizes else " reshape { shape: [ ] }"
    return (
        f"name: {json.dumps(value.name)} data_type: {_TYPES[kind.elem_type]} "
        f"dims: [ {', '.join(map(str, sizes or [1]))} ]{reshape}"
    )
