"""Write down what a run did, whatever its end."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import report as report_module
from pipeline.components.infra_check import report
from pipeline.errors import DataRefused, NotBlessed, TaxiwayError
from pipeline.metadata import properties
from pipeline.runs import records
from pipeline.runs.records import Output, RunRecord
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    from pipeline.sources.layout import Layout

# TFX's artifacts by node and output.
Outputs = Mapping[str, Mapping[str, Any]]

_log = logging.getLogger(__name__)

_INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def keep(workspace: Workspace, record: RunRecord) -> RunRecord:
    """Write a record and its report; a run does not fail because they cannot be written down."""
    record = record.model_copy(update={"report": report_module.write(workspace, record)})
    try:
        records.write(workspace.runs, record)
    except (OSError, ValueError) as error:  # a full disk; a path that is no text
        _log.warning("the run's record is not written: %s", error)
    return record


def of_end(error: BaseException | None) -> dict[str, Any]:
    """Return the fields that say how a run ended.

    Args:
      error: that ended it; None when the model was published.
    """
    if error is None:
        return {"outcome": "published", "exit_code": 0}
    if isinstance(error, KeyboardInterrupt):
        return {"outcome": "interrupted", "exit_code": _INTERRUPTED, "error": "Interrupted."}
    if not isinstance(error, TaxiwayError):
        return {"outcome": "failed", "exit_code": TaxiwayError.exit_code, "error": str(error)}
    end: dict[str, Any] = {
        "outcome": "failed",
        "exit_code": error.exit_code,
        "error": error.what,
        "next_step": error.next_step,
    }
    if isinstance(error, NotBlessed):
        end |= {"outcome": "not blessed", "reasons": error.reasons}
    if isinstance(error, DataRefused):
        end |= {
            "outcome": "data refused",
            "findings": error.findings,
            "quarantine": error.quarantine,
        }
    return end


def of_data(layout: Layout | None) -> dict[str, Any]:
    """Return the fields on the data, once it is laid out."""
    return {} if layout is None else {"span": layout.span, "train_spans": layout.train_spans}


def of_outputs(outputs: Outputs) -> dict[str, Any]:
    """Return the fields on what the components put out, as far as the run came."""
    known: dict[str, Any] = {
        "outputs": {
            node: {key: Output(uri=each.uri, id=each.id) for key, each in of_node.items()}
            for node, of_node in outputs.items()
        }
    }
    for node, fields in (
        ("Trainer", _of_model),
        ("Evaluator", _of_evaluation),
        ("InfraCheck", _of_infra_check),
        ("Pusher", _of_pushed),
    ):
        try:
            known |= fields(outputs[node]) if node in outputs else {}
        except Exception as error:  # what a run found out is not lost with one of its files
            _log.warning("%s has left nothing that can be written down: %s", node, error)
    return known


def _of_model(trained: Mapping[str, Any]) -> dict[str, Any]:
    from tfx.utils import path_utils

    from serving.store import manifest, model_files

    content = model_files.hash_files(Path(path_utils.serving_model_path(trained["model"].uri)))
    settings = Path(trained["model_run"].uri, "hyperparameters.json")
    return {
        "model_id": manifest.model_id(content),
        "hyperparameters": (
            json.loads(settings.read_text(encoding="utf-8")) if settings.is_file() else {}
        ),
    }


def _of_evaluation(judged: Mapping[str, Any]) -> dict[str, Any]:
    from pipeline.components.evaluator import results

    measured = results.load(judged["evaluation"].uri)
    candidate, baseline = measured.overall()
    return {
        "metrics": candidate,
        "baseline": baseline,
        "comparison": measured.comparison(),
    }


def _of_infra_check(checked: Mapping[str, Any]) -> dict[str, Any]:
    found = report.read(Path(checked["blessing"].uri))
    # The model that is published: the candidate with warm-up requests.
    return {"model_id": found.model_id} if found.passed else {}


def _of_pushed(published: Mapping[str, Any]) -> dict[str, Any]:
    model = published["pushed_model"]
    if not properties.number(model, properties.PUSHED):
        return {}
    return {
        "version": int(properties.text(model, properties.PUSHED_VERSION)),
        "model_dir": Path(properties.text(model, properties.PUSHED_DESTINATION)),
    }
