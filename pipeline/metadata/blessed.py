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
    return next((model for model in _latest_first(store) if has_files(model.uri)), None)


def has_files(uri: str) -> bool:
    """Return whether the files of a model still exist; they may have been removed by hand.

    Args:
      uri: URI of the model's artifact.
    """
    return any(Path(uri).rglob("saved_model.pb"))


def is_any_blessed(store: metadata_store.MetadataStore) -> bool:
    """Return whether a model was ever blessed, even if its files are gone.

    Args:
      store: ML Metadata store.
    """
    return any(True for _ in _latest_first(store))


def _latest_first(store: metadata_store.MetadataStore) -> Iterator[mlmd.Artifact]:
    types = {kind.name for kind in store.get_artifact_types()}
    required = {properties.MODEL, properties.MODEL_BLESSING, properties.INFRA_BLESSING}
    if not required <= types:
        return
    models = {model.id: model for model in _live(store, properties.MODEL)}
    servable = {model for model, _ in _blessed(store, properties.INFRA_BLESSING)}
    blessed = _blessed(store, properties.MODEL_BLESSING)
    for model, _ in sorted(blessed, key=lambda blessing: -blessing[1]):
        if model in models and model in servable:
            yield models[model]


def _blessed(store: metadata_store.MetadataStore, kind: str) -> Iterator[tuple[int, int]]:
    """Yield the ids of a blessed model and of its blessing."""
    for blessing in _live(store, kind):
        if properties.number(blessing, properties.BLESSED):
            yield properties.number(blessing, properties.CURRENT_MODEL_ID), blessing.id


def _live(store: metadata_store.MetadataStore, kind: str) -> list[mlmd.Artifact]:
    artifacts = store.get_artifacts_by_type(kind)
    return [artifact for artifact in artifacts if artifact.state == mlmd.Artifact.LIVE]
