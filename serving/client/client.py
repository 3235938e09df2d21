"""A client that takes plain rows, over either protocol."""

from __future__ import annotations

import difflib
import random
import time
from collections.abc import Callable, Mapping, Sequence, Set
from numbers import Real
from typing import Any, TypeVar

from serving.client.errors import BadRequest, ClientError, TooLate, Unreachable
from serving.client.transport import Model, Transport, Wire

SIGNATURE = "serving_tensors"
SCORES = "scores"

_AVAILABLE = "AVAILABLE"
_MISSING: Mapping[str, Any] = {"DT_STRING": "", "DT_FLOAT": float("nan"), "DT_DOUBLE": float("nan")}
_KINDS: Mapping[str, tuple[type | tuple[type, ...], str]] = {
    "DT_STRING": ((str, bytes), "text"), "DT_FLOAT": (Real, "a number"),
    "DT_DOUBLE": (Real, "a number"), "DT_INT64": (Real, "a whole number"),
    "DT_INT32": (Real, "a whole number"),
}  # fmt: skip
# Where a column has gaps, pandas makes floats of its whole numbers.
_WHOLE = frozenset({"DT_INT64", "DT_INT32"})
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0
_POLL_SECONDS = 0.1
# Of two names, from 0 to 1; a letter too much, too little or another one is above it.
_ALIKE = 0.8

Row = Mapping[str, Any]
T = TypeVar("T")


class Client:
    """Ask a served model for the scores of rows.

    A call is tried again when no server answered or it was overloaded: to predict changes nothing.

    Args:
      transport: a way to a server: `Client.rest(...)` and `Client.grpc(...)` make one.
      model: to call.
      seconds: for a call, tries included.
      tries: of a call.
      validate: says what is wrong with rows before they are sent; None sends them as they are.
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
          address: such as `http://127.0.0.1:8501`.
          model: its name.
          version: its number; None for what the server takes by itself.
          label: instead of a number.
          options: further ones of Client.
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
          address: such as `127.0.0.1:8500`.
          model: its name.
          version: its number; None for what the server takes by itself.
          label: instead of a number.
          credentials: of `grpc.ssl_channel_credentials`; None for no encryption.
          options: further ones of Client.
        """
        from serving.client.grpc_transport import GrpcTransport

        return cls(GrpcTransport(address, credentials), Model(model, version, label), **options)

    def predict(self, rows: Sequence[Row]) -> list[float]:
        """Return the score of each row.

        Args:
          rows: values by column; a column that is left out is missing, where the model allows it,
            and what is no input of the model is left alone.

        Raises:
          BadRequest: a row is not what the model takes.
          ClientError: there was no result.
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

    def wire(self, rows: Sequence[Row]) -> Wire:
        """Return what `predict` would send, for a load generator.

        Args:
          rows: as for `predict`; they are not validated.

        Raises:
          BadRequest: a row is not what the model takes.
          ClientError: the server did not say what the model takes.
        """
        types = self._tried(self._inputs)
        return self._transport.wire(self._model, SIGNATURE, columns(rows, types), types)

    def states(self) -> dict[int, str]:
        """Return the state of each version of the model.

        Raises:
          ClientError: there was no answer.
        """
        return self._tried(lambda seconds: self._transport.states(self._model, seconds))

    def wait_ready(self, seconds: float = 60.0) -> None:
        """Wait until a version of the model answers.

        Raises:
          TooLate: none does within the time.
        """
        deadline = time.monotonic() + seconds
        last = "no answer"
        while (left := deadline - time.monotonic()) > 0:
            try:
                states = self._transport.states(self._model, min(left, self._seconds))
                if _AVAILABLE in states.values():
                    return
                last = ", ".join(f"version {key} is {value}" for key, value in states.items())
            except ClientError as error:
                last = str(error)
            time.sleep(_POLL_SECONDS)
        raise TooLate(f"model {self._model.name} was not ready within {seconds:g} s: {last}")

    def close(self) -> None:
        """Let go of the connection."""
        self._transport.close()

    def _inputs(self, seconds: float) -> dict[str, str]:
        if self._types is None:
            self._types = self._transport.inputs(self._model, SIGNATURE, seconds)
        return self._types

    def _tried(self, call: Callable[[float], T]) -> T:
        deadline = time.monotonic() + self._seconds
        pause = _FIRST_PAUSE
        for left in range(self._tries - 1, -1, -1):
            try:
                return call(max(0.001, deadline - time.monotonic()))
            except Unreachable:
                # Spread, so that all who were refused do not come back at the same time.
                wait = random.uniform(pause / 2, pause)
                if not left or time.monotonic() + wait > deadline:
                    raise
                time.sleep(wait)
                pause = min(2 * pause, _LONGEST_PAUSE)
        raise AssertionError("the last try returns or raises")


def columns(rows: Sequence[Row], types: Mapping[str, str]) -> dict[str, list[Any]]:
    """Return the inputs of a signature: a value a row, by input.

    Args:
      rows: values by column.
      types: TensorFlow's name of a type, such as `DT_FLOAT`, by input.

    Raises:
      BadRequest: a value is missing that must be there, is none that the input can take, or a
        column seems to be misspelt.
    """
    seen = set()  # most rows have the same columns
    for place, row in enumerate(rows, 1):
        names = frozenset(row)
        if names not in seen and (misspelt := _misspelt(names, types.keys())):
            raise BadRequest(f"row {place}: {misspelt}")
        seen.add(names)
    return {
        name: [_value(row, place, name, kind) for place, row in enumerate(rows, 1)]
        for name, kind in types.items()
    }


def _misspelt(names: Set[str], inputs: Set[str]) -> str:
    """Say which column would be missing only because its name is written otherwise."""
    absent = sorted(inputs - names)
    for name in sorted(map(str, names - inputs)) if absent else ():
        if close := difflib.get_close_matches(name, absent, n=1, cutoff=_ALIKE):
            return (
                f"the model has no input {name}; did you mean {close[0]}? Where that is missing, "
                "give it as null"
            )
    return ""


def _value(row: Row, place: int, name: str, kind: str) -> Any:
    value: Any = row.get(name)
    if _is_missing(value):
        if kind not in _MISSING:
            raise BadRequest(f"row {place}: {name} is missing, and must be there")
        return _MISSING[kind]
    of_many = isinstance(value, list | tuple) or (hasattr(value, "ndim") and value.ndim > 0)
    if kind not in _KINDS or of_many:
        return value
    wanted, words = _KINDS[kind]
    fits = isinstance(value, wanted) and not isinstance(value, bool)
    if not fits or (kind in _WHOLE and value != value // 1):
        raise BadRequest(f"row {place}: {name} is {value!r}, {words} expected")
    return int(value) if kind in _WHOLE else value


def _is_missing(value: Any) -> bool:
    """Return whether it is None, NaN, or what pandas has in their place."""
    try:
        return value is None or bool(value != value)
    except TypeError:  # pandas' NA says neither yes nor no
        return True
    except ValueError:  # an array
        return False
