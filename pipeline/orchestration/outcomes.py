"""Stop a run where TFX would continue: on data or a model that must not be used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tfx.utils import path_utils

from pipeline.components import names, summaries
from pipeline.components.data_gate import decision
from pipeline.components.evaluator import candidate, results
from pipeline.components.infra_check import report
from pipeline.errors import DataRefused, NotBlessed
from pipeline.findings import Finding
from pipeline.metadata import properties
from pipeline.project import files
from pipeline.settings.evaluate import EvaluateSettings
from pipeline.settings.sections import Settings

# Output artifacts of a node by name.
Outputs = Mapping[str, Any]


def enforce(node: str, outputs: Outputs, settings: Settings) -> None:
    """Stop the run on missing or refused rows, or on a model that the Evaluator cannot call.

    Args:
      node: id of the node that has ended.
      outputs: output artifacts of the node by name.
      settings: settings of the pipeline.

    Raises:
      DataRefused: a split is empty, or the data gate refused the data.
      NotBlessed: the Evaluator cannot call the model.
    """
    if node == names.EXAMPLE_GEN:
        _enforce_rows(outputs)
    if node == names.DATA_GATE:
        _enforce_gate(outputs, settings.schema_file)
    if node == names.TRAINER:
        _enforce_callable(outputs, settings)


def enforce_pushed(outputs: Mapping[str, Outputs]) -> None:
    """Stop the run when no model was published, with the reasons.

    Args:
      outputs: output artifacts of all nodes of the run, by node and name.

    Raises:
      NotBlessed: the model missed a bound, or cannot be served.
    """
    if properties.number(outputs[names.PUSHER]["pushed_model"], properties.PUSHED):
        return
    check = report.read(Path(outputs[names.INFRA_CHECK]["blessing"].uri))
    evaluation = outputs[names.EVALUATOR]["evaluation"].uri
    missed = results.failures(evaluation)
    hint = results.load(evaluation).hint() if missed else ""
    raise NotBlessed(
        f"the model {'is not good enough' if missed else 'cannot be served'}, "
        "nothing was published:",
        "change the model, its data, or the bounds under [evaluate]"
        if missed
        else "fix the model, or change the limits under [infra]",
        (*missed, *([hint] if hint else []), *check.problems),
    )


def _refusal(kinds: set[str], schema_file: Path) -> tuple[str, str]:
    """Return what is wrong with data that has findings of some kinds, and the next step."""
    mismatch = f"the data does not match {schema_file}."
    if kinds <= {"no_features", "unlearnable"}:
        return (
            "a model cannot learn anything from the data.",
            "lower min_frequency in the features file, or name other columns there",
        )
    if kinds <= {"empty", "no_features", "unlearnable"}:
        return mismatch, "fix the data, or remove the column from the features file"
    if kinds <= {"label", "rows", "duplicates", "freshness"}:
        return (
            "the data is not within the limits of the policy.",
            "fix the data, or change [limits] in the file that the settings name as policy_file",
        )
    return mismatch, f"fix the data, or change {schema_file} if the data is right"


def _enforce_rows(outputs: Outputs) -> None:
    rows = summaries.rows_by_split(outputs["examples"])
    empty = [split for split, count in rows.items() if count == 0]
    if empty:
        raise DataRefused(
            f"no rows in the {' and '.join(empty)} split; every split requires rows.",
            "choose another span with --span, or check the source's files",
        )


def _enforce_callable(outputs: Outputs, settings: Settings) -> None:
    columns = [column.name for column in files.curated_schema(settings).feature]
    problems = candidate.problems(
        Path(path_utils.serving_model_path(outputs["model"].uri)),
        columns,
        one_score=settings.evaluate.eval_config == EvaluateSettings().eval_config,
    )
    reasons = tuple(problems)
    if reasons:
        raise NotBlessed(
            "the model cannot be evaluated, nothing was published:",
            f"change what {settings.train.run_fn} exports (docs/own-code.md)",
            reasons,
        )


def _enforce_gate(outputs: Outputs, schema_file: Path) -> None:
    artifact = outputs["decision"]
    if artifact.properties["passed"].int_value:
        return
    folder = Path(artifact.uri)
    quarantine = folder / decision.QUARANTINE_FILE
    findings = tuple(decision.stopped_by(folder))
    what, next_step = _refusal({finding.kind for finding in findings}, schema_file)
    if any(finding.kind == "no_features" for finding in findings):
        # The finding about all features is explained by those about single features.
        findings += tuple(
            finding for finding in decision.warnings(folder) if finding.kind == "unlearnable"
        )
    raise DataRefused(
        what,
        _cures(findings) or next_step,
        findings=findings,
        quarantine=quarantine if quarantine.exists() else None,
    )


def _cures(findings: Sequence[Finding]) -> str:
    """Return what to do about the findings that no change of the schema solves."""
    return "; ".join(
        dict.fromkeys(f"{finding.feature}: {finding.cure}" for finding in findings if finding.cure)
    )
