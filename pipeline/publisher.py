"""Pusher's executor: publish a blessed model as the next version TF Serving will load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfx.components.pusher import executor
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils, proto_utils

from serving import store


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
        model = Path(self.GetModelPath(input_dict))
        version = store.publish(model, Path(destination.filesystem.base_directory))
        io_utils.copy_dir(str(model), pushed.uri)
        self._MarkPushed(pushed, pushed_destination=str(version), pushed_version=version.name)
