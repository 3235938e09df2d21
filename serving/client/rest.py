"""Client side of TensorFlow Serving's REST interface; it does not import TensorFlow."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import urllib3

from serving.client.errors import (
    BadRequest,
    ClientError,
    ModelNotFound,
    ServerFailed,
    TooLate,
    Unreachable,
)
from serving.client.transport import Columns, EncodedRequest, Model

_ERRORS: Mapping[int, type[ClientError]] = {
    400: BadRequest, 404: ModelNotFound, 413: BadRequest, 429: Unreachable, 503: Unreachable,
    504: TooLate,
}  # fmt: skip
_UNKNOWN_LABEL = "Unrecognized servable version label"


class RestTransport:
    """Call a server over REST.

    Args:
      address: URL of the server, such as `http://127.0.0.1:8501`.
    """

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        self._pool = urllib3.PoolManager(maxsize=32, retries=False)

    def predict(
        self,
        model: Model,
        signature: str,
        columns: Columns,
        types: Mapping[str, str],
        seconds: float,
    ) -> dict[str, list[Any]]:
        """Call a signature, as `Transport.predict` describes.

        Args:
          model: model to call.
          signature: name of the signature.
          columns: one value per row, by input.
          types: TensorFlow's type name, such as `DT_FLOAT`, by input.
          seconds: seconds to wait for the answer.
        """
        path, body = _predict(model, signature, columns)
        outputs = self._call("POST", path, seconds, body)["outputs"]
        # TensorFlow Serving leaves out the name of a single output.
        return outputs if isinstance(outputs, dict) else {"": outputs}

    def encode(
        self, model: Model, signature: str, columns: Columns, types: Mapping[str, str]
    ) -> EncodedRequest:
        """Return the request that `predict` would send.

        Args:
          model: model to call.
          signature: name of the signature.
          columns: one value per row, by input.
          types: TensorFlow's type name, such as `DT_FLOAT`, by input.
        """
        path, body = _predict(model, signature, columns)
        return EncodedRequest(
            self._address + path, {"content-type": "application/json"}, body, http2=False
        )

    def inputs(self, model: Model, signature: str, seconds: float) -> dict[str, str]:
        """Return TensorFlow's type name by input of a signature.

        Args:
          model: model to ask for.
          signature: name of the signature.
          seconds: seconds to wait for the answer.
        """
        content = self._call("GET", f"{_path(model)}/metadata", seconds)
        signatures = content["metadata"]["signature_def"]["signature_def"]
        if signature not in signatures:
            raise BadRequest(f"model {model.name} has no signature {signature}")
        return {name: info["dtype"] for name, info in signatures[signature]["inputs"].items()}

    def states(self, model: Model, seconds: float) -> dict[int, str]:
        """Return the state, such as `AVAILABLE`, by version.

        Args:
          model: model to ask for.
          seconds: seconds to wait for the answer.
        """
        content = self._call("GET", _path(model), seconds)
        return {
            int(version["version"]): version["state"] for version in content["model_version_status"]
        }

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def _call(self, method: str, path: str, seconds: float, body: bytes | None = None) -> Any:
        try:
            answer = self._pool.request(
                method, self._address + path, body=body, timeout=urllib3.Timeout(total=seconds)
            )
        except urllib3.exceptions.ConnectTimeoutError as error:
            raise Unreachable(f"{self._address}: no server answers") from error
        except urllib3.exceptions.TimeoutError as error:
            raise TooLate(f"{self._address}: no answer within {seconds:g} s") from error
        except urllib3.exceptions.HTTPError as error:
            if "BadStatusLine" in str(error):
                raise ServerFailed(
                    f"{self._address}: expected an HTTP answer; is this the port of gRPC?"
                ) from error
            raise Unreachable(f"{self._address}: {error}") from error
        try:
            content = json.loads(answer.data)
        except ValueError as error:
            raise ServerFailed(
                f"{self._address}{path}: expected JSON, got {answer.data[:80]!r}"
            ) from error
        if answer.status == 200:
            return content
        message = str(content.get("error", answer.data[:200]))
        kind = _ERRORS.get(answer.status, ServerFailed)
        raise (ModelNotFound if message.startswith(_UNKNOWN_LABEL) else kind)(message)


def _predict(model: Model, signature: str, columns: Columns) -> tuple[str, bytes]:
    body = json.dumps({"signature_name": signature, "inputs": columns}, default=_plain)
    return f"{_path(model)}:predict", body.encode()


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    # A number or an array of NumPy, or another number of Python.
    return value.tolist() if hasattr(value, "tolist") else float(value)


def _path(model: Model) -> str:
    path = f"/v1/models/{quote(model.name, safe='')}"
    if model.version is not None:
        return f"{path}/versions/{model.version}"
    return path if model.label is None else f"{path}/labels/{quote(model.label, safe='')}"
