"""The interface that both protocols implement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Model:
    """The model to call.

    Args:
      name: name of the model.
      version: number of the version; default: the server's choice.
      label: version label, instead of a number; default: none.
    """

    name: str
    version: int | None = None
    label: str | None = None


Columns = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class EncodedRequest:
    """A prediction request as it is sent over the network.

    Args:
      url: URL that the body is posted to.
      headers: HTTP headers of the request.
      body: body of the request.
      http2: whether the connection uses HTTP/2 from the first byte, as gRPC does.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes
    http2: bool


class Transport(Protocol):
    """A protocol and a server's address. Every call raises a ClientError when it fails."""

    def predict(
        self,
        model: Model,
        signature: str,
        columns: Columns,
        types: Mapping[str, str],
        seconds: float,
    ) -> dict[str, list[Any]]:
        """Call a signature.

        Args:
          model: model to call.
          signature: name of the signature.
          columns: one value per row, by input.
          types: TensorFlow's type name, such as `DT_FLOAT`, by input.
          seconds: seconds to wait for the answer.

        Returns:
          One value per row, by output.
        """

    def encode(
        self, model: Model, signature: str, columns: Columns, types: Mapping[str, str]
    ) -> EncodedRequest:
        """Return the request that `predict` would send, for a load generator.

        Args:
          model: model to call.
          signature: name of the signature.
          columns: one value per row, by input.
          types: TensorFlow's type name, such as `DT_FLOAT`, by input.
        """

    def inputs(self, model: Model, signature: str, seconds: float) -> dict[str, str]:
        """Return TensorFlow's type name by input of a signature.

        Args:
          model: model to ask for.
          signature: name of the signature.
          seconds: seconds to wait for the answer.
        """

    def states(self, model: Model, seconds: float) -> dict[int, str]:
        """Return the state, such as `AVAILABLE`, by version.

        Args:
          model: model to ask for.
          seconds: seconds to wait for the answer.
        """

    def close(self) -> None:
        """Close the connection."""
