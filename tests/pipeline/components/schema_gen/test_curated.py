"""The curated schema as an artifact: what TFX's components read."""

from __future__ import annotations

from pathlib import Path

import pytest
from tfx.types import standard_artifacts
from tfx.utils import io_utils

from pipeline.components.schema_gen.curated import CuratedSchemaExecutor
from tests.conftest import PROJECT

_FLIGHTS = (PROJECT / "schema/schema.pbtxt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "content",
    [_FLIGHTS, "\ufeff" + _FLIGHTS, _FLIGHTS.replace("\n", "\r\n"), _FLIGHTS.replace("\n", "\r")],
    ids=["as it is", "byte order mark", "CRLF", "CR"],
)
def test_the_artifact_is_the_schema_whatever_the_editor(content: str, tmp_path: Path) -> None:
    (tmp_path / "schema.pbtxt").write_bytes(content.encode())
    artifact = standard_artifacts.Schema()
    artifact.uri = str(tmp_path / "artifact")
    properties = {"schema_file": str(tmp_path / "schema.pbtxt")}
    CuratedSchemaExecutor().Do({}, {"schema": [artifact]}, properties)
    written = tmp_path / "artifact" / "schema.pbtxt"
    assert written.read_bytes() == _FLIGHTS.encode()
    assert len(io_utils.SchemaReader().read(str(written)).feature) == 24
