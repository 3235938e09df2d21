"""Client of models that TensorFlow Serving or `taxiway serve` serves."""

from serving.client.client import Client
from serving.client.errors import (
    BadRequest,
    ClientError,
    ModelNotFound,
    ServerFailed,
    TooLate,
    Unreachable,
)

__all__ = [
    "BadRequest", "Client", "ClientError", "ModelNotFound", "ServerFailed", "TooLate",
    "Unreachable",
]  # fmt: skip
