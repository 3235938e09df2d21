"""Compare the results of two TFX lines.

usage: python -m scripts.lines.compare FOLDER FOLDER       folders that steps.sh wrote
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

# Both lines start with the same weights and read the same rows, but TensorFlow adds in another
# order: the largest difference was 0.0003 in AUC and 0.003 in calibration.
_METRIC_TOLERANCE = 0.01
_COMPARED = ("auc", "calibration")
# Both lines serve the same model.
_SCORE_TOLERANCE = 1e-5


def main(args: list[str]) -> int:
    """Print the differences; return 1 if there are any.

    Args:
      args: command-line arguments.
    """
    if args[0] == "--continued":
        differences = list(_continued(Path(args[1]), int(args[2])))
    else:
        one, other = map(Path, args)
        differences = list(_differences(one, other))
        print(_table(one, other))
    for difference in differences:
        print(f"Differs: {difference}")
    return 1 if differences else 0


def _differences(one: Path, other: Path) -> Iterator[str]:
    yield from run_differences(*(_runs(folder / "workspace") for folder in (one, other)))
    for name in ("ImportSchemaGen/schema", "SchemaGen/schema"):
        texts = [
            _newest(folder, name).joinpath("schema.pbtxt").read_bytes() for folder in (one, other)
        ]
        if texts[0] != texts[1]:
            yield f"bytes of {name}"
    for split in ("train", "eval"):
        rows = [_examples(folder, split) for folder in (one, other)]
        if rows[0] != rows[1]:
            yield f"examples of {split}"
    for folder, server in ((one, other), (other, one)):
        files = ("answers.json", f"answers-{server.name}.json")
        answers = [json.loads((folder / name).read_text()) for name in files]
        distances = [abs(a - b) for a, b in zip(*answers, strict=True)]
        model = f"{len(answers[0])} rows, model of {folder.name} on both lines"
        print(f"{model}: largest difference {max(distances):.1e}")
        if not all(distance <= _SCORE_TOLERANCE for distance in distances):
            yield f"scores of {folder.name}'s model by {max(distances)}"


def run_differences(one: Sequence[RunRecord], other: Sequence[RunRecord]) -> Iterator[str]:
    """List the differences between the runs of two lines.

    Args:
      one: runs of one line, oldest first.
      other: runs of the other line, oldest first.

    Yields:
      One clause for every difference.
    """
    spans = [[run.span for run in runs] for runs in (one, other)]
    if not one or spans[0] != spans[1]:
        yield f"runs of spans {spans[0]}, {spans[1]}"
        return
    for pair in zip(one, other, strict=True):
        span = pair[0].span
        if pair[0].outcome != pair[1].outcome:
            yield f"span {span}: {pair[0].outcome}, {pair[1].outcome}"
        for name in dict.fromkeys([*_COMPARED, *pair[0].metrics, *pair[1].metrics]):
            # NaN equals no number, so a metric that is missing on both lines is a difference.
            a, b = (_number(run.metrics.get(name)) for run in pair)
            print(f"span {span}, {name}: {a:.4f}, {b:.4f}")
            if name in _COMPARED and not abs(a - b) <= _METRIC_TOLERANCE * max(1.0, abs(a)):
                yield f"span {span}: {name} by {abs(a - b):.4f}"


def _continued(workspace: Path, span: int) -> Iterator[str]:
    """List what is wrong with the run of a span in a workspace of the other line."""
    runs = [run for run in _runs(workspace) if run.span == span]
    if not runs:
        yield f"no run of span {span} is recorded in the other line's workspace"
        return
    run = runs[-1]
    if run.outcome not in ("published", "not blessed"):
        yield f"a run in the other line's workspace: {run.outcome}: {run.error}"
    elif not run.baseline:
        yield "the run had no baseline in the other line's workspace"
    else:
        a, b = (_number(metrics.get("auc")) for metrics in (run.metrics, run.baseline))
        auc = f"AUC {a:.4f}, baseline {b:.4f}"
        print(f"In the other line's workspace, span {run.span}: {run.outcome}, {auc}")


def _runs(workspace: Path) -> list[RunRecord]:
    # The ids of earlier releases have local time, and the root may have another time zone.
    runs = records.newest_first(workspace / "runs")
    return sorted(
        (record for record in runs if isinstance(record, RunRecord)), key=lambda run: run.began
    )


def _number(metric: float | None) -> float:
    return math.nan if metric is None else metric


def _newest(folder: Path, name: str) -> Path:
    return max((folder / "workspace/artifacts" / name).iterdir(), key=lambda path: int(path.name))


def _examples(folder: Path, split: str) -> list[Any]:
    import tensorflow as tf

    files = _newest(folder, "ExampleGen/examples").joinpath(f"Split-{split}").glob("*.gz")
    return [tf.train.Example.FromString(row) for row in tfrecords.read(sorted(files))]


def _table(*folders: Path) -> str:
    seconds = [
        dict(line.split("\t") for line in (folder / "seconds").read_text().splitlines())
        for folder in folders
    ]
    names = list(dict.fromkeys(name for steps in seconds for name in steps))
    lines = [f"| seconds | {' | '.join(folder.name for folder in folders)} |", "|---|---:|---:|"]
    lines += [
        f"| {name} | {' | '.join(steps.get(name, '') for steps in seconds)} |" for name in names
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
