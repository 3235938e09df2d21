"""A client that takes plain rows, over either protocol."""

from __future__ import annotations

import difflib
import random
import time
from collections.abc import Callable, Mapping, Sequence, Set
from numbers import Real
from typing import Any, TypeVar

from serving.client.errors import BadRequest, ClientError, TooLate, Unreachable
from serving.client.transport import EncodedRequest, Model, Transport

SIGNATURE = "serving_tensors"
SCORES = "scores"

_AVAILABLE = "AVAILABLE"
_MISSING: Mapping[str, Any] = {"DT_STRING": "", "DT_FLOAT": float("nan"), "DT_DOUBLE": float("nan")}
_KINDS: Mapping[str, tuple[type | tuple[type, ...], str]] = {
    "DT_STRING": ((str, bytes), "text"), "DT_FLOAT": (Real, "a number"),
    "DT_DOUBLE": (Real, "a number"), "DT_INT64": (Real, "a whole number"),
    "DT_INT32": (Real, "a whole number"),
}  # fmt: skip
# pandas turns whole numbers into floats when a column has gaps.
_WHOLE = frozenset({"DT_INT64", "DT_INT32"})
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0
_POLL_SECONDS = 0.1
# Similarity of two names, from 0 to 1; names that differ in one letter are above it.
_ALIKE = 0.8

Row = Mapping[str, Any]
T = TypeVar("T")


class Client:
    """Get the scores of rows from a served model.

    A call is retried when no server answered or the server was overloaded, because a prediction
    changes nothing.

    Args:
      transport: protocol and address of the server; `Client.rest` and `Client.grpc` create it.
      model: model to call.
      seconds: seconds that a call may take, retries included; default 5.
      tries: maximum number of tries per call; default 4.
      validate: function that returns the problems of rows before they are sent; default: rows are
        not validated.

    Example:
      >>> from serving.client import Client
      >>> client = Client.rest("http://127.0.0.1:8501", "flights")
      >>> client.predict([{"carrier": "UA", "distance": 1400.0}])
    """

    def __init__(
        self,
        transport: Transport,
        model: Model,
        seconds: float = 5.0,
        tries: int = 4,
        validate: Callable[[Sequence[Row]], Sequence[str]] | None = None,
    ) -> None:
        self._transport = transport
        self._model = model
        self._seconds = seconds
        self._tries = tries
        self._validate = validate
        self._types: dict[str, str] | None = None

    @classmethod
    def rest(
        cls,
        address: str,
        model: str,
        version: int | None = None,
        label: str | None = None,
        **options: Any,
    ) -> Client:
        """Return a client over REST, which needs no TensorFlow.

        Args:
          address: URL of the server, such as `http://127.0.0.1:8501`.
          model: name of the model.
          version: number of the version; default: the server's choice.
          label: version label, instead of a number; default: none.
          options: further arguments of `Client`.

        Example:
          >>> Client.rest("http://127.0.0.1:8501", "flights", label="canary", seconds=2)
        """
        from serving.client.rest import RestTransport

        return cls(RestTransport(address), Model(model, version, label), **options)

    @classmethod
    def grpc(
        cls,
        address: str,
        model: str,
        version: int | None = None,
        label: str | None = None,
        credentials: Any = None,
        **options: Any,
    ) -> Client:
        """Return a client over gRPC.

        Args:
          address: host and port of the server, such as `127.0.0.1:8500`.
          model: name of the model.
          version: number of the version; default: the server's choice.
          label: version label, instead of a number; default: none.
          credentials: result of `grpc.ssl_channel_credentials`; default: no encryption.
          options: further arguments of `Client`.

        Example:
          >>> Client.grpc("127.0.0.1:8500", "flights", version=2)
        """
        from serving.client.grpc_transport import GrpcTransport

        return cls(GrpcTransport(address, credentials), Model(model, version, label), **options)

    def predict(self, rows: Sequence[Row]) -> list[float]:
        """Return the scores of rows.

        Args:
          rows: values by column. A column that is left out counts as missing, if the model allows
            it. Columns that are not inputs of the model are ignored.

        Returns:
          One score per row.

        Raises:
          BadRequest: a row does not match the model's inputs.
          ClientError: there was no result.

        Example:
          >>> client.predict([{"carrier": "UA", "distance": 1400.0}])
          [0.27]
        """
        if not rows:
            return []
        problems = self._validate(rows) if self._validate else ()
        if problems:
            raise BadRequest("; ".join(problems))

        def call(seconds: float) -> list[float]:
            types = self._inputs(seconds)
            inputs = columns(rows, types)
            outputs = self._transport.predict(self._model, SIGNATURE, inputs, types, seconds)
            return [float(score) for score in outputs.get(SCORES) or next(iter(outputs.values()))]

        return self._tried(call)

    def encode(self, rows: Sequence[Row]) -> EncodedRequest:
        """Return the request that `predict` would send, for a load generator.

        Args:
          rows: values by column, as for `predict`; they are not validated.

        Returns:
          The encoded request.

        Raises:
          BadRequest: a row does not match the model's inputs.
          ClientError: the server did not return the model's inputs.

        Example:
          >>> client.encode([{"carrier": "UA", "distance": 1400.0}]).url
          'http://127.0.0.1:8501/v1/models/flights:predict'
        """
        types = self._tried(self._inputs)
        return self._transport.encode(self._model, SIGNATURE, columns(rows, types), types)

    def states(self) -> dict[int, str]:
        """Return the states of the model's versions.

        Returns:
          State, such as `AVAILABLE`, by version.

        Raises:
          ClientError: there was no answer.

        Example:
          >>> client.states()
          {2: 'AVAILABLE'}
        """
        return self._tried(lambda seconds: self._transport.states(self._model, seconds))

    def wait_ready(self, seconds: float = 60.0) -> None:
        """Wait until a version of the model is available.

        Args:
          seconds: seconds to wait; default 60.

        Raises:
          TooLate: no version is available within the time.

        Example:
          >>> client.wait_ready(seconds=30)
        """
        deadline = time.monotonic() + seconds
        last = "no answer"
        while (remaining := deadline - time.monotonic()) > 0:
            try:
                states = self._transport.states(self._model, min(remaining, self._seconds))
                if _AVAILABLE in states.values():
                    return
                last = ", ".join(f"version {key} is {value}" for key, value in states.items())
            except ClientError as error:
                last = str(error)
            time.sleep(_POLL_SECONDS)
        raise TooLate(f"model {self._model.name} was not ready within {seconds:g} s: {last}")

    def close(self) -> None:
        """Close the connection.

        Example:
          >>> client.close()
        """
        self._transport.close()

    def _inputs(self, seconds: float) -> dict[str, str]:
        if self._types is None:
            self._types = self._transport.inputs(self._model, SIGNATURE, seconds)
        return self._types

    def _tried(self, call: Callable[[float], T]) -> T:
        deadline = time.monotonic() + self._seconds
        pause = _FIRST_PAUSE
        for remaining in range(self._tries - 1, -1, -1):
            try:
                return call(max(0.001, deadline - time.monotonic()))
            except Unreachable:
                # Random, so that clients that were rejected together do not return together.
                wait = random.uniform(pause / 2, pause)
                if not remaining or time.monotonic() + wait > deadline:
                    raise
                time.sleep(wait)
                pause = min(2 * pause, _LONGEST_PAUSE)
        raise AssertionError("the last try returns or raises")


def columns(rows: Sequence[Row], types: Mapping[str, str]) -> dict[str, list[Any]]:
    """Turn rows into the inputs of a signature.

    Args:
      rows: values by column.
      types: TensorFlow's type name, such as `DT_FLOAT`, by input.

    Returns:
      One value per row, by input.

    Raises:
      BadRequest: a required value is missing, a value has another type, or a column seems to be
        misspelled.
    """
    checked = set()  # most rows have the same columns
    for number, row in enumerate(rows, 1):
        names = frozenset(row)
        if names not in checked and (misspelt := _misspelt(names, types.keys())):
            raise BadRequest(f"row {number}: {misspelt}")
        checked.add(names)
    return {
        name: [_value(row, number, name, kind) for number, row in enumerate(rows, 1)]
        for name, kind in types.items()
    }


def _misspelt(names: Set[str], inputs: Set[str]) -> str:
    """Report a column that would count as missing only because its name is misspelled."""
    absent = sorted(inputs - names)
    for name in sorted(map(str, names - inputs)) if absent else ():
        if close := difflib.get_close_matches(name, absent, n=1, cutoff=_ALIKE):
            return (
                f"the model has no input {name}; did you mean {close[0]}? "
                f"If {close[0]} is missing, set it to null"
            )
    return ""


def _value(row: Row, number: int, name: str, kind: str) -> Any:
    value: Any = row.get(name)
    if _is_missing(value):
        if kind not in _MISSING:
            raise BadRequest(f"row {number}: {name} is required, but missing")
        return _MISSING[kind]
    is_nested = isinstance(value, list | tuple) or (hasattr(value, "ndim") and value.ndim > 0)
    if kind not in _KINDS or is_nested:
        return value
    expected, description = _KINDS[kind]
    fits = isinstance(value, expected) and not isinstance(value, bool)
    if not fits or (kind in _WHOLE and value != value // 1):
        raise BadRequest(f"row {number}: {name}: expected {description}, got {value!r}")
    return int(value) if kind in _WHOLE else value


def _is_missing(value: Any) -> bool:
    """Return whether a value is None, NaN or pandas' NA."""
    try:
        return value is None or bool(value != value)
    except TypeError:  # pandas' NA is neither true nor false
        return True
    except ValueError:  # an array
        return False
