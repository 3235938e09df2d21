"""The catalogue and the compiled pipeline agree."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import get_args

import pytest
from tfx.dsl.compiler import compiler

from pipeline.components import catalog, names
from pipeline.pipeline import create_pipeline
from pipeline.project import files
from pipeline.settings import loading
from pipeline.settings.engines import COMPONENTS
from pipeline.sources.layout import Layout
from tests.conftest import PROJECT


@pytest.mark.parametrize("variant", get_args(names.Variant))
def test_the_catalogue_lists_the_nodes_of_the_compiled_pipeline(
    variant: names.Variant, tmp_path: Path
) -> None:
    settings = loading.load(PROJECT / "taxiway.toml")
    project = files.load(settings)
    layout = Layout(201304, (201303,), tmp_path)
    pipeline = create_pipeline(settings, project.features, project.policy, layout, variant)
    compiled = [
        node.pipeline_node.node_info.id for node in compiler.Compiler().compile(pipeline).nodes
    ]
    rows = [node.name for node in catalog.NODES if node.only_in in (None, variant)]
    assert sorted(compiled) == sorted(rows)


def test_the_beam_settings_name_the_nodes_with_beam_work() -> None:
    assert set(COMPONENTS) == {node.name for node in catalog.NODES if node.beam}


def test_only_the_components_spell_the_names_of_nodes() -> None:
    """A literal elsewhere would not follow a renamed node."""
    nodes = {node.name for node in catalog.NODES}
    allowed = {"pipeline/pipeline.py", "pipeline/settings/engines.py"}
    spelled = [
        f"{path.relative_to(PROJECT)}:{constant.lineno} {constant.value}"
        for folder in ("pipeline", "models", "schema", "serving")
        for path in sorted((PROJECT / folder).rglob("*.py"))
        if str(path.relative_to(PROJECT)) not in allowed
        and not path.is_relative_to(PROJECT / "pipeline" / "components")
        for constant in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(constant, ast.Constant) and constant.value in nodes
    ]
    assert spelled == []
