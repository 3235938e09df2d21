"""Messages of TensorFlow Serving's configuration that TensorFlow's packages do not contain."""

from __future__ import annotations

from functools import cache
from typing import Any

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,
)

from serving.server.errors import invalid

_Field = descriptor_pb2.FieldDescriptorProto
_STRING, _BOOL, _INT64, _MESSAGE = (
    _Field.TYPE_STRING, _Field.TYPE_BOOL, _Field.TYPE_INT64, _Field.TYPE_MESSAGE,
)  # fmt: skip
_WRAPPED = ".google.protobuf.{}Value"

# Name, number and type of each field, from ssl_config.proto, monitoring_config.proto and
# session_bundle_config.proto. A type that is a text names a message.
_FIELDS: dict[str, list[tuple[str, int, int | str]]] = {
    "SSLConfig": [
        ("server_key", 1, _STRING),
        ("server_cert", 2, _STRING),
        ("custom_ca", 3, _STRING),
        ("client_verify", 4, _BOOL),
    ],
    "PrometheusConfig": [("enable", 1, _BOOL), ("path", 2, _STRING)],
    "MonitoringConfig": [("prometheus_config", 1, ".tensorflow.serving.PrometheusConfig")],
    "BatchingParameters": [
        ("max_batch_size", 1, _WRAPPED.format("Int64")),
        ("batch_timeout_micros", 2, _WRAPPED.format("Int64")),
        ("max_enqueued_batches", 3, _WRAPPED.format("Int64")),
        ("num_batch_threads", 4, _WRAPPED.format("Int64")),
        ("thread_pool_name", 5, _WRAPPED.format("String")),
        ("allowed_batch_sizes", 6, _INT64),
        ("pad_variable_length_inputs", 7, _BOOL),
        ("enable_large_batch_splitting", 8, _WRAPPED.format("Bool")),
        ("max_execution_batch_size", 9, _WRAPPED.format("Int64")),
    ],
}
_REPEATED = frozenset({"allowed_batch_sizes"})


def parse(name: str, text: str, flag: str) -> Any:
    """Parse a message in text form.

    Args:
      name: name of the message type.
      text: content to parse.
      flag: flag that named the file, for the error.

    Returns:
      The message.

    Raises:
      ServingError: the text is not such a message.
    """
    try:
        return text_format.Parse(text, _types()[name]())
    except text_format.ParseError as error:
        raise invalid(f"--{flag}: not a {name}: {error}") from error


@cache
def _types() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(
        name="taxiway/tf_serving_config.proto",
        package="tensorflow.serving",
        syntax="proto3",
        dependency=["google/protobuf/wrappers.proto"],
    )
    for name, fields in _FIELDS.items():
        message = file.message_type.add(name=name)
        for key, number, kind in fields:
            field = message.field.add(name=key, number=number)
            field.label = _Field.LABEL_REPEATED if key in _REPEATED else _Field.LABEL_OPTIONAL
            field.type = _MESSAGE if isinstance(kind, str) else kind
            if isinstance(kind, str):
                field.type_name = kind
    pool = descriptor_pool.DescriptorPool()
    wrappers = descriptor_pb2.FileDescriptorProto()
    wrappers_pb2.DESCRIPTOR.CopyToProto(wrappers)
    pool.Add(wrappers)
    pool.Add(file)
    descriptors = pool.FindFileByName(file.name).message_types_by_name
    return {name: _class(descriptor) for name, descriptor in descriptors.items()}


def _class(descriptor: Any) -> Any:
    # protobuf 4 added the newer name, and protobuf 5 removed the older one.
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(descriptor.file.pool).GetPrototype(descriptor)
