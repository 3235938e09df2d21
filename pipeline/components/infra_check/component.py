"""InfraCheck: the component between Evaluator and Pusher."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import Channel, artifact_utils, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter
from tfx.utils import path_utils

from models import tfrecords
from models.features import Features
from models.tasks import binary_metrics
from pipeline.components.evaluator import results as evaluation
from pipeline.components.infra_check import docker, process
from pipeline.components.infra_check.dry_run import ANSWERS_FILE, MODEL_FOLDER, Candidate
from pipeline.components.infra_check.report import (
    CURVES_FILE,
    REPORT_FILE,
    Limits,
    Report,
)
from pipeline.metadata import properties
from pipeline.settings.infra import InfraSettings
from serving.store import manifest, model_files, verify

EVAL_SPLIT = "eval"

_DOCKER_ROWS = 100

# Batches of another size change the last digit of float32 scores, so metrics differ slightly.
_TOLERANCE = 1e-4


class InfraCheckExecutor(BaseExecutor):
    """Serve the candidate in a separate process and send it real rows.

    TFX's InfraValidator needs Docker or Kubernetes, sends few rows and does not check the outputs.
    """

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Write TFX's InfraBlessing, a report, and the candidate with warm-up requests.

        Args:
          input_dict: artifacts `model` and `examples`; also `evaluation`, if the served scores are
            compared with the Evaluator's metrics.
          output_dict: artifact `blessing`.
          exec_properties: `features` and `settings` as JSON.
        """
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        folder = Path(blessing.uri)
        settings = InfraSettings.model_validate_json(exec_properties["settings"])
        (model,) = input_dict["model"]
        (examples,) = input_dict["examples"]
        features = Features.model_validate_json(exec_properties["features"])
        dry_run = process.claim(candidate(model.uri, examples.uri, features, settings))
        try:
            report = dry_run.finish()
            stamped = Path(path_utils.stamped_model_path(str(folder)))
            folder.mkdir(parents=True, exist_ok=True)
            _write_curves(folder, dry_run.folder / ANSWERS_FILE)
            if report.passed:
                shutil.copytree(dry_run.folder / MODEL_FOLDER, stamped)
                answers = np.load(dry_run.folder / ANSWERS_FILE)
                report = report.with_problems(
                    *_metric_problems(answers, input_dict.get("evaluation", [])),
                    *_copy_problems(stamped, report),
                )
            if report.passed and settings.docker_image:
                rows = _first_rows(dry_run.candidate)
                scores = answers["scores"][: len(rows)]
                report = docker.check(stamped, rows, scores, report, settings.docker_image)
        finally:
            dry_run.close()
        (folder / REPORT_FILE).write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")
        (folder / ("INFRA_BLESSED" if report.passed else "INFRA_NOT_BLESSED")).touch()
        blessing.set_int_custom_property(properties.BLESSED, int(report.passed))
        # The Evaluator's blessing names its model by the same property.
        blessing.set_int_custom_property(properties.CURRENT_MODEL_ID, model.id)
        if report.passed:
            blessing.set_int_custom_property(properties.HAS_MODEL, 1)
            # Pusher publishes the same files, so it need not load them again.
            verify.remember(report.model_id)


def candidate(model: str, examples: str, features: Features, settings: InfraSettings) -> Candidate:
    """Return the candidate of a dry run.

    Args:
      model: uri of the Trainer's artifact.
      examples: uri of ExampleGen's artifact.
      features: label and inputs of the model.
      settings: settings of the check.
    """
    split = Path(examples, f"Split-{EVAL_SPLIT}")
    return Candidate(
        model=Path(path_utils.serving_model_path(model)),
        examples=tuple(sorted(split.glob("*"))),
        features=features,
        rows=settings.rows,
        limits=Limits(
            load_seconds=settings.max_load_seconds,
            memory_bytes=settings.max_memory_mb * 10**6,
            latency_ms=settings.max_latency_ms,
            seconds=settings.timeout_seconds,
        ),
    )


def _write_curves(folder: Path, answers_file: Path) -> None:
    """Write the curves for the run's report, also for a model that is too slow or too large."""
    if not answers_file.exists():
        return
    answers = np.load(answers_file)
    labels, scores = answers["labels"], answers["scores"]
    if labels.shape == scores.shape and ((scores >= 0) & (scores <= 1)).all():
        curves = binary_metrics.curves(labels, scores)
        (folder / CURVES_FILE).write_text(json.dumps(curves), encoding="utf-8")


def _metric_problems(answers: Any, evaluations: list[Any]) -> list[str]:
    """Compare the metrics of the served scores with the Evaluator's on the same rows."""
    if not evaluations or not answers["scores"].size:
        return []
    evaluated = evaluation.load(evaluations[0].uri).candidate[evaluation.OVERALL]
    served = binary_metrics.measure(answers["labels"], answers["scores"])
    return [
        f"served scores have {name} {served[name]:.6g} on the eval split, "
        f"the Evaluator measured {evaluated[name]:.6g}"
        for name in sorted(served.keys() & evaluated.keys())
        if not np.isclose(served[name], evaluated[name], rtol=_TOLERANCE, atol=0, equal_nan=True)
    ]


def _first_rows(candidate: Candidate) -> list[bytes]:
    return list(tfrecords.read(candidate.examples[:1], _DOCKER_ROWS))


def _copy_problems(stamped: Path, report: Report) -> list[str]:
    same = manifest.model_id(model_files.hash_files(stamped)) == report.model_id
    return [] if same else [f"{stamped} differs from the files that were served; check the disk"]


class _InfraCheckSpec(ComponentSpec):
    INPUTS = {  # noqa: RUF012 (TFX's form)
        "model": ChannelParameter(type=standard_artifacts.Model),
        "examples": ChannelParameter(type=standard_artifacts.Examples),
        "evaluation": ChannelParameter(type=standard_artifacts.ModelEvaluation, optional=True),
    }
    OUTPUTS = {"blessing": ChannelParameter(type=standard_artifacts.InfraBlessing)}  # noqa: RUF012
    PARAMETERS = {  # noqa: RUF012
        "features": ExecutionParameter(type=str),
        "settings": ExecutionParameter(type=str),
    }


class InfraCheck(BaseComponent):
    """Check that a candidate can be served before Pusher publishes it.

    Args:
      model: channel of the Trainer.
      examples: channel of ExampleGen; InfraCheck sends the rows of the eval split.
      evaluation: channel of the Evaluator, whose metrics the served scores must match; None to skip
        the comparison.
      features: label and inputs of the model.
      settings: number of rows and limits.
    """

    SPEC_CLASS = _InfraCheckSpec
    EXECUTOR_SPEC = ExecutorClassSpec(InfraCheckExecutor)

    def __init__(
        self,
        model: Channel,
        examples: Channel,
        evaluation: Channel | None,
        features: Features,
        settings: InfraSettings,
    ) -> None:
        spec = _InfraCheckSpec(
            model=model,
            examples=examples,
            evaluation=evaluation,
            features=features.model_dump_json(),
            settings=settings.model_dump_json(),
            blessing=Channel(type=standard_artifacts.InfraBlessing),
        )
        super().__init__(spec=spec)
