"""A SavedModel in a session of TensorFlow's Python API.

Slower than `session.Session`: Python's lock is held for a part of every load and call. It also
rejects arrays whose shape contradicts the graph's placeholder, which the C API computes if it can.
The server uses this session where TensorFlow's C API does not behave as expected.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from serving.server.errors import Code, ServingError, invalid


class GraphSession:
    """A loaded SavedModel, with the methods of `session.Session`.

    Args:
      folder: folder of the SavedModel.
      tags: tags of the graph to load.
      config: TensorFlow's ConfigProto.

    Raises:
      ServingError: the model cannot be loaded.
    """

    def __init__(self, folder: Path, tags: Sequence[str], config: Any) -> None:
        self._graph = tf.Graph()
        self._session = tf.compat.v1.Session(graph=self._graph, config=config)
        try:
            with self._graph.as_default(), _as_serving_errors():
                meta_graph = tf.compat.v1.saved_model.load(self._session, list(tags), str(folder))
        except ServingError:
            self._session.close()
            raise
        self.signatures: dict[str, Any] = dict(meta_graph.signature_def)

    def tensor(self, name: str) -> Any:
        """Return a tensor of the graph.

        Args:
          name: name of the tensor, such as `scores:0`.

        Raises:
          ServingError: there is no such tensor.
        """
        operation, _, index = name.partition(":")
        try:
            return self._graph.get_tensor_by_name(f"{operation}:{index or 0}")
        except (KeyError, ValueError):
            raise invalid(f"Tensor {name} was not found in the graph") from None

    def run(
        self,
        inputs: Sequence[Any],
        values: Sequence[Any],
        outputs: Sequence[Any],
        timeout_ms: int | None = None,
    ) -> list[Any]:
        """Compute tensors.

        Args:
          inputs: tensors to feed.
          values: one array per tensor to feed.
          outputs: tensors to compute.
          timeout_ms: milliseconds that the computation may take; default: no limit.

        Returns:
          One array per output.

        Raises:
          ServingError: the computation fails, or takes too long.
        """
        feed = {}
        for index, (tensor, value) in enumerate(zip(inputs, values)):
            array = np.asarray(value)
            # TensorFlow's Python API would convert the values, and the C API does not.
            if array.dtype.kind not in "OSU" and array.dtype != tensor.dtype.as_numpy_dtype:
                raise invalid(
                    f"Expects arg[{index}] to be {tensor.dtype.name} but {array.dtype} is provided"
                )
            feed[tensor] = array
        options = tf.compat.v1.RunOptions(timeout_in_ms=timeout_ms or 0)
        with _as_serving_errors():
            results = self._session.run(list(outputs), feed, options)
        return [_to_array(result) for result in results]

    def close(self) -> None:
        """Release the session and its memory."""
        self._session.close()


def _to_array(value: Any) -> Any:
    if isinstance(value, bytes):  # a text output without dimensions
        return np.array(value, object)
    return np.asarray(value)


@contextmanager
def _as_serving_errors() -> Iterator[None]:
    try:
        yield
    except tf.errors.OpError as error:
        code = error.error_code
        raise ServingError(
            Code(code) if code in set(Code) else Code.UNKNOWN, error.message
        ) from error
    except OSError as error:
        raise ServingError(Code.NOT_FOUND, str(error)) from error
    except (RuntimeError, TypeError, ValueError) as error:
        raise invalid(str(error)) from error
