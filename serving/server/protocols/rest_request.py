"""Bodies of TensorFlow Serving's REST requests: JSON to arrays."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import tensorflow as tf

from serving.server.errors import ServingError, invalid

_INSTANCES, _INPUTS, _SIGNATURE, _B64 = "instances", "inputs", "signature_name", "b64"
_SHOWN = 256


@dataclass(frozen=True)
class PredictBody:
    """The content of a `:predict` request.

    Args:
      signature: name of the signature; "" for the default one.
      feed: array by input.
      by_row: whether to answer row by row.
    """

    signature: str
    feed: dict[str, Any]
    by_row: bool


def parse(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a body.

    Args:
      body: body of the request.

    Raises:
      ServingError: the body is not a JSON object, or is nested too deeply.
    """
    if not body.strip():
        raise invalid("JSON Parse error: The document is empty")
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise invalid(f"JSON Parse error: {error or 'nested too deeply'}") from error
    if not isinstance(content, dict):
        raise invalid(f"JSON Value: {_shown(content)} Is not object")
    if b"\\u" in body and not _is_text(content):
        raise invalid("JSON Parse error: The surrogate pair in string is invalid.")
    return content


def _is_text(content: Any) -> bool:
    """Return whether every text is valid; Python accepts half a surrogate pair, which is not."""
    try:
        json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def predict_body(
    content: dict[str, Any], inputs_of: Callable[[str], Mapping[str, Any]]
) -> PredictBody:
    """Turn the body of a `:predict` request into arrays.

    Args:
      content: JSON object of the body.
      inputs_of: function that returns TensorInfo by input of a signature.

    Raises:
      ServingError: the request is invalid; the text is TensorFlow Serving's.
    """
    signature = content.get(_SIGNATURE, "")
    if not isinstance(signature, str):
        raise invalid(
            f"JSON Value: {_shown(content)} not formatted correctly. "
            "'signature_name' key must be a string value."
        )
    inputs = inputs_of(signature)
    if _INSTANCES in content and _INPUTS in content:
        raise invalid(
            f"JSON Value: {_shown(content)} Not formatted correctly expecting only one of "
            "'inputs' or 'instances' keys to exist "
        )
    if _INSTANCES in content:
        rows = content[_INSTANCES]
        if not isinstance(rows, list):
            raise invalid(
                f"JSON Value: {_shown(content)} Expecting 'instances' to be an list/array"
            )
        if not rows:
            raise invalid(f"JSON Value: {_shown(content)} No values in 'instances' array")
        return PredictBody(signature, _from_rows(rows, inputs), True)
    if _INPUTS in content:
        return PredictBody(signature, _from_columns(content[_INPUTS], inputs), False)
    raise invalid("Missing 'inputs' or 'instances' key")


def _from_rows(rows: list[Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    named = isinstance(rows[0], dict) and not _is_b64(rows[0])
    if not named and len(inputs) != 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            "required as per tensorinfo_map"
        )
    if not named:
        [(name, info)] = inputs.items()
        for index, row in enumerate(rows):
            if isinstance(row, dict) and not _is_b64(row):
                raise invalid(f"Expecting value/list but got object at item {index} of input list")
        return {name: _stacked(rows, info, lambda index: f"{index} of 'instances' list")}
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            raise invalid(f"Expecting object but got list at item {index} of input list")
        if row.keys() != inputs.keys():
            for name in inputs:
                if name not in row:
                    raise invalid(
                        f"Failed to process element: {index} key: {name} of 'instances' list. "
                        f"Error: INVALID_ARGUMENT: JSON object: does not have named input: {name}"
                    )
            raise invalid(
                f"Failed to process element: {index} of 'instances' list. JSON object: "
                f"{_shown(row)} keys must be equal to: {','.join(sorted(inputs))}"
            )

    def column(name: str) -> Any:
        return _stacked(
            [row[name] for row in rows],
            inputs[name],
            lambda index: f"{index} key: {name} of 'instances' list",
        )

    return {name: column(name) for name in inputs}


def _stacked(values: list[Any], info: Any, describe: Callable[[int], str]) -> Any:
    """Turn one value per row into an array; an error names the row."""
    whole = _quickly(values, info)
    if whole is not None:
        return whole
    arrays: list[Any] = []
    for index, value in enumerate(values):
        try:
            array = _slowly(value, info)
            if arrays and array.shape != arrays[0].shape:
                expected, got = (_shape(values.shape) for values in (arrays[0], array))
                raise invalid(f"Expecting shape {expected} but got: {got}")
        except ServingError as error:
            raise invalid(
                f"Failed to process element: {describe(index)}. Error: "
                f"INVALID_ARGUMENT: {error.message}"
            ) from error
        arrays.append(array)
    return np.stack(arrays)


def _from_columns(content: Any, inputs: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(content, dict) or _is_b64(content):
        if len(inputs) != 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors "
                "required as per tensorinfo_map"
            )
        [(name, info)] = inputs.items()
        return {name: _array(content, info)}
    for name in inputs:
        if name not in content:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    return {name: _array(content[name], info) for name, info in inputs.items()}


def _array(value: Any, info: Any) -> Any:
    array = _quickly(value, info)
    return _slowly(value, info) if array is None else array


def _quickly(value: Any, info: Any) -> Any:
    """Turn numbers into an array at once; return None where that is not safe."""
    dtype = tf.as_dtype(info.dtype)
    if not (dtype.is_floating or dtype.is_integer):
        return None
    try:
        array = np.array(value)
    except ValueError:  # lists of different lengths
        return None
    kinds = "iuf" if dtype.is_floating else "iu"
    if array.dtype.kind not in kinds or array.size == 0 or _has_truth(value):
        return None
    if dtype.is_integer and not _fits(array, dtype):
        return None
    return array.astype(dtype.as_numpy_dtype)


def _fits(array: Any, dtype: Any) -> bool:
    lowest, highest = _limits(dtype)
    return bool(array.min() >= lowest and array.max() <= highest)


@cache
def _limits(dtype: Any) -> tuple[Any, Any]:
    # TensorFlow's lookup takes longer than everything else here, so the result is cached.
    return dtype.min, dtype.max


def _has_truth(value: Any) -> bool:
    """Return whether a value contains true or false, which NumPy would convert to a number."""
    if isinstance(value, list):
        return any(map(_has_truth, value))
    return isinstance(value, bool)


def _slowly(value: Any, info: Any) -> Any:
    shape: list[int] = []
    level = value
    while isinstance(level, list):
        shape.append(len(level))
        level = level[0] if level else None
    flat: list[Any] = []
    dtype = tf.as_dtype(info.dtype)
    _flatten(value, 0, shape, dtype, flat)
    array = np.empty(len(flat), dtype.as_numpy_dtype)
    array[:] = flat
    return array.reshape(shape)


def _flatten(value: Any, level: int, shape: Sequence[int], dtype: Any, into: list[Any]) -> None:
    if not isinstance(value, list):
        if level != len(shape):
            raise invalid(
                f"JSON Value: {_shown(value)} found at incorrect level: {level} in the JSON DOM. "
                f"Expected at level: {len(shape)}"
            )
        into.append(_scalar(value, dtype))
        return
    if level >= len(shape):
        raise invalid(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level} "
            f"expected size: {shape[level]}"
        )
    for item in value:
        _flatten(item, level + 1, shape, dtype, into)


def _scalar(value: Any, dtype: Any) -> Any:
    if dtype == tf.string:
        if _is_b64(value):
            return _decoded(value)
        if isinstance(value, str):
            return value.encode()
    elif dtype == tf.bool:
        if isinstance(value, bool):
            return value
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        whole = isinstance(value, int)
        if dtype.is_floating or (whole and _within(value, dtype)):
            try:
                return float(value) if dtype.is_floating else value
            except OverflowError:
                pass
    raise invalid(
        f"JSON Value: {_shown(value)} Type: {_kind(value)} is not of expected type: {dtype.name}"
    )


def _within(value: float, dtype: Any) -> bool:
    lowest, highest = _limits(dtype)
    return bool(lowest <= value <= highest)


def _is_b64(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {_B64} and isinstance(value[_B64], str)


def _decoded(value: dict[str, str]) -> bytes:
    text = value[_B64]
    try:
        # Padding is optional.
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid(
            f"JSON Value: {_shown(value)} not formatted correctly for base64 data"
        ) from error


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return str(value)
    names = {type(None): "Null", dict: "Object", list: "Array", str: "String"}
    return names.get(type(value), "Number")


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _shape(shape: Sequence[int]) -> str:
    return f"[{','.join(map(str, shape))}]"


def examples(content: dict[str, Any]) -> tuple[str, list[Any], Any]:
    """Turn the body of a `:classify` or `:regress` request into examples.

    Args:
      content: JSON object of the body.

    Returns:
      Signature, examples, and their common context or None.

    Raises:
      ServingError: the request is invalid; the text is TensorFlow Serving's.
    """
    signature = content.get(_SIGNATURE, "")
    if not isinstance(signature, str):
        raise invalid("'signature_name' key must be a string value.")
    context = content.get("context")
    if context is not None and not isinstance(context, dict):
        raise invalid(f"JSON Value: {_shown(context)} Is not object")
    rows = content.get("examples")
    if not isinstance(rows, list) or not rows:
        raise invalid("When method is classify, key 'examples' is expected and was not found"
                      if "examples" not in content
                      else "Key 'examples' is not an array or is an empty array")  # fmt: skip
    return signature, [_example(row) for row in rows], context and _example(context)


def _example(row: Any) -> Any:
    if not isinstance(row, dict):
        raise invalid(f"JSON Value: {_shown(row)} Is not object")
    example = tf.train.Example()
    for name, value in row.items():
        values = value if isinstance(value, list) else [value]
        feature = example.features.feature[name]
        for item in values:
            _add(name, item, feature)
    return example


def _add(name: str, value: Any, feature: Any) -> None:
    content: Any = value
    if isinstance(value, str) or _is_b64(value):
        field = "bytes_list"
        content = value.encode() if isinstance(value, str) else _decoded(value)
    elif isinstance(value, bool) or not isinstance(value, (int, float)):
        raise invalid(f"Feature: {name} has element with unexpected JSON type: {_kind(value)}")
    else:
        field = "int64_list" if isinstance(value, int) else "float_list"
    kind = feature.WhichOneof("kind")
    if kind not in (None, field):
        type_name = {"bytes_list": "bytes", "float_list": "float", "int64_list": "int64"}[kind]
        raise invalid(f"Unexpected element type in feature: {name} expecting type: {type_name}")
    try:
        getattr(feature, field).value.append(content)
    except ValueError as error:  # a whole number of more than 64 bits
        raise invalid(f"Feature: {name}: {error}") from error
