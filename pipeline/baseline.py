"""The model to compare a candidate with."""

from __future__ import annotations

from typing import Any

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd
from tfx.components.evaluator import constants
from tfx.dsl.components.common.resolver import ResolverStrategy

from pipeline import metadata

CANDIDATE = "candidate"


class BaselineStrategy(ResolverStrategy):
    """Resolve the latest blessed model other than the candidate.

    TFX's own strategy finds the candidate itself when a run is repeated without a change; the
    repeated run would then evaluate the model against itself and publish it a second time. And it
    takes the latest model that was ever blessed, not the one that was blessed last.
    """

    def resolve_artifacts(
        self, store: Any, input_dict: dict[str, list[Any]]
    ) -> dict[str, list[Any]] | None:
        """Resolve the baseline.

        Args:
          store: ML Metadata; unused.
          input_dict: `candidate` (left out before there is one), `model` (all models) and
            `model_blessing` (all blessings).

        Returns:
          At most one `model` and its `model_blessing`; both empty when nothing was blessed yet.
        """
        candidates = {artifact.id for artifact in input_dict.get(CANDIDATE, [])}
        others = {model.id: model for model in input_dict["model"] if model.id not in candidates}
        latest_first = sorted(
            input_dict["model_blessing"], key=lambda blessing: blessing.id, reverse=True
        )
        found: dict[str, list[Any]] = {"model": [], "model_blessing": []}
        for blessing in latest_first:
            blessed = blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY)
            of_model = blessing.get_int_custom_property(
                constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY
            )
            if blessed and of_model in others:
                found = {"model": [others[of_model]], "model_blessing": [blessing]}
                break
        return dict(input_dict) | found


def latest_blessed_model(store: metadata_store.MetadataStore) -> mlmd.Artifact | None:
    """Return the model that was blessed last, as a warm start resolves it; None when there is none.

    Args:
      store: ML Metadata.
    """
    if not {"ModelBlessing", "Model"} <= {kind.name for kind in store.get_artifact_types()}:
        return None
    live = mlmd.Artifact.LIVE
    models = {each.id: each for each in store.get_artifacts_by_type("Model") if each.state == live}
    blessings = store.get_artifacts_by_type("ModelBlessing")
    for blessing in sorted(blessings, key=lambda each: each.id, reverse=True):
        model = metadata.number(blessing, constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY)
        blessed = metadata.number(blessing, constants.ARTIFACT_PROPERTY_BLESSED_KEY)
        if blessed and blessing.state == live and model in models:
            return models[model]
    return None
