"""Pusher: publish a blessed model as the next version that TensorFlow Serving loads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tfx.components.evaluator import constants as evaluator
from tfx.components.pusher import component, executor
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils, proto_utils

from pipeline.components.evaluator import results
from pipeline.components.pusher import promotion
from pipeline.metadata import properties
from pipeline.settings.publish import PublishSettings
from serving.store import aliases, manifest
from serving.store import publish as store
from serving.store.manifest import Blessing, Facts, SliceMetrics, Spans


class VersionedPusherExecutor(executor.Executor):
    """Publish under consecutive version numbers with one atomic rename.

    TFX's own executor copies file by file into the folder that a server watches, and uses the time
    as version number.
    """

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Publish the model if it is blessed; record that nothing was pushed if it is not.

        Args:
          input_dict: artifacts `model`, and `model_blessing`, `infra_blessing` or both.
          output_dict: artifact `pushed_model`.
          exec_properties: `push_destination`, TFX's proto as JSON; and `custom_config` as JSON,
            with `spans`, `code_hash`, `columns`, `no_baseline` and `publish`.
        """
        specs = standard_component_specs
        pushed = artifact_utils.get_single_instance(output_dict[specs.PUSHED_MODEL_KEY])
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed)
            return
        destination = pusher_pb2.PushDestination()
        proto_utils.json_to_proto(exec_properties[specs.PUSH_DESTINATION_KEY], destination)
        model = Path(self._model_path(input_dict))
        base = Path(destination.filesystem.base_directory)
        config = json.loads(exec_properties.get(specs.CUSTOM_CONFIG_KEY) or "{}")
        facts = self._facts(base.name, input_dict).model_copy(
            update=_run_fields(config)
            | _training_fields(input_dict[specs.MODEL_KEY])
            | _evaluation_fields(input_dict.get(specs.MODEL_BLESSING_KEY, []))
        )
        publish = PublishSettings.model_validate(config.get("publish", {}))
        server = promotion.server_policy(publish)
        waits = promotion.reason_to_wait(publish, base, facts.spans)
        if waits:
            aliases.withdraw_next(base, server)
        version = store.publish(model, base, facts)
        if not waits:
            aliases.promote(
                base, int(version.name), facts.published_by, action="publish",
                server=server, verify=_accept,
            )  # fmt: skip
        pushed.set_string_custom_property(properties.WAITS, waits)
        pushed.set_string_custom_property(properties.MODEL_ID, manifest.read(version).model_id)
        io_utils.copy_dir(str(model), pushed.uri)
        self._MarkPushed(pushed, pushed_destination=str(version), pushed_version=version.name)

    def _model_path(self, input_dict: dict[str, list[Any]]) -> str:
        """Return InfraCheck's model, which has warm-up requests; the Trainer's if there is none."""
        specs = standard_component_specs
        for infra_blessing in input_dict.get(specs.INFRA_BLESSING_KEY, []):
            if infra_blessing.get_int_custom_property(properties.HAS_MODEL):
                return str(self.GetModelPath({specs.INFRA_BLESSING_KEY: [infra_blessing]}))
        return str(self.GetModelPath(input_dict))

    def _facts(self, name: str, input_dict: dict[str, list[Any]]) -> Facts:
        """Return the facts about the model that the artifacts state; every blessing is positive."""
        artifacts = {key: channel[0] for key, channel in input_dict.items() if channel}
        model_blessing = artifacts.get(standard_component_specs.MODEL_BLESSING_KEY)
        infra_blessing = artifacts.get(standard_component_specs.INFRA_BLESSING_KEY)
        ids = {f"{key}_artifact_id": artifact.id for key, artifact in artifacts.items()}
        baseline = model_blessing and model_blessing.get_int_custom_property(
            evaluator.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY
        )
        if baseline:
            ids["baseline_model_artifact_id"] = baseline
        run_id, publisher = "", type(self).__name__
        if self._context is not None and self._context.pipeline_node is not None:
            run_id = self._context.pipeline_run_id or ""
            node = self._context.pipeline_node.node_info.id
            publisher = f"{self._context.pipeline_info.id}.{node}"
            ids["execution_id"] = int(self._context._unique_id)  # TFX has no public name for it
        return Facts(
            name=name,
            # TFX's own Pusher publishes a model without any blessing; this one does not.
            blessing=_blessing(model_blessing or infra_blessing) or Blessing(blessed=False),
            infra_blessing=_blessing(infra_blessing),
            run_id=run_id,
            mlmd=ids,
            published_by=publisher,
        )


class VersionedPusher(component.Pusher):
    """TFX's Pusher with Taxiway's executor; ML Metadata records it as the standard component."""

    EXECUTOR_SPEC = ExecutorClassSpec(VersionedPusherExecutor)

    @classmethod
    def get_class_type(cls) -> str:
        """Return the type of the standard component."""
        return str(component.Pusher.get_class_type())


def _accept(_: Path) -> None:
    """Accept the version: the store has just loaded it, and promotion checks its hashes again."""


def _blessing(artifact: Any) -> Blessing | None:
    if artifact is None:
        return None
    message = artifact.get_string_custom_property(evaluator.ARTIFACT_PROPERTY_BLESSING_MESSAGE_KEY)
    reasons = (message,) if message else ()
    return Blessing(blessed=True, reasons=reasons, artifact_uri=artifact.uri)


def _run_fields(config: dict[str, Any]) -> dict[str, Any]:
    """Return the facts that the pipeline knows before the run."""
    return {
        "spans": Spans.model_validate(config.get("spans", {})),
        "code_hash": config.get("code_hash", ""),
        "columns": tuple(config.get("columns", ())),
        "no_baseline": config.get("no_baseline", False),
    }


def _training_fields(models: list[Any]) -> dict[str, Any]:
    """Return the Trainer's hyperparameters; empty if the user's run_fn does not write them."""
    file = Path(properties.sibling_uri(models[0].uri, "model_run"), "hyperparameters.json")
    if not file.is_file():
        return {}
    return {"hyperparameters": json.loads(file.read_text(encoding="utf-8"))}


def _evaluation_fields(blessings: list[Any]) -> dict[str, Any]:
    """Return the Evaluator's metrics; empty if another component wrote the blessing."""
    folder = properties.sibling_uri(blessings[0].uri, "evaluation") if blessings else ""
    if not Path(folder, "metrics-00000-of-00001.tfrecord").is_file():
        return {}
    candidate = results.load(folder).candidate
    return {
        "metrics": dict(candidate[results.OVERALL]),
        "slices": tuple(
            SliceMetrics(slice=name, metrics=dict(metrics))
            for name, metrics in sorted(candidate.items())
            if name != results.OVERALL
        ),
    }
