"""What Beam's components take in this process, and on a Flink cluster on the same machine."""

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
# The Trainer is not Beam's, and each engine trains the same.
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

HERE = "here"
SLOTS = (1, 2)


def on_flink(slots: int) -> str:
    """Name a cluster by its task slots."""
    return f"Flink, {slots} slot{'s' if slots > 1 else ''}"


@dataclass(frozen=True)
class Run:
    """What one run's Beam components took.

    Args:
      rows: in all splits.
      engine: `HERE`, or a cluster's name.
      seconds: wall time by component.
    """

    rows: int
    engine: str
    seconds: dict[str, float]

    @property
    def total(self) -> float:
        """Wall seconds of all its Beam components."""
        return sum(self.seconds.values())


@dataclass(frozen=True)
class Cost:
    """What an engine takes, as a straight line through two sizes.

    Args:
      fixed: seconds whatever the rows.
      per_million: seconds for each million rows.
    """

    fixed: float
    per_million: float


def cost(runs: Sequence[Run], engine: str) -> Cost:
    """Return what an engine's smallest and largest run say that it takes."""
    own = sorted((run for run in runs if run.engine == engine), key=lambda run: run.rows)
    small, large = own[0], own[-1]
    slope = (large.total - small.total) / (large.rows - small.rows)
    return Cost(small.total - slope * small.rows, slope * 1e6)


def pays_from(here: Cost, slot: Cost, slots: int) -> float | None:
    """Return from how many rows a cluster is quicker than this process.

    Args:
      here: what this process takes.
      slot: what a cluster of one slot takes.
      slots: that share the rows evenly.

    Returns:
      Rows; None when it never is.
    """
    gained = (here.per_million - slot.per_million / slots) / 1e6
    return max(0.0, (slot.fixed - here.fixed) / gained) if gained > 0 else None


def measure(scratch: Path, times: tuple[int, ...] = (1, 10)) -> list[Run]:
    """Run the pipeline in this process and on clusters of one and two task slots.

    Args:
      scratch: a folder that does not exist yet.
      times: how often all the flights are repeated.

    Returns:
      A measurement for each number of times and engine.

    Raises:
      Unavailable: what a cluster is made of cannot be had here.
    """
    once = data.write(scratch / "once", None).parquet
    runs = []
    for each in times:
        source = _repeated(once, each, scratch / f"{each}-times")
        rows = sum(pq.read_metadata(file).num_rows for file in source.iterdir())
        text = _SETTINGS.format(path=source, window=each)
        own = scratch / f"{each}-times-here"
        runs.append(Run(rows, HERE, _run(own, rows, text)))
        for slots in SLOTS:
            own = scratch / f"{each}-times-{slots}-slots"
            with running(_new(own / "cluster"), slots, _HEAP_MB) as cluster:
                workers = [f"--sdk_worker_parallelism={slots}"]
                said = text + cluster.settings(parallelism=slots, arguments=workers)
                runs.append(Run(rows, on_flink(slots), _run(own, rows, said, "flink")))
    return runs


def _repeated(once: Path, times: int, folder: Path) -> Path:
    """Have each row several times: as so many spans to train on, and in the one to evaluate on."""
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
