"""The latest blessed model, without TFX."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.metadata import properties


def latest_blessed_model(store: metadata_store.MetadataStore) -> mlmd.Artifact | None:
    """Return the model that was blessed last, as a warm start resolves it; None when there is none.

    Args:
      store: ML Metadata store.
    """
    types = {kind.name for kind in store.get_artifact_types()}
    required = {properties.MODEL, properties.MODEL_BLESSING, properties.INFRA_BLESSING}
    if not required <= types:
        return None
    models = {model.id: model for model in _live(store, properties.MODEL)}
    servable = {model for model, _ in _blessed(store, properties.INFRA_BLESSING)}
    blessed = _blessed(store, properties.MODEL_BLESSING)
    for model, _ in sorted(blessed, key=lambda blessing: -blessing[1]):
        if model in models and model in servable and Path(models[model].uri).exists():
            return models[model]
    return None


def _blessed(store: metadata_store.MetadataStore, kind: str) -> Iterator[tuple[int, int]]:
    """Yield the ids of a blessed model and of its blessing."""
    for blessing in _live(store, kind):
        if properties.number(blessing, properties.BLESSED):
            yield properties.number(blessing, properties.CURRENT_MODEL_ID), blessing.id


def _live(store: metadata_store.MetadataStore, kind: str) -> list[mlmd.Artifact]:
    artifacts = store.get_artifacts_by_type(kind)
    return [artifact for artifact in artifacts if artifact.state == mlmd.Artifact.LIVE]
