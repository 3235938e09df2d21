"""Load a SavedModel in this process and call it as TensorFlow Serving does."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from serving.frozen import FrozenModel
from serving.validation import inputs as example_inputs
from serving.validation.signatures import Tensor, from_proto


class Signature(FrozenModel):
    """Inputs and outputs that a signature must have.

    Args:
      inputs: TensorFlow's type name by tensor name; empty: any inputs.
      outputs: TensorFlow's type name by tensor name; empty: any outputs.
    """

    inputs: dict[str, str] = Field(default_factory=dict)
    outputs: dict[str, str] = Field(default_factory=dict)


Signatures = Mapping[str, Signature]

# Clients of TensorFlow Serving call it when they name no signature.
REQUIRED: Signatures = {example_inputs.DEFAULT: Signature()}


def check(
    folder: Path,
    expected: Signatures = REQUIRED,
    further: Callable[[Servable], list[str]] | None = None,
) -> list[str]:
    """Load a SavedModel in this process and call every signature that accepts a generated input.

    The model's warm-up requests are sent too.

    Args:
      folder: folder of the SavedModel.
      expected: signatures that the model must have and that must answer; default:
        `serving_default`.
      further: function that checks the loaded model further and returns its problems; default:
        none.

    Returns:
      One text per problem; none when the model is good.
    """
    import tensorflow as tf

    problems = list(_changed_since_export(folder))
    graph = tf.Graph()
    with graph.as_default(), tf.compat.v1.Session(graph=graph) as session:
        began = time.perf_counter()
        try:
            # As TensorFlow Serving does: a session, and the graph's own restore and init.
            loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
            load_seconds = time.perf_counter() - began
            warmup = example_inputs.warmup(tf, folder)
            problems += _not_numbers(tf, folder)
        except Exception as error:  # damaged bytes make TensorFlow raise errors of any type
            return [*problems, f"cannot be loaded: {_summary(error)}"]
        servable = Servable(tf, session, loaded, warmup, load_seconds)
        problems += servable.missing(expected)
        called = 0
        for name in servable.signatures:
            answered, wrong = servable.try_(name)
            called += answered
            problems += wrong
            if name in expected and not answered and not wrong:
                problems.append(
                    f"{name}: no generated input is accepted; "
                    f"add requests to {example_inputs.WARMUP}"
                )
        if not called and not problems:
            problems.append("no signature could be called")
        if further is not None and not problems:
            problems += further(servable)
    return problems


class Servable:
    """A loaded SavedModel.

    Args:
      tf: the TensorFlow module.
      session: session that the model was loaded into.
      loaded: MetaGraphDef of the model.
      warmup: signature and inputs of every warm-up request.
      load_seconds: seconds that loading took.
    """

    def __init__(
        self, tf: Any, session: Any, loaded: Any, warmup: list[Any], load_seconds: float
    ) -> None:
        self._tf = tf
        self._session = session
        self._loaded = loaded
        self._warmup = warmup
        self.load_seconds = load_seconds
        self._texts = [example_inputs.example(tf, loaded.graph_def), b"1"]
        self.signatures = sorted(
            name for name in loaded.signature_def if not name.startswith("__saved_model")
        )

    def inputs(self, name: str) -> Mapping[str, Tensor]:
        """Return the inputs of a signature by name.

        Args:
          name: name of the signature.
        """
        return from_proto(self._loaded.signature_def[name]).inputs

    def answer(self, name: str, feed: Mapping[str, Any]) -> dict[str, Any]:
        """Call a signature.

        Args:
          name: name of the signature.
          feed: array by input.

        Returns:
          Array by output.

        Raises:
          ValueError: the signature has no such input.
          tf.errors.OpError: the call fails.
        """
        signature = self._loaded.signature_def[name]
        unknown = sorted(feed.keys() - signature.inputs.keys())
        if unknown:
            raise ValueError(f"no inputs {', '.join(unknown)}")
        fetch = {key: info.name for key, info in signature.outputs.items()}
        return self._session.run(
            fetch, {signature.inputs[key].name: value for key, value in feed.items()}
        )

    def missing(self, expected: Signatures) -> Iterator[str]:
        """Report signatures that are missing or have other inputs or outputs.

        Args:
          expected: signatures that the model must have.

        Yields:
          One text per problem.
        """
        for name, required in expected.items():
            if name not in self.signatures:
                others = ", ".join(self.signatures) or "no others"
                yield f"signature {name} is missing; the model has {others}"
                continue
            signature = self._loaded.signature_def[name]
            for kind, types in (("inputs", required.inputs), ("outputs", required.outputs)):
                actual = {
                    key: _dtype(self._tf, info) for key, info in getattr(signature, kind).items()
                }
                if types and actual != types:
                    yield f"{name}: expected {kind} {_types(types)}, got {_types(actual)}"

    def try_(self, name: str) -> tuple[bool, list[str]]:
        """Send a signature its warm-up requests and a generated one.

        Args:
          name: name of the signature.

        Returns:
          Whether the signature answered, and one text per problem.
        """
        tf = self._tf
        signature = self._loaded.signature_def[name]
        problems = list(self._inconsistent(name, signature))
        if problems:
            return False, problems
        answered = False
        for feed in (feed for warm, feed in self._warmup if warm == name):
            try:
                problems += self._answer(name, signature, feed)
                answered = True
            except (tf.errors.OpError, ValueError, TypeError, KeyError) as error:
                problems.append(f"{name}: a warm-up request fails: {_summary(error)}")
        for text in self._texts:
            try:
                generated = {
                    key: example_inputs.generate(tf, info, text)
                    for key, info in signature.inputs.items()
                }
                problems += self._answer(name, signature, generated)
                answered = True
                break
            except (tf.errors.InvalidArgumentError, ValueError):
                continue  # the input is wrong, not the model
            except tf.errors.OpError as error:
                problems.append(f"{name}: a call fails: {_summary(error)}")
                break
        return answered, list(dict.fromkeys(map(_explained, problems)))

    def _inconsistent(self, name: str, signature: Any) -> Iterator[str]:
        graph = self._session.graph
        for key, info in [*signature.inputs.items(), *signature.outputs.items()]:
            declared = _dtype(self._tf, info)
            try:
                actual = graph.get_tensor_by_name(info.name).dtype.name
            except (KeyError, ValueError):
                yield f"{name}: there is no tensor {info.name} for {key}"
                continue
            if actual != declared:
                yield f"{name}: {key} is {actual}, but the signature states {declared}"

    def _answer(self, name: str, signature: Any, feed: dict[str, Any]) -> list[str]:
        tf = self._tf
        answer = self.answer(name, feed)
        problems = []
        for key, value in answer.items():
            declared = tf.TensorShape(signature.outputs[key].tensor_shape)
            if not declared.is_compatible_with(value.shape):
                problems.append(f"{name}: expected shape {declared} of {key}, got {value.shape}")
            # NumPy does not support bfloat16, so values are compared as float64.
            floating = tf.as_dtype(value.dtype).is_floating
            if floating and not abs(value.astype("float64")).max(initial=0) < float("inf"):
                problems.append(f"{name}: {key} is not finite")
        return problems


def _changed_since_export(folder: Path) -> Iterator[str]:
    """Compare the graph with the fingerprint that TensorFlow wrote on export."""
    graph = folder / "saved_model.pb"
    if not (folder / "fingerprint.pb").exists() or not graph.is_file():
        return
    # The algorithm depends on TensorFlow's release, so TensorFlow computes the fingerprint.
    from tensorflow.core.protobuf.fingerprint_pb2 import FingerprintDef
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
    from tensorflow.python.saved_model.pywrap_saved_model import fingerprinting

    try:
        if not SavedModel.FromString(graph.read_bytes()).meta_graphs:
            raise ValueError  # TensorFlow would end the process
    except Exception:  # damaged bytes raise errors of any type
        yield "saved_model.pb contains no graph"
        return
    try:
        written = FingerprintDef.FromString((folder / "fingerprint.pb").read_bytes())
        actual = FingerprintDef.FromString(fingerprinting.CreateFingerprintDef(str(folder)))
    except Exception as error:
        yield f"fingerprint.pb cannot be read: {_summary(error)}"
        return
    if actual.saved_model_checksum != written.saved_model_checksum:
        yield "saved_model.pb was changed after the export: its fingerprint differs"


def _not_numbers(tf: Any, folder: Path) -> Iterator[str]:
    """Report variables with NaN, which a generated input may not reveal."""
    if not (folder / "variables" / "variables.index").exists():
        return
    variables = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
    for name, dtype in sorted(variables.get_variable_to_dtype_map().items()):
        if dtype.is_floating:
            values = variables.get_tensor(name)
            if (values != values).any():
                yield f"variable {name.partition('/.ATTRIBUTES')[0]} contains NaN"


def _explained(problem: str) -> str:
    """Return a problem, with its cause if a variable has no value."""
    match = re.match(
        r"(\w+): .*(?:Could not find variable|uninitialized value) ([\w/:-]+)", problem
    )
    if match is None:
        return problem
    return (
        f"{match[1]}: the variable {match[2]} has no value after loading. With Keras 3, "
        "tf.saved_model.save(model) writes copies of the variables that the signatures read; "
        "export with keras.export.ExportArchive (docs/own-code.md)"
    )


def _dtype(tf: Any, info: Any) -> str:
    try:
        return str(tf.as_dtype(info.dtype).name)
    except TypeError:
        return f"type {info.dtype}, which TensorFlow does not support"


def _types(tensors: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {dtype}" for name, dtype in sorted(tensors.items()))


def _summary(error: BaseException) -> str:
    # TensorFlow puts this line before the actual message.
    return (
        f"{type(error).__name__}: {_first_line(str(error).replace('Graph execution error:', ''))}"
    )


def _first_line(text: str) -> str:
    return next((line.strip()[:300] for line in text.splitlines() if line.strip()), "no message")
