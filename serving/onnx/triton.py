"""A folder of models as NVIDIA's Triton Inference Server reads it.

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
      name: of the model.
      model: in ONNX, with the rows as each tensor's first dimension.
    """
    graph = onnx.load_from_string(model).graph
    parts = [
        f"name: {json.dumps(name)}",
        'platform: "onnxruntime_onnx"',
        f"max_batch_size: {_MAX_BATCH}",
        *(f"input {{ {_tensor(value)} }}" for value in graph.input),
        *(f"output {{ {_tensor(value)} }}" for value in graph.output),
        "# Requests that come at the same time run as one.",
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
    """Write a version of a model, whole or not at all.

    Args:
      repository: the folder of models; created when missing.
      name: of the model.
      version: its number.
      model: in ONNX.
      facts: where it comes from; the same facts are the same export.

    Returns:
      Whether there is anything new: an export that is there stays as it is.

    Raises:
      Taken: the folder holds another export of that version, or its models take other tensors.
      OSError: the disk did not take it.
    """
    base = repository / name
    local.make_folder(base)
    with lock.exclusive(base, _WAIT_SECONDS):
        known = base / str(version)
        content = config(name, model)
        if known.exists():
            if _facts(known) == dict(facts):
                return False
            raise Taken(f"{known}: there is another export", "choose another --output")
        told = base / CONFIG
        if told.exists() and told.read_text(encoding="utf-8") != content:
            raise Taken(
                f"{told}: it is of a model with other tensors, or was changed",
                "choose another --output",
            )
        staging = base / f"{_STAGING}{version}"
        shutil.rmtree(staging, ignore_errors=True)  # of a process that was killed
        try:
            staging.mkdir()
            local.write(staging / MODEL, model)
            local.write(staging / FACTS, json.dumps(dict(facts), indent=2, sort_keys=True) + "\n")
            local.flush_folder(staging)
            if not told.exists():
                local.remove_unfinished(told)
                local.replace_file(told, content)
            staging.rename(known)
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
    # A row without dimensions of its own is written as one value, and told to be none.
    reshape = "" if sizes else " reshape { shape: [ ] }"
    return (
        f"name: {json.dumps(value.name)} data_type: {_TYPES[kind.elem_type]} "
        f"dims: [ {', '.join(map(str, sizes or [1]))} ]{reshape}"
    )
