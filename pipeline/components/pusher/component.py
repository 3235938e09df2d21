"""The Pusher: publish a blessed model as the next version TF Serving will load."""

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
from pipeline.metadata import artifacts as metadata
from pipeline.metadata import properties
from pipeline.registry import promotion
from pipeline.settings.publish import PublishSettings
from serving.store import aliases, manifest
from serving.store import publish as store
from serving.store.manifest import Blessing, Facts, SliceMetrics, Spans


class VersionedPusherExecutor(executor.Executor):
    """Push with consecutive version numbers and one atomic rename.

    TFX's own executor copies file by file into the folder that a server is watching, and takes
    the time of day for a version.
    """

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Publish the model when every blessing says so; else record that nothing was pushed.

        Args:
          input_dict: `model`, and `model_blessing` or `infra_blessing`.
          output_dict: `pushed_model`.
          exec_properties: `push_destination`, TFX's proto as JSON.
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
        known = json.loads(exec_properties.get(specs.CUSTOM_CONFIG_KEY) or "{}")
        facts = self._facts(base.name, input_dict).model_copy(
            update=_of_run(known)
            | _of_training(input_dict[specs.MODEL_KEY])
            | _of_evaluation(input_dict.get(specs.MODEL_BLESSING_KEY, []))
        )
        publish = PublishSettings.model_validate(known.get("publish", {}))
        server = promotion.server(publish)
        waits = promotion.waits(publish, base, facts.spans)
        if waits:
            aliases.withdraw_next(base, server)
        version = store.publish(model, base, facts)
        if not waits:
            aliases.promote(
                base, int(version.name), facts.published_by, action="publish",
                server=server, verify=_verified_just_now,
            )  # fmt: skip
        pushed.set_string_custom_property(properties.WAITS, waits)
        pushed.set_string_custom_property(properties.MODEL_ID, manifest.read(version).model_id)
        io_utils.copy_dir(str(model), pushed.uri)
        self._MarkPushed(pushed, pushed_destination=str(version), pushed_version=version.name)

    def _model_path(self, input_dict: dict[str, list[Any]]) -> str:
        """Return the model with warm-up requests, when InfraCheck made one; else the Trainer's."""
        specs = standard_component_specs
        for infra_blessing in input_dict.get(specs.INFRA_BLESSING_KEY, []):
            if infra_blessing.get_int_custom_property(properties.HAS_MODEL):
                return str(self.GetModelPath({specs.INFRA_BLESSING_KEY: [infra_blessing]}))
        return str(self.GetModelPath(input_dict))

    def _facts(self, name: str, input_dict: dict[str, list[Any]]) -> Facts:
        """Gather what is known of the model here; the blessings have been checked."""
        artifacts = {key: found[0] for key, found in input_dict.items() if found}
        judged = artifacts.get(standard_component_specs.MODEL_BLESSING_KEY)
        served = artifacts.get(standard_component_specs.INFRA_BLESSING_KEY)
        ids = {f"{key}_artifact_id": artifact.id for key, artifact in artifacts.items()}
        baseline = judged and judged.get_int_custom_property(
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
            # Without any judge nothing is blessed, whatever TFX's own Pusher would do.
            blessing=_blessing(judged or served) or Blessing(blessed=False),
            infra_blessing=_blessing(served),
            run_id=run_id,
            mlmd=ids,
            published_by=publisher,
        )


class VersionedPusher(component.Pusher):
    """TFX's Pusher with our executor; in ML Metadata it is the standard component."""

    EXECUTOR_SPEC = ExecutorClassSpec(VersionedPusherExecutor)

    @classmethod
    def get_class_type(cls) -> str:
        """Return the standard component's type."""
        return str(component.Pusher.get_class_type())


def _verified_just_now(_: Path) -> None:
    """Take the version for good: the store has loaded it, and its hashes are looked at again."""


def _blessing(artifact: Any) -> Blessing | None:
    if artifact is None:
        return None
    message = artifact.get_string_custom_property(evaluator.ARTIFACT_PROPERTY_BLESSING_MESSAGE_KEY)
    reasons = (message,) if message else ()
    return Blessing(blessed=True, reasons=reasons, artifact_uri=artifact.uri)


def _of_run(known: dict[str, Any]) -> dict[str, Any]:
    """Return what the pipeline knew before it ran."""
    return {
        "spans": Spans.model_validate(known.get("spans", {})),
        "code_hash": known.get("code_hash", ""),
    }


def _of_training(models: list[Any]) -> dict[str, Any]:
    """Return the hyperparameters that the Trainer left, when its run_fn leaves them."""
    file = Path(metadata.sibling_uri(models[0].uri, "model_run"), "hyperparameters.json")
    if not file.is_file():
        return {}
    return {"hyperparameters": json.loads(file.read_text(encoding="utf-8"))}


def _of_evaluation(blessings: list[Any]) -> dict[str, Any]:
    """Return what the Evaluator measured; nothing of a model that another judge blessed."""
    folder = metadata.sibling_uri(blessings[0].uri, "evaluation") if blessings else ""
    if not Path(folder, "metrics-00000-of-00001.tfrecord").is_file():
        return {}
    measured = results.load(folder).candidate
    return {
        "metrics": dict(measured[results.OVERALL]),
        "slices": tuple(
            SliceMetrics(slice=where, metrics=dict(metrics))
            for where, metrics in sorted(measured.items())
            if where != results.OVERALL
        ),
    }
