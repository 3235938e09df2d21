"""Files that the first release wrote are read by this one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ml_metadata import metadata_store

from pipeline.metadata import executions, lineage, properties
from pipeline.metadata import store as metadata
from pipeline.metadata.blessed import latest_blessed_model
from pipeline.registry import models
from pipeline.settings.sections import Settings
from pipeline.workspace import Workspace
from serving.store import manifest, model_config
from tests.conftest import PROJECT

_OLD = PROJECT / "tests" / "data" / "old"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace with the old files in their folders; its model has no SavedModel."""
    workspace = Workspace(tmp_path / "workspace", "flights")
    for name, target in (
        ("run.json", workspace.runs / "20261129-115621-525427.json"),
        ("taxiway.json", workspace.model_base / "1" / "taxiway.json"),
        ("models.config", workspace.model_base.parent / "models.config"),
        ("metadata.sqlite", workspace.metadata_db),
    ):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(_OLD / name, target)
    return workspace


@pytest.fixture
def store(workspace: Workspace) -> metadata_store.MetadataStore:
    """ML Metadata of the old workspace."""
    settings = Settings(workspace=workspace.root)
    store = metadata.open_store(settings)
    metadata.claim(store, settings)
    return store


def test_the_manifest_states_the_lineage_of_the_version(workspace: Workspace) -> None:
    facts = manifest.read(workspace.model_base / "1")
    assert (facts.version, facts.name, facts.run_id) == (1, "flights", "20261129-115621-525427")
    assert facts.blessing.blessed and facts.spans.eval == 201312
    assert facts.metrics["auc"] == pytest.approx(0.693, abs=0.001)


def test_models_config_keeps_its_aliases_and_its_history(workspace: Workspace) -> None:
    served = model_config.load_served_model(workspace.model_base)
    assert served.aliases == {"stable": 1}
    assert [(event.action, event.version) for event in served.history] == [("publish", 1)]


def test_the_registry_joins_manifest_config_and_record(workspace: Workspace) -> None:
    listing = models.list_models(workspace)
    [entry] = listing.entries
    assert (entry.state, entry.version, entry.aliases) == ("serving", 1, ("stable",))
    assert entry.record is not None and entry.record.outcome == "published"
    assert (listing.more, listing.unreadable) == (False, ())


def test_ml_metadata_traces_the_version_to_its_files(
    workspace: Workspace, store: metadata_store.MetadataStore
) -> None:
    facts = manifest.read(workspace.model_base / "1")
    origin = lineage.trace(store, facts)
    assert origin is not None and origin.name == "Pusher"
    nodes = executions.by_node(store, facts.run_id)
    assert {"ExampleGen", "Trainer", "Evaluator", "InfraCheck", "Pusher"} <= set(nodes)
    [pushed] = store.get_artifacts_by_type(properties.PUSHED_MODEL)
    assert properties.text(pushed, properties.MODEL_ID) == facts.model_id
    assert executions.unfinished(store) == []


def test_a_blessed_model_whose_files_are_gone_is_no_baseline(
    store: metadata_store.MetadataStore,
) -> None:
    assert latest_blessed_model(store) is None
