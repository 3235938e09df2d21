"""The model to compare a candidate with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tfx.components.evaluator import constants
from tfx.dsl.components.common.resolver import ResolverStrategy

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
          input_dict: `candidate` (left out before there is one), `model`, `model_blessing` and
            `infra_blessing` (all there are).

        Returns:
          At most one `model` and its `model_blessing`; both empty when nothing was blessed yet.
        """
        served = {_of_model(each) for each in input_dict["infra_blessing"] if _is_blessed(each)}
        candidates = {artifact.id for artifact in input_dict.get(CANDIDATE, [])}
        others = {model.id: model for model in input_dict["model"] if model.id not in candidates}
        latest_first = sorted(
            input_dict["model_blessing"], key=lambda blessing: blessing.id, reverse=True
        )
        found: dict[str, list[Any]] = {"model": [], "model_blessing": []}
        for blessing in latest_first:
            model = _of_model(blessing)
            if not (_is_blessed(blessing) and model in served and model in others):
                continue
            # Files may have been removed by hand; an earlier model is still a baseline.
            if Path(others[model].uri).exists():
                found = {"model": [others[model]], "model_blessing": [blessing]}
                break
        return dict(input_dict) | found


def _of_model(blessing: Any) -> int:
    return int(
        blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY) or 0
    )


def _is_blessed(blessing: Any) -> bool:
    return bool(blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY))
