"""Measure Beam's components in one process, and on a Flink cluster on the same machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.settings.engines import COMPONENTS
from scripts.bench import data
from scripts.clusters.flink import running

_PROJECT = Path(__file__).parents[2]
# The Trainer does not use Beam and is equal for every engine, so one epoch is enough.
_SETTINGS = f"""\
features = "{_PROJECT}/models/flights.toml"
schema_file = "{_PROJECT}/schema/schema.pbtxt"
[source]
kind = "folder"
path = "{{path}}"
window = {{window}}
[train]
epochs = 1
[evaluate]
min_auc = 0.0
min_slice_auc = 0.0
[beam]
shard_mb = 32.0
"""
_HEAP_MB = 2048

LOCAL = "one process"
SLOTS = (1, 2)


def on_flink(slots: int) -> str:
    """Return the name of a cluster.

    Args:
      slots: number of task slots.
    """
    return f"Flink, {slots} slot{'s' if slots > 1 else ''}"


@dataclass(frozen=True)
class Run:
    """The wall time of one run's Beam components.

    Args:
      rows: number of rows in all splits.
      engine: `LOCAL`, or the name of a cluster.
      seconds: wall seconds by component.
    """

    rows: int
    engine: str
    seconds: dict[str, float]

    @property
    def total(self) -> float:
        """Wall seconds of all Beam components."""
        return sum(self.seconds.values())


@dataclass(frozen=True)
class Cost:
    """The cost of an engine, as a straight line through two sizes.

    Args:
      fixed: seconds for any number of rows.
      per_million: seconds for a million rows.
    """

    fixed: float
    per_million: float


def cost(runs: Sequence[Run], engine: str) -> Cost:
    """Return the cost of an engine, computed from its smallest and its largest run.

    Args:
      runs: measurements of all engines.
      engine: name of the engine.
    """
    own = sorted((run for run in runs if run.engine == engine), key=lambda run: run.rows)
    small, large = own[0], own[-1]
    slope = (large.total - small.total) / (large.rows - small.rows)
    return Cost(small.total - slope * small.rows, slope * 1e6)


def break_even_rows(local: Cost, slot: Cost, slots: int) -> float | None:
    """Return the number of rows from which a cluster is faster than one process.

    Args:
      local: cost of one process.
      slot: cost of a cluster with one slot.
      slots: number of slots that share the rows evenly.

    Returns:
      Number of rows; None if the cluster is never faster.
    """
    gain = (local.per_million - slot.per_million / slots) / 1e6
    return max(0.0, (slot.fixed - local.fixed) / gain) if gain > 0 else None


def measure(scratch: Path, times: tuple[int, ...] = (1, 10)) -> list[Run]:
    """Run the pipeline in one process and on clusters of one and two task slots.

    Args:
      scratch: path of a folder that does not exist yet.
      times: how often all flights are repeated; default once and ten times.

    Returns:
      A measurement for every size and engine.

    Raises:
      Unavailable: a package that a cluster needs is not available.
    """
    once = data.write(scratch / "once", None).parquet
    runs = []
    for count in times:
        source = _repeated(once, count, scratch / f"{count}-times")
        rows = sum(pq.read_metadata(file).num_rows for file in source.iterdir())
        text = _SETTINGS.format(path=source, window=count)
        own = scratch / f"{count}-times-local"
        runs.append(Run(rows, LOCAL, _run(own, rows, text)))
        for slots in SLOTS:
            own = scratch / f"{count}-times-{slots}-slots"
            with running(_new(own / "cluster"), slots, _HEAP_MB) as cluster:
                workers = [f"--sdk_worker_parallelism={slots}"]
                settings = text + cluster.settings(parallelism=slots, arguments=workers)
                runs.append(Run(rows, on_flink(slots), _run(own, rows, settings, "flink")))
    return runs


def _repeated(once: Path, times: int, folder: Path) -> Path:
    """Repeat all rows: as several spans to train on, and within the span to evaluate on."""
    _new(folder)
    for span in range(1, times + 1):
        os.link(once / "1.parquet", folder / f"{span}.parquet")
    evaluated = pa.concat_tables([pq.read_table(once / "2.parquet")] * times)
    pq.write_table(evaluated, folder / f"{times + 1}.parquet")
    return folder


def _run(folder: Path, rows: int, settings: str, engine: str = "local") -> dict[str, float]:
    print(f"{rows:,} rows, {engine}: {folder.name}", file=sys.stderr, flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "taxiway.toml").write_text(settings, encoding="utf-8")
    done = subprocess.run(
        [Path(sys.executable).with_name("taxiway"), "run", "--json", "--engine", engine,
         "--settings", folder / "taxiway.toml", "--workspace", folder / "workspace"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    seconds = {step["name"]: step["seconds"] for step in json.loads(done.stdout)["steps"]}
    return {component: seconds[component] for component in COMPONENTS}


def _new(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
