"""A loaded version of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from serving.server.servables.batching import Batcher
from serving.server.servables.session_choice import session_type

DEFAULT_SIGNATURE = "serving_default"

Feed = Mapping[str, Any]


class Servable:
    """A SavedModel in a separate session.

    Args:
      folder: folder of the SavedModel.
      tags: tags of the graph to load; default: `serve`.
      config: TensorFlow's ConfigProto; default: TensorFlow's defaults.
      batcher: batcher that runs calls of the same signature together; default: none.

    Raises:
      ServingError: the model cannot be loaded.
    """

    def __init__(
        self,
        folder: Path,
        tags: Sequence[str] = ("serve",),
        config: Any = None,
        batcher: Batcher | None = None,
    ) -> None:
        config = config or tf.compat.v1.ConfigProto()
        self._session = session_type(config)(folder, tags, config)
        self._batcher = batcher
        self.signatures = self._session.signatures
        self._tensors: dict[str, Any] = {}

    def run(
        self,
        signature: str,
        feed: Feed,
        outputs: Sequence[str] | None = None,
        timeout_ms: int | None = None,
    ) -> dict[str, Any]:
        """Call a signature.

        Args:
          signature: name of the signature.
          feed: array by input.
          outputs: names of the outputs to return; default: all.
          timeout_ms: milliseconds that the call may take; default: no limit.

        Returns:
          Array by output.

        Raises:
          ServingError: the call fails, or takes too long.
        """
        definition = self.signatures[signature]
        names = list(outputs or sorted(definition.outputs))

        def run(arrays: Feed, within_ms: int | None) -> dict[str, Any]:
            values = self._session.run(
                [self._tensor(definition.inputs[name].name) for name in arrays],
                list(arrays.values()),
                [self._tensor(definition.outputs[name].name) for name in names],
                within_ms,
            )
            return dict(zip(names, values))

        # As in TensorFlow Serving, a request for some of the outputs is not batched.
        if self._batcher is None or len(names) < len(definition.outputs):
            return run(feed, timeout_ms)
        # Requests with other types or ranks would make the whole batch fail.
        types = tuple((name, value.dtype, value.ndim) for name, value in sorted(feed.items()))
        return self._batcher.run((id(self), signature, types), run, feed, timeout_ms)

    def close(self) -> None:
        """Release the session and its memory."""
        self._tensors.clear()
        self._session.close()

    def _tensor(self, name: str) -> Any:
        tensor = self._tensors.get(name)
        if tensor is None:
            tensor = self._tensors[name] = self._session.tensor(name)
        return tensor
