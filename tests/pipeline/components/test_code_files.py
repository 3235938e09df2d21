"""The files in the cache key of a component: only those that it uses."""

from __future__ import annotations

import pytest

from pipeline.components.catalog import NODES
from pipeline.project import source_code

# The settings of Kubeflow, the command line and the other nodes change no result of a component.
UNRELATED = (
    "pipeline.cli", "pipeline.kubeflow", "pipeline.local", "pipeline.orchestration",
    "pipeline.registry", "pipeline.report", "pipeline.settings.kubeflow",
    "pipeline.settings.sections",
)  # fmt: skip


@pytest.mark.parametrize("module", sorted({module for node in NODES for module in node.modules}))
def test_a_component_depends_on_no_unrelated_file(module: str) -> None:
    files = source_code.files(module)
    assert module in files
    assert [name for name in files if name.startswith(UNRELATED)] == []


@pytest.mark.parametrize(
    ("component", "limit"),
    [("pusher", 22), ("infra_check", 27), ("data_gate", 36), ("example_gen", 10)],
)
def test_a_component_depends_on_few_files(component: str, limit: int) -> None:
    [module] = {
        module
        for node in NODES
        for module in node.modules
        if module.startswith(f"pipeline.components.{component}.")
    }
    files = source_code.files(module)
    assert len(files) <= limit, "\n".join(files)
