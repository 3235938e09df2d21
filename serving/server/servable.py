"""A loaded version of a model."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from serving.server.errors import Code, ServingError, of_tensorflow

DEFAULT_SIGNATURE = "serving_default"

Feed = Mapping[str, Any]


class Servable:
    """A SavedModel in a session of its own.

    Args:
      folder: the SavedModel's.

    Raises:
      ServingError: it cannot be loaded.
    """

    def __init__(self, folder: Path) -> None:
        self._graph = tf.Graph()
        # One request uses one thread; many requests use the machine.
        self._session: Any = tf.compat.v1.Session(graph=self._graph)
        try:
            with self._graph.as_default():
                self._loaded = tf.compat.v1.saved_model.load(self._session, ["serve"], str(folder))
            self._graph.finalize()
        except Exception as error:  # what damaged bytes make TensorFlow raise is without end
            self._session.close()
            raise of_tensorflow(error) from error
        self.signatures: dict[str, Any] = dict(self._loaded.signature_def)
        self._callables: dict[tuple[str, tuple[str, ...]], Callable[..., list[Any]]] = {}

    def run(
        self,
        signature: str,
        feed: Feed,
        outputs: Sequence[str] | None = None,
        timeout_ms: int | None = None,
    ) -> dict[str, Any]:
        """Call a signature.

        Args:
          signature: its name.
          feed: an array for each input.
          outputs: names to return; None for all.
          timeout_ms: for the call; None for none.

        Returns:
          An array by output.

        Raises:
          ServingError: the call fails, or takes too long.
        """
        definition = self.signatures[signature]
        names = tuple(outputs or sorted(definition.outputs))
        call = self._callable(signature, names)
        options = tf.compat.v1.RunOptions(timeout_in_ms=timeout_ms) if timeout_ms else None
        try:
            values = call(*(feed[name] for name in sorted(definition.inputs)), options=options)
        except tf.errors.OpError as error:
            raise of_tensorflow(error) from error
        except (ValueError, TypeError) as error:
            raise ServingError(Code.INVALID_ARGUMENT, str(error)) from error
        return dict(zip(names, values))

    def _callable(self, signature: str, outputs: tuple[str, ...]) -> Callable[..., list[Any]]:
        key = signature, outputs
        found = self._callables.get(key)
        if found is None:
            definition = self.signatures[signature]
            # Prepared once: half of what a plain `run` costs goes into finding out what to run.
            found = self._callables[key] = self._session.make_callable(
                [definition.outputs[name].name for name in outputs],
                [
                    self._graph.get_tensor_by_name(definition.inputs[name].name)
                    for name in sorted(definition.inputs)
                ],
                accept_options=True,
            )
        return found

    def close(self) -> None:
        """Let go of the session and its memory."""
        self._callables.clear()
        self._session.close()
        del self._graph, self._loaded, self._session
        gc.collect()
