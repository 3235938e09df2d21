"""Parsing and checks of prediction requests, with TensorFlow Serving's errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from serving.server.errors import invalid
from serving.server.servables.servable import DEFAULT_SIGNATURE, Servable

METHOD_PREFIX = "tensorflow/serving/"


def requested_version(spec: Any) -> tuple[str, int | None, str | None]:
    """Return the model, version and label that a ModelSpec names.

    Args:
      spec: message of the request.
    """
    kind = spec.WhichOneof("version_choice")
    version = spec.version.value if kind == "version" else None
    return spec.name, version, spec.version_label if kind == "version_label" else None


def require_spec(request: Any) -> Any:
    """Return the ModelSpec of a request.

    Args:
      request: message to answer.

    Raises:
      ServingError: the request has no ModelSpec.
    """
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    return request.model_spec


def check_inputs(sent: set[str], expected: set[str]) -> None:
    """Check that a request has exactly the inputs of a signature.

    Args:
      sent: names of the request's inputs.
      expected: names of the signature's inputs.

    Raises:
      ServingError: an input is missing or unknown.
    """
    if len(sent) != len(expected):
        raise invalid(
            f"input size does not match signature: {len(sent)}!={len(expected)} len({{"
            f"{','.join(sorted(sent))}}}) != len({{{','.join(sorted(expected))}}}). "
            f"Sent extra: {{{','.join(sorted(sent - expected))}}}. "
            f"Missing but required: {{{','.join(sorted(expected - sent))}}}."
        )
    for name in sorted(sent - expected):
        raise invalid(
            f"input tensor alias not found in signature: {name}. Inputs expected to be in the set "
            f"{{{','.join(sorted(expected))}}}."
        )


def check_output_filter(names: Sequence[str], outputs: Mapping[str, Any]) -> None:
    """Check the names of the outputs that a request selects.

    Args:
      names: names that the request selects.
      outputs: outputs of the signature.

    Raises:
      ServingError: a name is unknown or repeated.
    """
    for index, name in enumerate(names):
        if name not in outputs:
            raise invalid(
                f"output tensor alias not found in signature: {name} Outputs expected to be in the "
                f"set {{{','.join(sorted(outputs))}}}."
            )
        if name in names[:index]:
            raise invalid(f"duplicate output tensor alias: {name}")


def parse_examples(
    servable: Servable, spec: Any, input_: Any, method: str, kind: str
) -> tuple[str, dict[str, Any], int]:
    """Return signature, feed and number of rows of a request with examples.

    Args:
      servable: loaded version.
      spec: ModelSpec of the request.
      input_: Input message of the request.
      method: method that the signature must have: `classify` or `regress`.
      kind: name of the method in error messages.

    Raises:
      ServingError: the signature or the examples do not match the method.
    """
    signature = spec.signature_name or DEFAULT_SIGNATURE
    if signature not in servable.signatures:
        raise invalid(f"No signature was found with the name: {signature}")
    definition = servable.signatures[signature]
    if definition.method_name != METHOD_PREFIX + method:
        raise invalid(
            f"Expected {kind} signature method_name to be {METHOD_PREFIX}{method}. "
            f"Was: {definition.method_name}"
        )
    if len(definition.inputs) != 1:
        raise invalid("Expected one input Tensor.")
    if "inputs" not in definition.inputs:
        raise invalid(f"No {kind} inputs found in SignatureDef.")
    rows = list(_examples(input_))
    if not rows:
        raise invalid("Input is empty.")
    return signature, {"inputs": np.array(rows, dtype=object)}, len(rows)


def _examples(input_: Any) -> Iterator[bytes]:
    kind = input_.WhichOneof("kind")
    if kind == "example_list":
        for example in input_.example_list.examples:
            yield example.SerializeToString()
    elif kind == "example_list_with_context":
        context = input_.example_list_with_context.context
        for example in input_.example_list_with_context.examples:
            merged = type(example)()
            merged.CopyFrom(context)
            for name, feature in example.features.feature.items():
                merged.features.feature[name].CopyFrom(feature)
            yield merged.SerializeToString()
