"""TensorFlow Serving's gRPC interface as one file, for clients in other languages.

grpcurl reads it with `-protoset`, protoc with `--descriptor_set_in`, Node with @grpc/proto-loader.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any


def descriptors() -> bytes:
    """Return a FileDescriptorSet with both services and every message that they use."""
    from google.protobuf import descriptor_pb2
    from tensorflow_serving.apis import model_service_pb2, prediction_service_pb2

    descriptor_set = descriptor_pb2.FileDescriptorSet()
    added: set[str] = set()

    def add(file: Any) -> None:
        if file.name in added:
            return
        added.add(file.name)
        # Some readers require that a file's imports precede it.
        for other in file.dependencies:
            add(other)
        file.CopyToProto(descriptor_set.file.add())

    for module in (prediction_service_pb2, model_service_pb2):
        add(module.DESCRIPTOR)
    return bytes(descriptor_set.SerializeToString(deterministic=True))


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(descriptors())
