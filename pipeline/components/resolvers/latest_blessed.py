"""Resolve the blessed model that a candidate is compared with."""

from __future__ import annotations

from typing import Any

from tfx.components.evaluator import constants
from tfx.dsl.components.common.resolver import ResolverStrategy

from pipeline.metadata.blessed import has_files

CANDIDATE = "candidate"


class BaselineStrategy(ResolverStrategy):
    """Resolve the latest blessed model other than the candidate.

    TFX's own strategy resolves the candidate itself if a run is repeated without a change, so the
    repeated run would compare the model with itself and publish it a second time. It also resolves
    the newest model with a blessing instead of the model with the newest blessing.

    Args:
      compare: 1 to resolve the baseline, 0 to resolve none; default 1. TFX passes no booleans.
    """

    def __init__(self, compare: int = 1) -> None:
        self._compare = compare

    def resolve_artifacts(
        self, store: Any, input_dict: dict[str, list[Any]]
    ) -> dict[str, list[Any]] | None:
        """Resolve the baseline.

        Args:
          store: ML Metadata store; not used.
          input_dict: all artifacts under `model`, `model_blessing` and `infra_blessing`; also
            `candidate`, once it is trained.

        Returns:
          The inputs with at most one `model` and its `model_blessing`; both are empty before the
          first blessing.
        """
        served = {
            _model_id(blessing)
            for blessing in input_dict["infra_blessing"]
            if _is_blessed(blessing)
        }
        candidates = {artifact.id for artifact in input_dict.get(CANDIDATE, [])}
        others = {model.id: model for model in input_dict["model"] if model.id not in candidates}
        blessings = input_dict["model_blessing"] if self._compare else []
        latest_first = sorted(blessings, key=lambda blessing: blessing.id, reverse=True)
        resolved: dict[str, list[Any]] = {"model": [], "model_blessing": []}
        for blessing in latest_first:
            model = _model_id(blessing)
            if not (_is_blessed(blessing) and model in served and model in others):
                continue
            # Files may have been removed by hand; an earlier model is still a baseline.
            if has_files(others[model].uri):
                resolved = {"model": [others[model]], "model_blessing": [blessing]}
                break
        return dict(input_dict) | resolved


def _model_id(blessing: Any) -> int:
    return int(
        blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY) or 0
    )


def _is_blessed(blessing: Any) -> bool:
    return bool(blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY))
