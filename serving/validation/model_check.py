"""Load a SavedModel in this process and call it as TF Serving would."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from serving.validation import inputs as trial_inputs


class Signature(BaseModel):
    """What a signature must take and return: TensorFlow's names of types, by tensor name.

    Args:
      inputs: nothing said of them when empty.
      outputs: nothing said of them when empty.
    """

    inputs: dict[str, str] = {}
    outputs: dict[str, str] = {}


Signatures = Mapping[str, Signature]

# What every client of TF Serving calls when it names no signature.
REQUIRED: Signatures = {trial_inputs.DEFAULT: Signature()}


def check(
    folder: Path,
    expected: Signatures = REQUIRED,
    further: Callable[[Servable], list[str]] | None = None,
) -> list[str]:
    """Load a SavedModel in this process and call each signature that a made-up input fits.

    Warm-up requests that lie in the model are sent too.

    Args:
      folder: the SavedModel's.
      expected: signatures that it must have, and that must answer.
      further: tries what was loaded in ways of its own, and returns what is wrong.

    Returns:
      What is wrong; nothing when the model is good.
    """
    import tensorflow as tf

    problems = list(_changed_since_export(folder))
    graph = tf.Graph()
    with graph.as_default(), tf.compat.v1.Session(graph=graph) as session:
        began = time.perf_counter()
        try:
            # The way TF Serving goes: a session, the graph's own restore and init.
            loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
            load_seconds = time.perf_counter() - began
            warmup = trial_inputs.warmup(tf, folder)
            problems += _not_numbers(tf, folder)
        except Exception as error:  # what damaged bytes make TensorFlow raise is without end
            return [*problems, f"cannot be loaded: {_words(error)}"]
        servable = Servable(tf, session, loaded, warmup, load_seconds)
        problems += servable.missing(expected)
        called = 0
        for name in servable.signatures:
            answered, wrong = servable.try_(name)
            called += answered
            problems += wrong
            if name in expected and not answered and not wrong:
                problems.append(
                    f"{name}: no made-up input fits; put requests of yours in {trial_inputs.WARMUP}"
                )
        if not called and not problems:
            problems.append("no signature could be called")
        if further is not None and not problems:
            problems += further(servable)
    return problems


class Servable:
    """A loaded SavedModel.

    Args:
      tf: TensorFlow.
      session: that it was loaded into.
      loaded: its MetaGraphDef.
      warmup: requests by signature.
      load_seconds: that loading took.
    """

    def __init__(
        self, tf: Any, session: Any, loaded: Any, warmup: list[Any], load_seconds: float
    ) -> None:
        self._tf = tf
        self._session = session
        self._loaded = loaded
        self._warmup = warmup
        self.load_seconds = load_seconds
        self._texts = [trial_inputs.example(tf, loaded.graph_def), b"1"]
        self.signatures = sorted(
            name for name in loaded.signature_def if not name.startswith("__saved_model")
        )

    def inputs(self, name: str) -> dict[str, str]:
        """Return a signature's inputs: TensorFlow's names of types, by tensor name."""
        inputs = self._loaded.signature_def[name].inputs
        return {key: _dtype(self._tf, info) for key, info in inputs.items()}

    def answer(self, name: str, feed: Mapping[str, Any]) -> dict[str, Any]:
        """Call a signature.

        Args:
          name: of the signature.
          feed: an array for each of its inputs.

        Returns:
          An array for each output.

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
        """Say which of the expected signatures are not there, or take or return something else."""
        for name, wanted in expected.items():
            if name not in self.signatures:
                others = ", ".join(self.signatures) or "no others"
                yield f"signature {name} is missing, there are {others}"
                continue
            found = self._loaded.signature_def[name]
            for kind, types in (("inputs", wanted.inputs), ("outputs", wanted.outputs)):
                have = {key: _dtype(self._tf, info) for key, info in getattr(found, kind).items()}
                if types and have != types:
                    yield f"{name}: {kind} are {_types(have)}, {_types(types)} expected"

    def try_(self, name: str) -> tuple[bool, list[str]]:
        """Send a signature its warm-up requests and a made-up one.

        Returns:
          Whether it answered, and what is wrong.
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
                problems.append(f"{name}: a warm-up request fails: {_words(error)}")
        for text in self._texts:
            try:
                made_up = {
                    key: trial_inputs.made_up(tf, info, text)
                    for key, info in signature.inputs.items()
                }
                problems += self._answer(name, signature, made_up)
                answered = True
                break
            except (tf.errors.InvalidArgumentError, ValueError):
                continue  # the input is wrong, not the model
            except tf.errors.OpError as error:
                problems.append(f"{name}: a call fails: {_words(error)}")
                break
        return answered, problems

    def _inconsistent(self, name: str, signature: Any) -> Iterator[str]:
        graph = self._session.graph
        for key, info in [*signature.inputs.items(), *signature.outputs.items()]:
            declared = _dtype(self._tf, info)
            try:
                found = graph.get_tensor_by_name(info.name).dtype.name
            except (KeyError, ValueError):
                yield f"{name}: there is no tensor {info.name} for {key}"
                continue
            if found != declared:
                yield f"{name}: {key} is {found}, the signature says {declared}"

    def _answer(self, name: str, signature: Any, feed: dict[str, Any]) -> list[str]:
        tf = self._tf
        answer = self.answer(name, feed)
        problems = []
        for key, value in answer.items():
            declared = tf.TensorShape(signature.outputs[key].tensor_shape)
            if not declared.is_compatible_with(value.shape):
                problems.append(f"{name}: {key} has shape {value.shape}, {declared} expected")
            # As float64, because NumPy knows nothing of bfloat16.
            floating = tf.as_dtype(value.dtype).is_floating
            if floating and not abs(value.astype("float64")).max(initial=0) < float("inf"):
                problems.append(f"{name}: {key} is not finite")
        return problems


def _changed_since_export(folder: Path) -> Iterator[str]:
    """Compare the graph with the fingerprint that TensorFlow wrote beside it."""
    graph = folder / "saved_model.pb"
    if not (folder / "fingerprint.pb").exists() or not graph.is_file():
        return
    # How TensorFlow computes it depends on its release, so it does that itself.
    from tensorflow.core.protobuf.fingerprint_pb2 import FingerprintDef
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
    from tensorflow.python.saved_model.pywrap_saved_model import fingerprinting

    try:
        if not SavedModel.FromString(graph.read_bytes()).meta_graphs:
            raise ValueError  # of which TensorFlow would end the process
    except Exception:  # whatever stands in a damaged file
        yield "saved_model.pb holds no graph"
        return
    try:
        written = FingerprintDef.FromString((folder / "fingerprint.pb").read_bytes())
        found = FingerprintDef.FromString(fingerprinting.CreateFingerprintDef(str(folder)))
    except Exception as error:
        yield f"fingerprint.pb cannot be read: {_words(error)}"
        return
    if found.saved_model_checksum != written.saved_model_checksum:
        yield "saved_model.pb is not what was exported: its fingerprint differs"


def _not_numbers(tf: Any, folder: Path) -> Iterator[str]:
    """Find NaN in what was learned, which a made-up input may never meet."""
    if not (folder / "variables" / "variables.index").exists():
        return
    variables = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
    for name, dtype in sorted(variables.get_variable_to_dtype_map().items()):
        if dtype.is_floating:
            values = variables.get_tensor(name)
            if (values != values).any():
                yield f"variable {name.partition('/.ATTRIBUTES')[0]} holds NaN"


def _dtype(tf: Any, info: Any) -> str:
    try:
        return str(tf.as_dtype(info.dtype).name)
    except TypeError:
        return f"type {info.dtype}, which TensorFlow does not know"


def _types(tensors: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {dtype}" for name, dtype in sorted(tensors.items()))


def _words(error: BaseException) -> str:
    # TensorFlow puts this line before what happened.
    return (
        f"{type(error).__name__}: {_first_line(str(error).replace('Graph execution error:', ''))}"
    )


def _first_line(text: str) -> str:
    return next((line.strip()[:300] for line in text.splitlines() if line.strip()), "no message")
