"""Record what a run did, however it ended."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import report
from pipeline.components import names
from pipeline.components.infra_check import report as infra
from pipeline.errors import INTERRUPTED, DataRefused, NotBlessed, TaxiwayError
from pipeline.metadata import properties
from pipeline.runs import records
from pipeline.runs.records import Output, RunRecord
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    from pipeline.sources.layout import Layout

# TFX's artifacts by node and output.
Outputs = Mapping[str, Mapping[str, Any]]

# Comparison of a run with `--no-baseline`.
_NOT_COMPARED = "not compared with an earlier model, because the run has the option --no-baseline"

_log = logging.getLogger(__name__)


def write(workspace: Workspace, record: RunRecord) -> RunRecord:
    """Write a run's report and record; a failure to write them is logged and fails no run.

    Args:
      workspace: workspace of the run.
      record: record of the run.

    Returns:
      The record with the path of its report.
    """
    record = record.model_copy(update={"comparison": _comparison(record)})
    record = record.model_copy(update={"report": report.write(workspace, record)})
    try:
        records.write(workspace.runs, record)
    except (OSError, ValueError) as error:  # a full disk, or a path that is not UTF-8
        _log.warning("the run's record is not written: %s", error)
    return record


def _comparison(record: RunRecord) -> str:
    """Return what the candidate was compared with; no later candidate is a first model."""
    if record.baseline or not record.metrics:
        return record.comparison
    if record.no_baseline:
        return _NOT_COMPARED
    if record.model_dir is not None:
        from serving.errors import UnreadableManifest
        from serving.store import manifest

        with suppress(UnreadableManifest):
            if manifest.read(record.model_dir).run_id not in ("", record.run_id):
                return f"the same model as version {record.version}, which is published already"
    return record.comparison


def end_fields(error: BaseException | None) -> dict[str, Any]:
    """Return the fields of a record that state how a run ended.

    Args:
      error: exception that ended the run; None when a model was published.
    """
    if error is None:
        return {"outcome": "published", "exit_code": 0}
    if isinstance(error, KeyboardInterrupt):
        return {"outcome": "interrupted", "exit_code": INTERRUPTED, "error": "Interrupted."}
    if not isinstance(error, TaxiwayError):
        return {"outcome": "failed", "exit_code": TaxiwayError.exit_code, "error": str(error)}
    fields: dict[str, Any] = {
        "outcome": "failed",
        "exit_code": error.exit_code,
        "error": error.what,
        "next_step": error.next_step,
    }
    if isinstance(error, NotBlessed):
        fields |= {"outcome": "not blessed", "reasons": error.reasons}
    if isinstance(error, DataRefused):
        fields |= {
            "outcome": "data refused",
            "findings": error.findings,
            "quarantine": error.quarantine,
        }
    return fields


def data_fields(layout: Layout | None) -> dict[str, Any]:
    """Return the fields of a record that state the spans.

    Args:
      layout: layout of the data; None before the data is laid out.
    """
    if layout is None:
        return {}
    return {
        "span": layout.span,
        "train_spans": layout.train_spans,
        "hash_split": layout.hash_split,
    }


def output_fields(outputs: Outputs) -> dict[str, Any]:
    """Return the fields of a record that come from the outputs of its nodes.

    Args:
      outputs: artifacts by node and output, of the nodes that have ended.
    """
    fields: dict[str, Any] = {
        "outputs": {
            node: {
                key: Output(uri=artifact.uri, id=artifact.id) for key, artifact in artifacts.items()
            }
            for node, artifacts in outputs.items()
        }
    }
    for node, read in (
        (names.TRAINER, _model_fields),
        (names.EVALUATOR, _evaluation_fields),
        (names.INFRA_CHECK, _infra_check_fields),
        (names.PUSHER, _pushed_fields),
    ):
        try:
            fields |= read(outputs[node]) if node in outputs else {}
        except Exception as error:  # one missing file must not lose the rest of the record
            _log.warning("the outputs of %s cannot be recorded: %s", node, error)
    return fields


def _model_fields(trainer: Mapping[str, Any]) -> dict[str, Any]:
    from tfx.utils import path_utils

    from serving.store import manifest, model_files

    content = model_files.hash_files(Path(path_utils.serving_model_path(trainer["model"].uri)))
    settings = Path(trainer["model_run"].uri, "hyperparameters.json")
    return {
        "model_id": manifest.model_id(content),
        "hyperparameters": (
            json.loads(settings.read_text(encoding="utf-8")) if settings.is_file() else {}
        ),
    }


def _evaluation_fields(evaluator: Mapping[str, Any]) -> dict[str, Any]:
    from pipeline.components.evaluator import results

    evaluation = results.load(evaluator["evaluation"].uri)
    candidate, baseline = evaluation.overall()
    return {
        "metrics": candidate,
        "baseline": baseline,
        "comparison": evaluation.comparison(),
    }


def _infra_check_fields(infra_check: Mapping[str, Any]) -> dict[str, Any]:
    check = infra.read(Path(infra_check["blessing"].uri))
    # The published model is the candidate with warm-up requests, so its hash differs.
    return {"model_id": check.model_id} if check.passed else {}


def _pushed_fields(pusher: Mapping[str, Any]) -> dict[str, Any]:
    model = pusher["pushed_model"]
    if not properties.number(model, properties.PUSHED):
        return {}
    return {
        "version": int(properties.text(model, properties.PUSHED_VERSION)),
        "model_dir": Path(properties.text(model, properties.PUSHED_DESTINATION)),
    }
