"""What each run did, in one file of the workspace that anybody can read without TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from pipeline.findings import Finding
from pipeline.runs.progress import Step
from serving.storage import local
from serving.store.manifest import Metric

Outcome = Literal["published", "not blessed", "data refused", "failed", "interrupted"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Output(_Frozen):
    """An artifact: where it lies, and its id in ML Metadata."""

    uri: str
    id: int


class RunRecord(_Frozen):
    """What a run did, and why it ended as it did.

    Args:
      run_id: the TFX pipeline run id.
      began: UTC, ISO 8601.
      seconds: wall time.
      outcome: how it ended.
      exit_code: of the command.
      span: the model was, or would have been, judged on.
      train_spans: it learned from.
      columns: it learned from, the label included.
      steps: in the order they ended.
      error: what stopped the run; empty when it was published.
      next_step: what the user was told to do.
      reasons: why the model is not blessed: each bound that was missed, in words.
      comparison: what is better and what worse than the latest blessed model, in words.
      findings: why the data was refused.
      quarantine: the file of refused rows.
      model_id: hash of the trained model's files, as in a manifest; None without a model.
      version: that was published.
      model_dir: the published version's folder.
      metrics: the candidate's on the whole eval split.
      baseline: the latest blessed model's; empty for a first model.
      hyperparameters: that the candidate was trained with.
      code_hash: of the code and locked packages that a model is made with.
      graph: the nodes upstream of each node.
      outputs: artifacts by node and output.
      log_file: where all library output went.
      report: the run as one HTML file; None when it could not be written.
    """

    run_id: str
    began: str
    seconds: float
    outcome: Outcome
    exit_code: int
    span: int | None = None
    train_spans: tuple[int, ...] = ()
    columns: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    error: str = ""
    next_step: str = ""
    reasons: tuple[str, ...] = ()
    comparison: str = ""
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


def write(folder: Path, record: RunRecord) -> Path:
    """Write a run's record, whole or not at all.

    Args:
      folder: `Workspace.runs`.
      record: of the run.

    Returns:
      The file.

    Raises:
      OSError: it could not be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{record.run_id}.json"
    local.replace_file(file, record.model_dump_json(indent=2) + "\n")
    return file


def read(file: Path) -> RunRecord:
    """Read a run's record.

    Raises:
      OSError: the file cannot be read.
      ValueError: it is no record of this release.
    """
    return RunRecord.model_validate_json(file.read_bytes())


def read_all(folder: Path) -> dict[str, RunRecord]:
    """Read the records of all runs by run id, oldest first; what is no record is left out."""
    found = {}
    for file in sorted(folder.glob("[!.]*.json")):
        try:
            found[file.stem] = read(file)
        except (OSError, ValidationError):
            continue
    return found
