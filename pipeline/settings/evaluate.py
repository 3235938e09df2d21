"""The section `[evaluate]` of a settings file."""

from __future__ import annotations

from pydantic import Field, model_validator

from pipeline.settings.base import Fraction, Frozen


class EvaluateSettings(Frozen):
    """The bounds that a model must meet to be blessed."""

    decision_threshold: Fraction = Field(
        0.3, description="the score from which a row counts as positive"
    )
    min_auc: Fraction = Field(0.6, description="the minimum AUC over all rows")
    max_auc_drop: Fraction = Field(
        0.02, description="the maximum drop of AUC below the latest blessed model, on the same rows"
    )
    min_slice_auc: Fraction = Field(
        0.52, description="the minimum AUC of every slice with enough rows"
    )
    min_slice_rows: int = Field(
        1000, ge=1, description="the number of rows from which a slice is evaluated"
    )

    @model_validator(mode="after")
    def _some_bound(self) -> EvaluateSettings:
        if self.min_auc == 0 and self.max_auc_drop == 1 and self.min_slice_auc == 0:
            raise ValueError("no bound is left that a model could miss")
        return self
