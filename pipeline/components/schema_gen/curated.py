"""ImportSchemaGen's executor: copy the curated schema as TFX's readers can parse it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfx.components.schema_gen.executor import DEFAULT_FILE_NAME
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.types import artifact_utils
from tfx.types.standard_component_specs import SCHEMA_FILE_KEY, SCHEMA_KEY

from schema import text
from serving.storage import local


class CuratedSchemaExecutor(BaseExecutor):
    """Write the curated schema without a byte order mark and with line ends of Unix.

    TFX's executor copies the bytes. A byte order mark then fails every component that reads the
    schema, and a comment does not end where a line ends with a carriage return alone.
    """

    def Do(  # noqa: N802 (TFX's name)
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Write the schema.

        Args:
          input_dict: no inputs.
          output_dict: artifact `schema`.
          exec_properties: `schema_file`, the path of the curated schema.
        """
        content = text.read(Path(exec_properties[SCHEMA_FILE_KEY])).content
        folder = Path(artifact_utils.get_single_uri(output_dict[SCHEMA_KEY]))
        folder.mkdir(parents=True, exist_ok=True)
        local.replace_file(folder / DEFAULT_FILE_NAME, content)
