"""The cache key follows the code."""

from pathlib import Path

import pytest
from tfx.proto.orchestration import pipeline_pb2

from pipeline.components import catalog
from pipeline.metadata import properties
from pipeline.orchestration import fingerprint
from pipeline.project import source_code
from pipeline.settings.sections import Settings

NODES = tuple(node.name for node in catalog.NODES)


def _hashes(schema: Path) -> dict[str, str]:
    ir = pipeline_pb2.Pipeline()
    for name in NODES:
        ir.nodes.add().pipeline_node.node_info.id = name
    fingerprint.stamp(ir, Settings(schema_file=schema))
    return {
        node.pipeline_node.node_info.id: node.pipeline_node.parameters.parameters[
            properties.CODE_HASH
        ].field_value.string_value
        for node in ir.nodes
    }


def test_a_module_stands_for_all_it_imports_from_us() -> None:
    files = source_code.files("models.trainer")
    assert {
        "models.trainer",
        "models.training.network",
        "models.training.dataset",
        "models.features",
    } <= set(files)
    assert "models.preprocessing" not in files
    assert "pipeline.settings.sections" not in files


@pytest.mark.parametrize(
    ("module", "nodes"),
    [
        ("models.training.network", {"Trainer", "Tuner"}),
        ("models.preprocessing", {"Transform"}),
        (
            "models.features",
            {"DataGate", "Transform", "Tuner", "Trainer", "Evaluator", "InfraCheck"},
        ),
        ("models.tasks.binary_metrics", {"Evaluator", "InfraCheck"}),
        ("models.slices", {"Evaluator"}),
        ("serving.store.publish", {"Pusher"}),
        # A description of a setting, or a word of the command line, is in no cache key.
        ("pipeline.settings.kubeflow", set()),
        ("pipeline.settings.sections", set()),
        ("pipeline.cli.app", set()),
    ],
)
def test_touched_code_changes_the_nodes_that_use_it(
    module: str, nodes: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = tmp_path / "schema.pbtxt"
    schema.write_text("")
    before = _hashes(schema)
    find = source_code.find

    def touched(name: str) -> Path | None:
        file = find(name)
        if name != module or file is None:
            return file
        copy = tmp_path / "copy.py"
        copy.write_bytes(file.read_bytes() + b"\n")
        return copy

    monkeypatch.setattr(source_code, "find", touched)
    after = _hashes(schema)
    assert {name for name in NODES if before[name] != after[name]} == nodes


def test_the_schema_changes_its_import_and_the_lock_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = tmp_path / "schema.pbtxt"
    schema.write_text("")
    before = _hashes(schema)
    schema.write_text("# reviewed")
    after = _hashes(schema)
    assert {name for name in NODES if before[name] != after[name]} == {"ImportSchemaGen"}
    monkeypatch.setattr(fingerprint, "_LOCK", tmp_path / "other.lock")
    (tmp_path / "other.lock").write_text("tfx==2")
    assert all(after[name] != other for name, other in _hashes(schema).items())


def test_relative_imports_are_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "mine"
    package.mkdir()
    (package / "__init__.py").write_text("SIZE = 1\n")
    (package / "net.py").touch()
    (package / "train.py").write_text("from .net import build\nfrom . import net\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert set(source_code.files("mine.train")) == {"mine", "mine.net", "mine.train"}
    (package / "__init__.py").write_text('"""A package without code."""\n')
    assert set(source_code.files("mine.train")) == {"mine.net", "mine.train"}
