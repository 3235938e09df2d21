"""What both protocols can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Model:
    """What to call.

    Args:
      name: of the model.
      version: its number; None for what the server takes by itself.
      label: instead of a number.
    """

    name: str
    version: int | None = None
    label: str | None = None


Columns = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Wire:
    """A request to predict, as it goes over the network.

    Args:
      url: that it is posted to.
      headers: that it needs.
      body: of the request.
      http2: whether it goes over HTTP/2 from the first byte, as gRPC does.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes
    http2: bool


class Transport(Protocol):
    """A way to a server. Each call raises a ClientError when it fails."""

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
          model: to call.
          signature: its name.
          columns: a value a row, by input.
          types: TensorFlow's name of a type, such as `DT_FLOAT`, by input.
          seconds: to wait at most.

        Returns:
          A value a row, by output.
        """

    def wire(
        self, model: Model, signature: str, columns: Columns, types: Mapping[str, str]
    ) -> Wire:
        """Return what `predict` would send, for a load generator."""

    def inputs(self, model: Model, signature: str, seconds: float) -> dict[str, str]:
        """Return a signature's inputs: TensorFlow's name of a type, by name."""

    def states(self, model: Model, seconds: float) -> dict[int, str]:
        """Return the state of each version, such as `AVAILABLE`."""

    def close(self) -> None:
        """Let go of the connection."""
