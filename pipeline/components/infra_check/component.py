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
from pipeline.components.infra_check.rehearsal import ANSWERS_FILE, MODEL_FOLDER, Candidate
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

# Metrics of the same rows in batches of another size: float32 scores differ in the last digit.
_TOLERANCE = 1e-4


class InfraCheckExecutor(BaseExecutor):
    """Serve the candidate in a process of its own, and send it real rows.

    TFX's InfraValidator needs Docker or Kubernetes, sends a few rows and looks at no answer.
    """

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Write TFX's InfraBlessing, a report, and the candidate with warm-up requests.

        Args:
          input_dict: `model`, `examples`, and `evaluation` to compare scores with.
          output_dict: `blessing`.
          exec_properties: `features` and `settings`, as JSON.
        """
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        folder = Path(blessing.uri)
        settings = InfraSettings.model_validate_json(exec_properties["settings"])
        (model,) = input_dict["model"]
        (examples,) = input_dict["examples"]
        features = Features.model_validate_json(exec_properties["features"])
        rehearsal = process.take(candidate(model.uri, examples.uri, features, settings))
        try:
            found = rehearsal.finish()
            stamped = Path(path_utils.stamped_model_path(str(folder)))
            folder.mkdir(parents=True, exist_ok=True)
            _write_curves(folder, rehearsal.folder / ANSWERS_FILE)
            if found.passed:
                shutil.copytree(rehearsal.folder / MODEL_FOLDER, stamped)
                answers = np.load(rehearsal.folder / ANSWERS_FILE)
                found = found.but_for(
                    *_against_evaluator(answers, input_dict.get("evaluation", [])),
                    *_copied(stamped, found),
                )
            if found.passed and settings.docker_image:
                rows = _first_rows(rehearsal.candidate)
                scores = answers["scores"][: len(rows)]
                found = docker.check(stamped, rows, scores, found, settings.docker_image)
        finally:
            rehearsal.end()
        (folder / REPORT_FILE).write_text(found.model_dump_json(indent=2) + "\n", encoding="utf-8")
        (folder / ("INFRA_BLESSED" if found.passed else "INFRA_NOT_BLESSED")).touch()
        blessing.set_int_custom_property(properties.BLESSED, int(found.passed))
        # The Evaluator's blessing says it so too: what was judged.
        blessing.set_int_custom_property(properties.CURRENT_MODEL_ID, model.id)
        if found.passed:
            blessing.set_int_custom_property(properties.HAS_MODEL, 1)
            # Pusher publishes these very files.
            verify.remember(found.model_id)


def candidate(model: str, examples: str, features: Features, settings: InfraSettings) -> Candidate:
    """Say what to rehearse.

    Args:
      model: uri of the Trainer's artifact.
      examples: uri of ExampleGen's artifact.
      features: what the model learns from.
      settings: of the check.

    Returns:
      What `process` takes.
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
    """Write what the report draws, also of a model that was too slow or too large to serve."""
    if not answers_file.exists():
        return
    answers = np.load(answers_file)
    labels, scores = answers["labels"], answers["scores"]
    if labels.shape == scores.shape and ((scores >= 0) & (scores <= 1)).all():
        curves = binary_metrics.curves(labels, scores)
        (folder / CURVES_FILE).write_text(json.dumps(curves), encoding="utf-8")


def _against_evaluator(answers: Any, evaluations: list[Any]) -> list[str]:
    """Compare what was served with what the Evaluator measured on the same rows."""
    if not evaluations or not answers["scores"].size:
        return []
    judged = evaluation.load(evaluations[0].uri).candidate[evaluation.OVERALL]
    served = binary_metrics.measure(answers["labels"], answers["scores"])
    return [
        f"served scores have {name} {served[name]:.6g} on the eval split, "
        f"the Evaluator measured {judged[name]:.6g}"
        for name in sorted(served.keys() & judged.keys())
        if not np.isclose(served[name], judged[name], rtol=_TOLERANCE, atol=0, equal_nan=True)
    ]


def _first_rows(candidate: Candidate) -> list[bytes]:
    return list(tfrecords.read(candidate.examples[:1], _DOCKER_ROWS))


def _copied(stamped: Path, found: Report) -> list[str]:
    same = manifest.model_id(model_files.hash_files(stamped)) == found.model_id
    return [] if same else [f"{stamped} is not what was served; look at the disk"]


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
    """Find out whether a candidate can really be served, before Pusher publishes it.

    Args:
      model: of the Trainer.
      examples: of ExampleGen; the rows of the eval split are sent.
      evaluation: of the Evaluator, whose metrics what is served must have too; None for none.
      features: what the model learns from.
      settings: rows and limits.
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
