"""The lineage of a version: from ML Metadata, or from its manifest without it."""

from __future__ import annotations

from pathlib import Path

from pipeline.metadata import lineage
from pipeline.metadata import store as metadata
from pipeline.settings.sections import Settings
from pipeline.workspace import Workspace
from serving.store import manifest
from tests.pipeline.databases import Ledger


def test_a_version_is_traced_back_to_its_source(ledger: Ledger) -> None:
    published = manifest.read(ledger.workspace.model_base / "2")
    origin = lineage.trace(ledger.store, published)
    assert origin is not None and (origin.name, origin.id) == (
        "Pusher",
        published.mlmd["execution_id"],
    )
    model, blessing, _ = origin.came_from
    assert (model.name, model.id) == ("Model", published.mlmd["model_artifact_id"])
    [trainer] = model.came_from
    [examples] = trainer.came_from
    assert [(each.kind, each.name, each.uri) for each in examples.came_from] == [
        ("execution", "ExampleGen", ""), ("fact", "train files", "data/2/*.parquet"),
    ]  # fmt: skip
    [evaluator] = blessing.came_from
    assert [each.came_from for each in evaluator.came_from] == [[], []], "they stand above"


def test_without_the_database_the_manifest_says_it(ledger: Ledger, tmp_path: Path) -> None:
    published = manifest.read(ledger.workspace.model_base / "2")
    other = metadata.open_store(Settings(workspace=tmp_path / "other"))
    assert lineage.trace(other, published) is None
    facts = {each.name: each.uri for each in lineage.from_manifest(published).came_from}
    assert facts["run"] == "run-2"
    assert facts["model artifact id"] == str(published.mlmd["model_artifact_id"])


def test_another_run_with_the_same_number_is_no_origin(ledger: Ledger, tmp_path: Path) -> None:
    place = Workspace(tmp_path / "other", "flights")
    other = Ledger(place, metadata.open_store(Settings(workspace=place.root)))
    for number in range(7, 10):
        other.run(number)
    published = manifest.read(ledger.workspace.model_base / "2")
    assert other.store.get_executions_by_id([published.mlmd["execution_id"]])
    assert lineage.trace(other.store, published) is None


def test_the_lineage_is_the_manifest_s_where_ml_metadata_has_none(
    ledger: Ledger, metadata_settings: Settings, tmp_path: Path
) -> None:
    published = manifest.read(ledger.workspace.model_base / "2")
    traced = lineage.load(metadata_settings, published)
    assert (traced.origin, traced.missing) == (lineage.trace(ledger.store, published), "")
    other = Settings(workspace=tmp_path / "other")
    assert lineage.load(other, published) == lineage.Lineage(
        lineage.from_manifest(published), "ML Metadata does not have this version."
    )
    Workspace(other.workspace, other.name).metadata_db.parent.mkdir(parents=True)
    Workspace(other.workspace, other.name).metadata_db.write_text("no database")
    unreadable = lineage.load(other, published)
    assert unreadable.origin == lineage.from_manifest(published)
    assert unreadable.missing.startswith("ML Metadata cannot be opened")
