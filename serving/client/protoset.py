"""TF Serving's gRPC interface as one file for clients in other languages.

grpcurl takes it with `-protoset`, Node's @grpc/proto-loader, and protoc with `--descriptor_set_in`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any


def descriptors() -> bytes:
    """Return a FileDescriptorSet with both services and every message that they use."""
    from google.protobuf import descriptor_pb2
    from tensorflow_serving.apis import model_service_pb2, prediction_service_pb2

    found = descriptor_pb2.FileDescriptorSet()
    seen: set[str] = set()

    def add(file: Any) -> None:
        if file.name in seen:
            return
        seen.add(file.name)
        # What a file imports comes before it: some readers ask for that.
        for other in file.dependencies:
            add(other)
        file.CopyToProto(found.file.add())

    for module in (prediction_service_pb2, model_service_pb2):
        add(module.DESCRIPTOR)
    return bytes(found.SerializeToString(deterministic=True))


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(descriptors())
