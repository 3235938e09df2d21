"""What each run did: one file per run in the workspace, readable without TensorFlow."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from pipeline.findings import Finding
from pipeline.runs.progress import Step
from serving.storage import local
from serving.store.manifest import Metric

Outcome = Literal["published", "not blessed", "data refused", "failed", "interrupted"]

# A release that changes the meaning of a field raises the number; a new field does not need that.
FORMAT_VERSION = 2


class _Lenient(BaseModel):
    # Records outlive releases, so fields of a later release are ignored.
    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())


class Output(_Lenient):
    """An artifact: its URI, and its id in ML Metadata."""

    uri: str
    id: int


class RunRecord(_Lenient):
    """What a run did, and why it ended as it did.

    Args:
      run_id: TFX pipeline run id: the UTC time at which the run began.
      began: time at which the run began, UTC, ISO 8601.
      seconds: wall time.
      outcome: how the run ended.
      exit_code: exit code of the command.
      span: span that the model was evaluated on; default None, none was chosen.
      train_spans: spans that the model was trained on; default none.
      hash_split: how a hash divided the rows of the one span; default "" for spans by time.
      columns: columns that the model was trained on, the label included; default none.
      steps: steps in the order in which they ended; default none.
      error: message of the error that stopped the run; default "", it was published.
      next_step: next step that the user was shown; default "".
      reasons: one sentence per missed bound or problem of InfraCheck; default none.
      comparison: what is better and worse than in the latest blessed model; default "".
      no_baseline: whether the run had the option --no-baseline, so that nothing was compared;
        default False.
      findings: why the data was refused; default none.
      quarantine: file of the rejected rows; default None.
      model_id: hash of the trained model's files, as in a manifest; default None, no model.
      version: published version; default None.
      model_dir: folder of the published version; default None.
      metrics: metrics of the candidate on the whole eval split; default none.
      baseline: metrics of the latest blessed model; default none, a first model.
      hyperparameters: hyperparameters of the candidate; default none.
      code_hash: hash of the code and locked packages that made the model; default "".
      graph: upstream nodes by node; default none.
      outputs: artifacts by node and output; default none.
      log_file: file of all library output; default None.
      report: HTML report; default None, it could not be written.
      format_version: format of the record; default that of this release.
    """

    run_id: str
    began: str
    seconds: float
    outcome: Outcome
    exit_code: int
    span: int | None = None
    train_spans: tuple[int, ...] = ()
    hash_split: str = ""
    columns: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    error: str = ""
    next_step: str = ""
    reasons: tuple[str, ...] = ()
    comparison: str = ""
    no_baseline: bool = False
    findings: tuple[Finding, ...] = ()
    quarantine: Path | None = None
    model_id: str | None = None
    version: int | None = None
    model_dir: Path | None = None
    metrics: dict[str, Metric] = {}
    baseline: dict[str, Metric] = {}
    hyperparameters: dict[str, JsonValue] = {}
    code_hash: str = ""
    graph: dict[str, tuple[str, ...]] = {}
    outputs: dict[str, dict[str, Output]] = {}
    log_file: Path | None = None
    report: Path | None = None
    format_version: int = FORMAT_VERSION


@dataclass(frozen=True)
class UnreadableRecord:
    """A file that is no run record of a known format.

    Args:
      file: path of the file.
      reason: why it cannot be read.
    """

    file: Path
    reason: str


def write(folder: Path, record: RunRecord) -> Path:
    """Write a run's record atomically, in the format of this release.

    Args:
      folder: `Workspace.runs`.
      record: record of the run.

    Returns:
      The file.

    Raises:
      OSError: the file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{record.run_id}.json"
    local.replace_file(file, record.model_dump_json(indent=2) + "\n")
    return file


def read(file: Path) -> RunRecord:
    """Read a run's record, of this or an earlier format.

    Args:
      file: file that `write` wrote.

    Returns:
      The record. Fields of a later release are ignored.

    Raises:
      OSError: the file cannot be read.
      ValueError: the file is no run record of a known format.
    """
    content = json.loads(file.read_bytes())
    if isinstance(content, dict):
        content.setdefault("format_version", 1)  # the first format had no number
    record = RunRecord.model_validate(content)
    if record.format_version > FORMAT_VERSION:
        raise ValueError(
            f"format {record.format_version} is of a later release; "
            f"this one reads up to {FORMAT_VERSION}"
        )
    return record


def count(folder: Path) -> int:
    """Return the number of run records, without reading them.

    Args:
      folder: `Workspace.runs`.
    """
    return len(_names(folder))


def newest_first(folder: Path) -> Iterator[RunRecord | UnreadableRecord]:
    """Read run records one by one, newest first.

    Args:
      folder: `Workspace.runs`.

    Yields:
      Each record, or why its file cannot be read.
    """
    for name in sorted(_names(folder), reverse=True):
        file = folder / name
        try:
            yield read(file)
        except ValidationError as error:
            details = error.errors()[0]
            location = ".".join(map(str, details["loc"]))
            yield UnreadableRecord(file, f"{location}: {details['msg']}".removeprefix(": "))
        except (OSError, ValueError) as error:
            yield UnreadableRecord(file, str(error))


def _names(folder: Path) -> list[str]:
    # Names sort ten times as fast as paths, and there may be thousands of them.
    names = os.listdir(folder) if folder.is_dir() else []  # noqa: PTH208
    return [name for name in names if name.endswith(".json") and not name.startswith(".")]
