"""The model to compare a candidate with."""

from __future__ import annotations

from typing import Any

from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import (
    LatestBlessedModelStrategy,
)

CANDIDATE = "candidate"


class BaselineStrategy(LatestBlessedModelStrategy):
    """Resolve the latest blessed model other than the candidate.

    TFX's own strategy finds the candidate itself when a run is repeated without a change; the
    repeated run would then evaluate the model against itself and publish it a second time.
    """

    def resolve_artifacts(
        self, store: Any, input_dict: dict[str, list[Any]]
    ) -> dict[str, list[Any]] | None:
        """Resolve the baseline.

        Args:
          store: ML Metadata.
          input_dict: `candidate`, `model` (all models) and `model_blessing` (all blessings).

        Returns:
          At most one `model` and its `model_blessing`; both empty when nothing was blessed yet.
        """
        candidates = {artifact.id for artifact in input_dict[CANDIDATE]}
        others = [model for model in input_dict["model"] if model.id not in candidates]
        resolved = super().resolve_artifacts(
            store, {"model": others, "model_blessing": input_dict["model_blessing"]}
        )
        return None if resolved is None else resolved | {CANDIDATE: input_dict[CANDIDATE]}
