"""Hold what one TFX line made to what the other made.

usage: python -m scripts.lines.compare FOLDER FOLDER       as steps.sh wrote them
       python -m scripts.lines.compare --continued WORKSPACE SPAN
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from models import tfrecords
from pipeline.runs import records
from pipeline.runs.records import RunRecord

# Both lines begin with the same weights and see the same rows, but TensorFlow adds in another
# order: AUC was 0.0003 apart at most, calibration 0.003.
_METRICS = 0.01
_COMPARED = ("auc", "calibration")
# The same model on both lines.
_SCORES = 1e-5


def main(words: list[str]) -> int:
    """Print what differs; return 1 when something does."""
    if words[0] == "--continued":
        differences = list(_continued(Path(words[1]), int(words[2])))
    else:
        one, other = map(Path, words)
        differences = list(_differences(one, other))
        print(_table(one, other))
    for each in differences:
        print(f"Differs: {each}")
    return 1 if differences else 0


def _differences(one: Path, other: Path) -> Iterator[str]:
    yield from of_runs(*(_runs(each / "workspace") for each in (one, other)))
    for name in ("ImportSchemaGen/schema", "SchemaGen/schema"):
        texts = [_newest(each, name).joinpath("schema.pbtxt").read_bytes() for each in (one, other)]
        if texts[0] != texts[1]:
            yield f"bytes of {name}"
    for split in ("train", "eval"):
        rows = [_examples(each, split) for each in (one, other)]
        if rows[0] != rows[1]:
            yield f"examples of {split}"
    for folder, server in ((one, other), (other, one)):
        files = ("answers.json", f"answers-{server.name}.json")
        answers = [json.loads((folder / name).read_text()) for name in files]
        apart = [abs(a - b) for a, b in zip(*answers, strict=True)]
        model = f"{len(answers[0])} rows, model of {folder.name} on both lines"
        print(f"{model}: at most {max(apart):.1e} apart")
        if not all(each <= _SCORES for each in apart):
            yield f"answers of {folder.name}'s model by {max(apart)}"


def of_runs(ours: Sequence[RunRecord], theirs: Sequence[RunRecord]) -> Iterator[str]:
    """Say how the runs of one line differ from the other's.

    Args:
      ours: oldest first.
      theirs: oldest first.
    """
    spans = [[each.span for each in runs] for runs in (ours, theirs)]
    if not ours or spans[0] != spans[1]:
        yield f"runs of spans {spans[0]}, {spans[1]}"
        return
    for here, there in zip(ours, theirs, strict=True):
        if here.outcome != there.outcome:
            yield f"span {here.span}: {here.outcome}, {there.outcome}"
        for name in dict.fromkeys([*_COMPARED, *here.metrics, *there.metrics]):
            # NaN is near nothing, so what is missing on both lines is no agreement.
            a, b = (_number(each.metrics.get(name)) for each in (here, there))
            print(f"span {here.span}, {name}: {a:.4f}, {b:.4f}")
            if name in _COMPARED and not abs(a - b) <= _METRICS * max(1.0, abs(a)):
                yield f"span {here.span}: {name} by {abs(a - b):.4f}"


def _continued(workspace: Path, span: int) -> Iterator[str]:
    """Say what is wrong with the run of a span, in a workspace that another line made."""
    found = [each for each in _runs(workspace) if each.span == span]
    if not found:
        yield f"no run of span {span} is recorded in the other line's workspace"
        return
    run = found[-1]
    if run.outcome not in ("published", "not blessed"):
        yield f"a run in the other line's workspace: {run.outcome}: {run.error}"
    elif not run.baseline:
        yield "no baseline was found in the other line's workspace"
    else:
        a, b = (_number(metrics.get("auc")) for metrics in (run.metrics, run.baseline))
        auc = f"AUC {a:.4f}, baseline {b:.4f}"
        print(f"In the other line's workspace, span {run.span}: {run.outcome}, {auc}")


def _runs(workspace: Path) -> list[RunRecord]:
    runs = list(records.newest_first(workspace / "runs"))
    return [record for record in reversed(runs) if isinstance(record, RunRecord)]


def _number(metric: float | None) -> float:
    return math.nan if metric is None else metric


def _newest(folder: Path, name: str) -> Path:
    return max((folder / "workspace/artifacts" / name).iterdir(), key=lambda each: int(each.name))


def _examples(folder: Path, split: str) -> list[Any]:
    import tensorflow as tf

    files = _newest(folder, "ExampleGen/examples").joinpath(f"Split-{split}").glob("*.gz")
    return [tf.train.Example.FromString(row) for row in tfrecords.read(sorted(files))]


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
