"""Load a SavedModel as TF Serving would, and call it, before anybody else does.

`python -m serving.verify FOLDER` prints what is wrong, and ends with 1 if anything is.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter

from serving.errors import DamagedModel

TIMEOUT_SECONDS = 300.0

_DEFAULT = "serving_default"
_WARMUP = Path("assets.extra") / "tf_serving_warmup_requests"
_ROWS = 2


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
REQUIRED: Signatures = {_DEFAULT: Signature()}

_SIGNATURES = TypeAdapter(dict[str, Signature])


def in_fresh_process(
    folder: Path, expected: Signatures = REQUIRED, timeout: float = TIMEOUT_SECONDS
) -> None:
    """Verify a SavedModel in a process of its own, which may crash or hang without harm.

    Args:
      folder: the SavedModel's.
      expected: signatures that it must have, and that must answer.
      timeout: seconds it may take.

    Raises:
      DamagedModel: the model cannot be loaded or called, or an answer is not finite.
    """
    command = [
        *(sys.executable, "-m", "serving.verify", str(folder.resolve())),
        *("--timeout", str(timeout)),
        *("--expected", _SIGNATURES.dump_json(dict(expected)).decode()),
    ]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(
        command,
        cwd=Path(__file__).parent.parent,
        env=os.environ | quiet,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return
    if done.returncode == -signal.SIGALRM:
        problems = f"not loaded and called within {timeout:g} s"
    elif done.returncode == 1 and done.stdout:
        problems = "; ".join(done.stdout.splitlines())
    else:
        problems = f"its process ended with {done.returncode}: {_last_line(done.stderr)}"
    raise DamagedModel(
        folder, f"the model cannot be served: {problems}", "correct the model, and export it again"
    )


def check(folder: Path, expected: Signatures = REQUIRED) -> list[str]:
    """Load a SavedModel in this process and call each signature that a made-up input fits.

    Warm-up requests that lie in the model are sent too.

    Args:
      folder: the SavedModel's.
      expected: signatures that it must have, and that must answer.

    Returns:
      What is wrong; nothing when the model is good.
    """
    import tensorflow as tf

    problems = list(_changed_since_export(tf, folder))
    graph = tf.Graph()
    with graph.as_default(), tf.compat.v1.Session(graph=graph) as session:
        try:
            # The way TF Serving goes: a session, the graph's own restore and init.
            loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
            warmup = _warmup(tf, folder)
            problems += _not_numbers(tf, folder)
        except Exception as error:  # what damaged bytes make TensorFlow raise is without end
            return [*problems, f"cannot be loaded: {_words(error)}"]
        caller = _Caller(tf, session, loaded, warmup)
        problems += caller.missing(expected)
        called = 0
        for name in caller.signatures:
            answered, wrong = caller.call(name)
            called += answered
            problems += wrong
            if name in expected and not answered and not wrong:
                problems.append(
                    f"{name}: no made-up input fits; put requests of yours in {_WARMUP}"
                )
    if not called and not problems:
        problems.append("no signature could be called")
    return problems


class _Caller:
    def __init__(self, tf: Any, session: Any, loaded: Any, warmup: list[Any]) -> None:
        self._tf = tf
        self._session = session
        self._loaded = loaded
        self._warmup = warmup
        self._texts = [_example(tf, loaded.graph_def), b"1"]
        self.signatures = sorted(
            name for name in loaded.signature_def if not name.startswith("__saved_model")
        )

    def missing(self, expected: Signatures) -> Iterator[str]:
        for name, wanted in expected.items():
            if name not in self.signatures:
                others = ", ".join(self.signatures) or "no others"
                yield f"signature {name} is missing, there are {others}"
                continue
            found = self._loaded.signature_def[name]
            for kind, types in (("inputs", wanted.inputs), ("outputs", wanted.outputs)):
                have = {
                    key: self._tf.as_dtype(info.dtype).name
                    for key, info in getattr(found, kind).items()
                }
                if types and have != types:
                    yield f"{name}: {kind} are {_types(have)}, {_types(types)} expected"

    def call(self, name: str) -> tuple[bool, list[str]]:
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
                made_up = {key: _made_up(tf, info, text) for key, info in signature.inputs.items()}
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
            declared = self._tf.as_dtype(info.dtype).name
            try:
                found = graph.get_tensor_by_name(info.name).dtype.name
            except (KeyError, ValueError):
                yield f"{name}: there is no tensor {info.name} for {key}"
                continue
            if found != declared:
                yield f"{name}: {key} is {found}, the signature says {declared}"

    def _answer(self, name: str, signature: Any, feed: dict[str, Any]) -> list[str]:
        tf = self._tf
        unknown = sorted(feed.keys() - signature.inputs.keys())
        if unknown:
            raise ValueError(f"no inputs {', '.join(unknown)}")
        fetch = {key: info.name for key, info in signature.outputs.items()}
        answer = self._session.run(
            fetch, {signature.inputs[key].name: value for key, value in feed.items()}
        )
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


def _changed_since_export(tf: Any, folder: Path) -> Iterator[str]:
    """Compare the graph with the fingerprint that TensorFlow wrote beside it."""
    graph = folder / "saved_model.pb"
    if not (folder / "fingerprint.pb").exists() or not graph.is_file():
        return
    try:
        fingerprint = tf.saved_model.experimental.read_fingerprint(str(folder))
    except Exception as error:
        yield f"fingerprint.pb cannot be read: {_words(error)}"
        return
    found = int.from_bytes(tf.fingerprint([graph.read_bytes()]).numpy()[0].tobytes(), "little")
    if found != fingerprint.saved_model_checksum:
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


def _warmup(tf: Any, folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """Read the requests that TF Serving would send on loading, by signature."""
    file = folder / _WARMUP
    if not file.exists():
        return []
    from tensorflow_serving.apis import prediction_log_pb2

    requests = []
    for record in tf.compat.v1.io.tf_record_iterator(str(file)):
        log = prediction_log_pb2.PredictionLog.FromString(record)
        if log.HasField("predict_log"):
            request = log.predict_log.request
            feed = {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
            requests.append((request.model_spec.signature_name or _DEFAULT, feed))
    return requests


def _made_up(tf: Any, info: Any, text: bytes) -> Any:
    """Return ones (or the text) in the shape that an input declares.

    Raises:
      ValueError: the input declares no shape.
    """
    import numpy as np

    rank = tf.TensorShape(info.tensor_shape).as_list()
    shape = [size if size is not None else (1 if axis else _ROWS) for axis, size in enumerate(rank)]
    dtype = tf.as_dtype(info.dtype)
    if dtype == tf.string:
        return np.full(shape, text, dtype=object)
    return np.ones(shape, dtype.as_numpy_dtype)


def _example(tf: Any, graph_def: Any) -> bytes:
    """Make a tf.Example with a value for each feature that the graph parses."""
    example = tf.train.Example()
    for nodes in (graph_def.node, *(each.node_def for each in graph_def.library.function)):
        constants = {node.name: node for node in nodes if node.op == "Const"}
        for node in nodes:
            if node.op == "ParseExampleV2":
                for key, dtype, size in _parsed(tf, node, constants):
                    _fill(tf, example.features.feature[key], dtype, size)
    return bytes(example.SerializeToString())


def _parsed(tf: Any, node: Any, constants: Mapping[str, Any]) -> Iterator[tuple[str, Any, int]]:
    """Yield name, type and number of values of each feature that a ParseExampleV2 reads."""
    types = {"sparse_types": 2, "Tdense": 3, "ragged_value_types": 4}
    for attribute, position in types.items():
        constant = constants.get(node.input[position].split(":")[0])
        if constant is None:
            continue
        keys = tf.make_ndarray(constant.attr["value"].tensor).reshape(-1).tolist()
        shapes = node.attr["dense_shapes"].list.shape if attribute == "Tdense" else ()
        sizes = [abs(tf.TensorShape(shape).num_elements() or 1) for shape in shapes]
        for index, (key, dtype) in enumerate(zip(keys, node.attr[attribute].list.type)):
            yield key.decode(), tf.as_dtype(dtype), sizes[index] if sizes else 1


def _fill(tf: Any, feature: Any, dtype: Any, size: int) -> None:
    if dtype == tf.string:
        feature.bytes_list.value[:] = [b"1"] * size
    elif dtype == tf.int64:
        feature.int64_list.value[:] = [1] * size
    else:
        feature.float_list.value[:] = [1.0] * size


def _types(tensors: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {dtype}" for name, dtype in sorted(tensors.items()))


def _words(error: BaseException) -> str:
    # TensorFlow puts this line before what happened.
    return (
        f"{type(error).__name__}: {_first_line(str(error).replace('Graph execution error:', ''))}"
    )


def _first_line(text: str) -> str:
    return next((line.strip()[:300] for line in text.splitlines() if line.strip()), "no message")


def _last_line(text: str) -> str:
    return _first_line("\n".join(reversed(text.splitlines())))


def _main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m serving.verify", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--timeout", type=float, default=TIMEOUT_SECONDS, metavar="SECONDS")
    parser.add_argument("--expected", type=_SIGNATURES.validate_json, default=REQUIRED)
    options = parser.parse_args(arguments)
    # Ends this process even when a call hangs in C++, and when who started it was killed.
    signal.setitimer(signal.ITIMER_REAL, options.timeout)
    for unused in ("keras", "googleapiclient"):
        # TensorFlow imports them if it can; that takes longer than all the rest.
        sys.modules[unused] = None  # type: ignore[assignment]
    problems = check(options.folder, options.expected)
    for problem in problems:
        print(problem)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
