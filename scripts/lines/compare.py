"""Hold what one TFX line made to what the other made.

usage: python -m scripts.lines.compare FOLDER FOLDER       as steps.sh wrote them
       python -m scripts.lines.compare --continued WORKSPACE
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf

from pipeline import records

# Both lines begin with the same weights and see the same rows, but TensorFlow adds in another
# order: AUC was 0.0003 apart at most, calibration 0.003.
_METRICS = 0.01
# The same model on both lines.
_SCORES = 1e-5


def main(words: list[str]) -> int:
    """Print what differs; return 1 when something does."""
    if words[0] == "--continued":
        differences = list(_continued(Path(words[1])))
    else:
        one, other = map(Path, words)
        differences = list(_differences(one, other))
        print(_table(one, other))
    for each in differences:
        print(f"Differs: {each}")
    return 1 if differences else 0


def _differences(one: Path, other: Path) -> Iterator[str]:
    runs = [list(records.read_all(each / "workspace" / "runs").values()) for each in (one, other)]
    for here, there in zip(*runs):
        if here.outcome != there.outcome:
            yield f"span {here.span}: {here.outcome}, {there.outcome}"
        for name, value in here.metrics.items():
            apart = abs(value - there.metrics[name])
            print(f"span {here.span}, {name}: {value:.4f}, {there.metrics[name]:.4f}")
            if apart > _METRICS * max(1.0, abs(value)) and name in {"auc", "calibration"}:
                yield f"span {here.span}: {name} by {apart:.4f}"
    for name in ("ImportSchemaGen/schema", "SchemaGen/schema"):
        texts = [_newest(each, name).joinpath("schema.pbtxt").read_bytes() for each in (one, other)]
        if texts[0] != texts[1]:
            yield f"bytes of {name}"
    for split in ("train", "eval"):
        rows = [_examples(each, split) for each in (one, other)]
        if rows[0] != rows[1]:
            yield f"examples of {split}"
    for folder, elsewhere in ((one, "answers-1.21.json"), (other, "answers-1.16.json")):
        answers = [json.loads((folder / name).read_text()) for name in ("answers.json", elsewhere)]
        apart = max(abs(a - b) for a, b in zip(*answers, strict=True))
        model = f"{len(answers[0])} rows, model of {folder.name} on both lines"
        print(f"{model}: at most {apart:.1e} apart")
        if apart > _SCORES:
            yield f"answers of {folder.name}'s model by {apart}"


def _continued(workspace: Path) -> Iterator[str]:
    """Say what is wrong with the newest run of a workspace that another line made."""
    newest = list(records.read_all(workspace / "runs").values())[-1]
    if newest.outcome not in ("published", "not blessed"):
        yield f"a run in the other line's workspace: {newest.error}"
    elif not newest.baseline:
        yield "no baseline was found in the other line's workspace"
    else:
        auc = f"AUC {newest.metrics['auc']:.4f}, baseline {newest.baseline['auc']:.4f}"
        print(f"In the other line's workspace, span {newest.span}: {newest.outcome}, {auc}")


def _newest(folder: Path, name: str) -> Path:
    return max((folder / "workspace/artifacts" / name).iterdir(), key=lambda each: int(each.name))


def _examples(folder: Path, split: str) -> list[Any]:
    files = _newest(folder, "ExampleGen/examples").joinpath(f"Split-{split}").glob("*.gz")
    rows = tf.data.TFRecordDataset(sorted(map(str, files)), "GZIP").as_numpy_iterator()
    return [tf.train.Example.FromString(row) for row in rows]


def _table(*folders: Path) -> str:
    seconds = [
        dict(line.split("\t") for line in (each / "seconds").read_text().splitlines())
        for each in folders
    ]
    names = list(dict.fromkeys(name for each in seconds for name in each))
    lines = [f"| seconds | {' | '.join(each.name for each in folders)} |", "|---|---:|---:|"]
    lines += [
        f"| {name} | {' | '.join(each.get(name, '') for each in seconds)} |" for name in names
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
