"""Outputs of cached executions."""

from __future__ import annotations

from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.metadata import artifacts, properties
from tests.pipeline.databases import Ledger


def test_outdated_outputs_of_a_cached_execution_are_discarded(ledger: Ledger) -> None:
    """A cached push would name a version that is no longer the newest."""
    kind = ledger.store.put_artifact_type(mlmd.ArtifactType(name="InfraBlessing"))
    refused = mlmd.Artifact(type_id=kind, uri=str(ledger.workspace.root), state=mlmd.Artifact.LIVE)
    refused.custom_properties["blessed"].int_value = 0
    ledger.store.put_artifacts([refused])
    outdated = artifacts.discard_outdated(ledger.store, ledger.store.get_artifacts())
    assert len(outdated) == 3
    deleted = {
        (artifact.type, properties.text(artifact, "pushed_version"))
        for artifact in ledger.store.get_artifacts()
        if artifact.state == mlmd.Artifact.DELETED
    }
    # The pushes of versions 1 and 2: 3 is the newest.
    assert deleted == {("InfraBlessing", ""), ("PushedModel", "1"), ("PushedModel", "2")}
