"""Conversion of arrays to TensorProtos and back, for requests over gRPC.

TensorFlow's own functions convert more types, but take several times as long.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2

from serving.server.errors import invalid

# The field of a TensorProto that contains the values, by type.
_FIELDS = {
    types_pb2.DT_FLOAT: "float_val", types_pb2.DT_DOUBLE: "double_val",
    types_pb2.DT_INT64: "int64_val", types_pb2.DT_INT32: "int_val", types_pb2.DT_INT16: "int_val",
    types_pb2.DT_INT8: "int_val", types_pb2.DT_UINT8: "int_val", types_pb2.DT_BOOL: "bool_val",
    types_pb2.DT_UINT32: "uint32_val", types_pb2.DT_UINT64: "uint64_val",
    types_pb2.DT_STRING: "string_val",
}  # fmt: skip


def to_array(proto: Any) -> Any:
    """Return the array of a TensorProto.

    Args:
      proto: message to convert.

    Raises:
      ServingError: the message is not a valid tensor.
    """
    field = _FIELDS.get(proto.dtype)
    values = getattr(proto, field) if field else ()
    if values and not proto.tensor_content:
        shape = [dimension.size for dimension in proto.tensor_shape.dim]
        # One value may be repeated to fill the shape, which TensorFlow's function does.
        if len(values) == math.prod(shape):
            return np.array(values, _numpy(proto.dtype)).reshape(shape)
    try:
        return tf.make_ndarray(proto)
    except (TypeError, ValueError) as error:
        raise invalid(f"tensor parsing error: {error}") from error


def fill(proto: Any, array: Any, as_content: bool = False) -> None:
    """Write an array to a TensorProto, in the field of its type, as TensorFlow Serving does.

    Args:
      proto: message to fill.
      array: array of numbers, or of bytes as objects.
      as_content: write numbers as raw bytes instead; default false.
    """
    enum = _enum(array.dtype)
    field = _FIELDS.get(enum)
    if field is None:
        proto.CopyFrom(tf.make_tensor_proto(array))
        return
    proto.dtype = enum
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if as_content and enum != types_pb2.DT_STRING:
        proto.tensor_content = array.tobytes()
    else:
        getattr(proto, field).extend(array.reshape(-1).tolist())


def to_proto(array: Any) -> tensor_pb2.TensorProto:
    """Return a TensorProto with the values of an array.

    Args:
      array: numbers, texts or bytes.
    """
    proto = tensor_pb2.TensorProto()
    fill(proto, np.asarray(array))
    return proto


@cache
def _numpy(enum: int) -> Any:
    return tf.as_dtype(enum).as_numpy_dtype


@cache
def _enum(dtype: Any) -> int:
    return int(tf.as_dtype(dtype).as_datatype_enum)
