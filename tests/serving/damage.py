"""Ways to damage a SavedModel, applied to copies of a good one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.serving.tiny import export

Damage = Callable[[Path], None]

GRAPH = "saved_model.pb"
INDEX = "variables/variables.index"
SHARD_0 = "variables/variables.data-00000-of-00002"
SHARD_1 = "variables/variables.data-00001-of-00002"
ASSET = "assets/carrier.txt"
FINGERPRINT = "fingerprint.pb"


def _gone(name: str) -> Damage:
    def damage(folder: Path) -> None:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return damage


def _cut(name: str, keep: float) -> Damage:
    def damage(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: min(int(len(content) * keep), len(content) - 1)])

    return damage


def _flipped(name: str, where: float) -> Damage:
    def damage(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[int(len(content) * where)] ^= 0b100
        (folder / name).write_bytes(content)

    return damage


def _replaced(name: str, content: bytes) -> Damage:
    return lambda folder: void((folder / name).write_bytes(content))


def _linked(name: str) -> Damage:
    def damage(folder: Path) -> None:
        outside = folder.with_name("outside")
        (folder / name).rename(outside)
        (folder / name).symlink_to(outside)

    return damage


def _edited(edit: Callable[[Any], None]) -> Damage:
    """Change the graph as a tool does that writes no fingerprint."""

    def damage(folder: Path) -> None:
        from tensorflow.core.protobuf import saved_model_pb2

        (folder / FINGERPRINT).unlink()
        graph = saved_model_pb2.SavedModel.FromString((folder / GRAPH).read_bytes())
        edit(graph)
        (folder / GRAPH).write_bytes(graph.SerializeToString())

    return damage


def _signatures(edit: Callable[[Any], None]) -> Damage:
    return _edited(lambda graph: edit(graph.meta_graphs[0].signature_def))


def _swapped(one: str, other: str) -> Damage:
    def edit(signatures: Any) -> None:
        kept = type(signatures[one]).FromString(signatures[one].SerializeToString())
        signatures[one].CopyFrom(signatures[other])
        signatures[other].CopyFrom(kept)

    return _signatures(edit)


def _exported(**how: Any) -> Damage:
    def damage(folder: Path) -> None:
        shutil.rmtree(folder)
        export(folder, **how)

    return damage


def _cast(dtype: str) -> Damage:
    def finish(scores: Any) -> dict[str, Any]:
        import tensorflow as tf

        return {"scores": tf.cast(scores * 1000, dtype)}

    return _exported(finish=finish)


def _copies_restored(folder: Path) -> None:
    """Export a Keras model such that the session restores copies of what the signature reads."""
    import keras
    import tensorflow as tf

    shutil.rmtree(folder)
    module = tf.Module()
    module.network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="features")])
    def serving_default(features: Any) -> dict[str, Any]:
        return {"scores": module.network(features)[:, 0]}

    tf.saved_model.save(module, str(folder), signatures={"serving_default": serving_default})


def _runs_python(folder: Path) -> None:
    """Export a model that calls back into the Python process that exported it."""
    shutil.rmtree(folder)

    def finish(scores: Any) -> dict[str, Any]:
        import tensorflow as tf

        answer = tf.numpy_function(lambda value: value, [scores], tf.float32, stateful=False)
        answer.set_shape([None])
        return {"scores": answer}

    export(folder, finish=finish)


def _shards_swapped(folder: Path) -> None:
    (folder / SHARD_0).rename(folder / "x")
    (folder / SHARD_1).rename(folder / SHARD_0)
    (folder / "x").rename(folder / SHARD_1)


def _graph_is_folder(folder: Path) -> None:
    (folder / GRAPH).unlink()
    (folder / GRAPH).mkdir()
    (folder / GRAPH / "file").touch()


def _is_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.touch()


def _emptied(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def _set(owner: Any, name: str, value: Any) -> None:
    setattr(owner, name, value)


def void(_: object) -> None:
    """Return nothing."""


def _unknown_op(graph: Any) -> None:
    graph.meta_graphs[0].graph_def.node[0].op = "NoSuchOp"


def _no_restore(graph: Any) -> None:
    graph.meta_graphs[0].saver_def.restore_op_name = "NoSuchNode"


def _no_init(graph: Any) -> None:
    graph.meta_graphs[0].signature_def["__saved_model_init_op"].outputs[
        "__saved_model_init_op"
    ].name = "NoSuchNode"


def _retag(graph: Any) -> None:
    graph.meta_graphs[0].meta_info_def.tags[:] = ["train"]


def _as_string(scores: Any) -> Any:
    import tensorflow as tf

    return tf.strings.as_string(scores)


DAMAGES: dict[str, Damage] = {
    "no graph": _gone(GRAPH),
    "graph of zero bytes": _replaced(GRAPH, b""),
    "graph cut in half": _cut(GRAPH, 0.5),
    "graph cut near its end": _cut(GRAPH, 0.9),
    "graph cut by a byte": _cut(GRAPH, 1),
    "graph is text": _replaced(GRAPH, b"not a graph\n"),
    "first byte of graph flipped": _flipped(GRAPH, 0),
    "byte of graph flipped": _flipped(GRAPH, 0.5),
    "late byte of graph flipped": _flipped(GRAPH, 0.95),
    "graph is a link": _linked(GRAPH),
    "graph is a folder": _graph_is_folder,
    "no variables": _gone("variables"),
    "no index": _gone(INDEX),
    "index of zero bytes": _replaced(INDEX, b""),
    "index cut in half": _cut(INDEX, 0.5),
    "index cut by a byte": _cut(INDEX, 1),
    "byte of index flipped": _flipped(INDEX, 0.5),
    "no first shard": _gone(SHARD_0),
    "no last shard": _gone(SHARD_1),
    "first shard of zero bytes": _replaced(SHARD_0, b""),
    "last shard of zero bytes": _replaced(SHARD_1, b""),
    "first shard cut in half": _cut(SHARD_0, 0.5),
    "first shard cut by a byte": _cut(SHARD_0, 1),
    "byte of first shard flipped": _flipped(SHARD_0, 0.5),
    "byte of last shard flipped": _flipped(SHARD_1, 0.001),
    "shards swapped": _shards_swapped,
    "shard is a link": _linked(SHARD_0),
    "variables are a link": _linked("variables"),
    "no vocabulary": _gone(ASSET),
    "vocabulary of zero bytes": _replaced(ASSET, b""),
    "vocabulary is a link": _linked(ASSET),
    "fingerprint of zero bytes": _replaced(FINGERPRINT, b""),
    "fingerprint of another graph": _flipped(FINGERPRINT, 0.1),
    "a pipe among the files": lambda folder: os.mkfifo(folder / "pipe"),
    "a link to nowhere": lambda folder: (folder / "link").symlink_to("nowhere"),
    "a link in a circle": lambda folder: (folder / "assets" / "up").symlink_to(".."),
    "no files": _emptied,
    "no folder": shutil.rmtree,
    "a file for a folder": _is_file,
    "no signatures": _signatures(lambda signatures: signatures.clear()),
    "no serving_default": _signatures(lambda signatures: void(signatures.pop("serving_default"))),
    "no transformed": _signatures(lambda signatures: void(signatures.pop("transformed"))),
    "examples and matrix swapped": _swapped("serving_default", "transformed"),
    "examples and tensors swapped": _swapped("serving_default", "serving_tensors"),
    "output said to be int64": _signatures(
        lambda signatures: _set(signatures["serving_default"].outputs["scores"], "dtype", 9)
    ),
    "input said to be float": _signatures(
        lambda signatures: _set(signatures["serving_default"].inputs["examples"], "dtype", 1)
    ),
    "output of a type that is none": _signatures(
        lambda signatures: _set(signatures["serving_default"].outputs["scores"], "dtype", 0)
    ),
    "output that is nowhere": _signatures(
        lambda signatures: _set(signatures["serving_default"].outputs["scores"], "name", "no:0")
    ),
    "output without a name": _signatures(
        lambda signatures: _set(signatures["serving_default"].outputs["scores"], "name", "")
    ),
    "output of another shape": _signatures(
        lambda signatures: _set(
            signatures["serving_default"].outputs["scores"].tensor_shape.dim[0], "size", 7
        )
    ),
    "output missing": _signatures(
        lambda signatures: void(signatures["serving_default"].outputs.pop("scores"))
    ),
    "tag of training": _edited(_retag),
    "no graphs in the graph": _edited(lambda graph: graph.ClearField("meta_graphs")),
    "unknown op": _edited(_unknown_op),
    "no restore": _edited(_no_restore),
    "no initialiser": _edited(_no_init),
    "weights that are not numbers": _exported(weight=float("nan")),
    "a rare carrier's embedding is not a number": _exported(rare=float("nan")),
    "embedding that is not a number": _exported(embedding=float("nan")),
    "scores of int64": _cast("int64"),
    "scores of float64": _cast("float64"),
    "scores of text": _exported(finish=lambda scores: {"scores": _as_string(scores)}),
    "scores by another name": _exported(finish=lambda scores: {"score": scores}),
    "one output more": _exported(finish=lambda scores: {"scores": scores, "more": scores}),
    "scores divided by nothing": _exported(finish=lambda scores: {"scores": scores / 0.0}),
    "copies of variables restored": _copies_restored,
    "calls Python": _runs_python,
}

# These do no harm in the process that exported the model.
ONLY_IN_A_FRESH_PROCESS = {"calls Python"}
