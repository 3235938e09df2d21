"""Which model was blessed last, for those who need no TFX to ask."""

from __future__ import annotations

from collections.abc import Iterator

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipeline.metadata import store as metadata

# TFX's names, of a ModelBlessing or an InfraBlessing.
BLESSED = "blessed"
JUDGED = "current_model_id"


def latest_blessed_model(store: metadata_store.MetadataStore) -> mlmd.Artifact | None:
    """Return the model that was blessed last, as a warm start resolves it; None when there is none.

    Args:
      store: ML Metadata.
    """
    known = {kind.name for kind in store.get_artifact_types()}
    if not {"Model", "ModelBlessing", "InfraBlessing"} <= known:
        return None
    models = {each.id: each for each in _live(store, "Model")}
    served = {judged for judged, _ in _blessed(store, "InfraBlessing")}
    latest_first = sorted(_blessed(store, "ModelBlessing"), key=lambda each: -each[1])
    return next(
        (models[judged] for judged, _ in latest_first if judged in models and judged in served),
        None,
    )


def _blessed(store: metadata_store.MetadataStore, kind: str) -> Iterator[tuple[int, int]]:
    """Yield the model's id and the blessing's."""
    for each in _live(store, kind):
        if metadata.number(each, BLESSED):
            judged = metadata.number(each, JUDGED)
            yield judged, each.id


def _live(store: metadata_store.MetadataStore, kind: str) -> list[mlmd.Artifact]:
    found = store.get_artifacts_by_type(kind)
    return [each for each in found if each.state == mlmd.Artifact.LIVE]
