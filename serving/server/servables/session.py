"""A SavedModel in a session of TensorFlow's C API.

TensorFlow Serving uses the same loader. Python's lock is released while a model is loaded or
called, so the server answers requests while it loads the next version. The functions are those of
tensorflow/c/c_api.h and tf_tensor.h, which are stable; `session_choice` tests them before use.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from serving.server.errors import Code, ServingError, invalid

_STRING = tf.string.as_datatype_enum
_BYTES_OF_STRING = 24  # of a TF_TString
_SMALL = 4096

_Pointer = ctypes.c_void_p


class Tensor(ctypes.Structure):
    """A tensor of the graph: TF_Output."""

    _fields_ = (("operation", _Pointer), ("index", ctypes.c_int))


class _Buffer(ctypes.Structure):
    _fields_ = (("data", _Pointer), ("length", ctypes.c_size_t), ("deallocator", _Pointer))


_BYTES, _INT, _SIZE = ctypes.c_char_p, ctypes.c_int, ctypes.c_size_t
_DIMENSIONS = ctypes.POINTER(ctypes.c_int64)
_TENSORS, _VALUES = ctypes.POINTER(Tensor), ctypes.POINTER(_Pointer)

# Return type and parameter types by function.
_FUNCTIONS: dict[str, tuple[Any, Sequence[Any]]] = {
    "TF_NewStatus": (_Pointer, []),
    "TF_DeleteStatus": (None, [_Pointer]),
    "TF_GetCode": (_INT, [_Pointer]),
    "TF_Message": (_BYTES, [_Pointer]),
    "TF_NewBuffer": (ctypes.POINTER(_Buffer), []),
    "TF_NewBufferFromString": (ctypes.POINTER(_Buffer), [_BYTES, _SIZE]),
    "TF_DeleteBuffer": (None, [ctypes.POINTER(_Buffer)]),
    "TF_NewGraph": (_Pointer, []),
    "TF_DeleteGraph": (None, [_Pointer]),
    "TF_GraphOperationByName": (_Pointer, [_Pointer, _BYTES]),
    "TF_NewSessionOptions": (_Pointer, []),
    "TF_DeleteSessionOptions": (None, [_Pointer]),
    "TF_SetConfig": (None, [_Pointer, _BYTES, _SIZE, _Pointer]),
    "TF_LoadSessionFromSavedModel": (
        _Pointer,
        [
            _Pointer, _Pointer, _BYTES, ctypes.POINTER(_BYTES), _INT, _Pointer,
            ctypes.POINTER(_Buffer), _Pointer,
        ],
    ),
    "TF_SessionRun": (
        None,
        [
            _Pointer, ctypes.POINTER(_Buffer), _TENSORS, _VALUES, _INT, _TENSORS, _VALUES, _INT,
            _Pointer, _INT, _Pointer, _Pointer,
        ],
    ),
    "TF_CloseSession": (None, [_Pointer, _Pointer]),
    "TF_DeleteSession": (None, [_Pointer, _Pointer]),
    "TF_AllocateTensor": (_Pointer, [_INT, _DIMENSIONS, _INT, _SIZE]),
    "TF_DeleteTensor": (None, [_Pointer]),
    "TF_TensorType": (_INT, [_Pointer]),
    "TF_TensorData": (_Pointer, [_Pointer]),
    "TF_NumDims": (_INT, [_Pointer]),
    "TF_Dim": (ctypes.c_int64, [_Pointer, _INT]),
    "TF_StringInit": (None, [_Pointer]),
    "TF_StringCopy": (None, [_Pointer, _BYTES, _SIZE]),
    "TF_StringGetDataPointer": (_Pointer, [_Pointer]),
    "TF_StringGetSize": (_SIZE, [_Pointer]),
    "TF_StringDealloc": (None, [_Pointer]),
}  # fmt: skip


class Session:
    """A loaded SavedModel.

    Args:
      folder: folder of the SavedModel.
      tags: tags of the graph to load.
      config: TensorFlow's ConfigProto.

    Raises:
      ServingError: the model cannot be loaded.
    """

    def __init__(self, folder: Path, tags: Sequence[str], config: Any) -> None:
        tf_ = _library()
        self._graph = tf_.TF_NewGraph()
        options, meta_graph = tf_.TF_NewSessionOptions(), tf_.TF_NewBuffer()
        names = (_BYTES * len(tags))(*(tag.encode() for tag in tags))
        serialized = config.SerializeToString()
        try:
            with _status() as status:
                tf_.TF_SetConfig(options, serialized, len(serialized), status)
            with _status() as status:
                self._session = tf_.TF_LoadSessionFromSavedModel(
                    options, None, str(folder).encode(), names, len(tags), self._graph, meta_graph,
                    status,
                )  # fmt: skip
            loaded = meta_graph_pb2.MetaGraphDef.FromString(_content(meta_graph))
            self.signatures: dict[str, Any] = dict(loaded.signature_def)
        except ServingError:
            tf_.TF_DeleteGraph(self._graph)
            raise
        finally:
            tf_.TF_DeleteSessionOptions(options)
            tf_.TF_DeleteBuffer(meta_graph)

    def tensor(self, name: str) -> Tensor:
        """Return a tensor of the graph.

        Args:
          name: name of the tensor, such as `scores:0`.

        Raises:
          ServingError: there is no such tensor.
        """
        operation, _, index = name.partition(":")
        operation_pointer = _library().TF_GraphOperationByName(self._graph, operation.encode())
        if not operation_pointer:
            raise invalid(f"Tensor {name} was not found in the graph")
        return Tensor(operation_pointer, int(index or 0))

    def run(
        self,
        inputs: Sequence[Tensor],
        values: Sequence[Any],
        outputs: Sequence[Tensor],
        timeout_ms: int | None = None,
    ) -> list[Any]:
        """Compute tensors.

        Args:
          inputs: tensors to feed.
          values: one array per tensor to feed.
          outputs: tensors to compute.
          timeout_ms: milliseconds that the computation may take; default: no limit.

        Returns:
          One array per output.

        Raises:
          ServingError: the computation fails, or takes too long.
        """
        tf_ = _library()
        results = (_Pointer * len(outputs))()
        fed: list[tuple[int, int]] = []
        options = _run_options(timeout_ms)
        try:
            for value in values:
                fed.append(_to_tensor(value))
            with _status() as status:
                tf_.TF_SessionRun(
                    self._session, options,
                    (Tensor * len(inputs))(*inputs),
                    (_Pointer * len(fed))(*(tensor for tensor, _ in fed)), len(fed),
                    (Tensor * len(outputs))(*outputs), results, len(outputs),
                    None, 0, None, status,
                )  # fmt: skip
            return [_to_array(result) for result in results if result is not None]
        finally:
            for tensor, strings in fed:
                _free(tensor, strings)
            for result in results:
                if result:
                    tf_.TF_DeleteTensor(result)
            if options:
                tf_.TF_DeleteBuffer(options)

    def close(self) -> None:
        """Release the session and its memory."""
        with _status() as status:
            _library().TF_CloseSession(self._session, status)
        with _status() as status:
            _library().TF_DeleteSession(self._session, status)
        _library().TF_DeleteGraph(self._graph)


@cache
def _library() -> Any:
    library = ctypes.CDLL(str(Path(tf.sysconfig.get_lib()) / "libtensorflow_cc.so.2"))
    for name, (returns, takes) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = returns, takes
    return library


@contextmanager
def _status() -> Iterator[int]:
    """Yield a status for a call of the C API.

    Raises:
      ServingError: the status states that the call failed.
    """
    tf_ = _library()
    status = tf_.TF_NewStatus()
    try:
        yield status
        code = tf_.TF_GetCode(status)
        if code:
            message = tf_.TF_Message(status).decode(errors="replace")
            raise ServingError(Code(code) if code in set(Code) else Code.UNKNOWN, message)
    finally:
        tf_.TF_DeleteStatus(status)


def _content(buffer: Any) -> bytes:
    return ctypes.string_at(buffer.contents.data, buffer.contents.length)


def _run_options(timeout_ms: int | None) -> Any:
    if timeout_ms is None:
        return None
    options = tf.compat.v1.RunOptions(timeout_in_ms=timeout_ms).SerializeToString()
    return _library().TF_NewBufferFromString(options, len(options))


@cache
def _enum(dtype: Any) -> int:
    """Return TensorFlow's number of a NumPy type."""
    return int(tf.as_dtype(dtype).as_datatype_enum)


@cache
def _dtype(enum: int) -> Any:
    return np.dtype(tf.as_dtype(enum).as_numpy_dtype)


def _to_tensor(value: Any) -> tuple[int, int]:
    """Return a tensor with the values of an array, and the number of strings that it owns.

    Raises:
      ServingError: TensorFlow has no such type.
    """
    tf_ = _library()
    array = np.asarray(value, order="C")
    dimensions = (ctypes.c_int64 * array.ndim)(*array.shape)
    if array.dtype.kind in "OSU":
        tensor = tf_.TF_AllocateTensor(
            _STRING, dimensions, array.ndim, _BYTES_OF_STRING * array.size
        )
        address = tf_.TF_TensorData(tensor)
        for item in array.reshape(-1).tolist():
            content = item if isinstance(item, bytes) else str(item).encode()
            tf_.TF_StringInit(address)
            tf_.TF_StringCopy(address, content, len(content))
            address += _BYTES_OF_STRING
        return tensor, array.size
    try:
        enum = _enum(array.dtype)
    except TypeError as error:
        raise invalid(str(error)) from error
    tensor = tf_.TF_AllocateTensor(enum, dimensions, array.ndim, array.nbytes)
    # Copying a small array takes less time than getting its address.
    source: bytes | int = array.tobytes() if array.nbytes < _SMALL else array.ctypes.data
    ctypes.memmove(tf_.TF_TensorData(tensor), source, array.nbytes)
    return tensor, 0


def _free(tensor: int, strings: int) -> None:
    tf_ = _library()
    # TensorFlow does not free the strings of a tensor that this process allocated.
    address = tf_.TF_TensorData(tensor) if strings else 0
    for _ in range(strings):
        tf_.TF_StringDealloc(address)
        address += _BYTES_OF_STRING
    tf_.TF_DeleteTensor(tensor)


def _to_array(tensor: int) -> Any:
    """Return a tensor's content.

    Raises:
      ServingError: the type cannot be sent, such as a resource.
    """
    tf_ = _library()
    enum = tf_.TF_TensorType(tensor)
    shape = [tf_.TF_Dim(tensor, axis) for axis in range(tf_.TF_NumDims(tensor))]
    if enum == _STRING:
        array = np.empty(shape, object)
        address = tf_.TF_TensorData(tensor)
        for index in range(array.size):
            array.flat[index] = ctypes.string_at(
                tf_.TF_StringGetDataPointer(address), tf_.TF_StringGetSize(address)
            )
            address += _BYTES_OF_STRING
        return array
    try:
        array = np.empty(shape, _dtype(enum))
    except TypeError as error:
        raise ServingError(Code.INTERNAL, str(error)) from error
    ctypes.memmove(array.ctypes.data, tf_.TF_TensorData(tensor), array.nbytes)
    return array
