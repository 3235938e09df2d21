"""The catalogue and the compiled pipeline agree."""

from __future__ import annotations

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
