"""The section `[evaluate]` of a settings file."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from pipeline.settings.base import DottedPath, Fraction, Frozen


class MetricSettings(Frozen):
    """A further metric, with its bounds over all rows."""

    metric: DottedPath = Field(
        description="the import path of the metric's class, such as "
        "tensorflow_model_analysis.metrics.MeanSquaredError"
    )
    config: dict[str, Any] = Field({}, description="the arguments of the class by name")
    min: float | None = Field(None, description="the minimum of the metric")
    max: float | None = Field(None, description="the maximum of the metric")
    max_drop: float | None = Field(
        None,
        ge=0,
        description="the maximum drop below the latest blessed model's, where more is better",
    )
    max_rise: float | None = Field(
        None,
        ge=0,
        description="the maximum rise above the latest blessed model's, where less is better",
    )

    @model_validator(mode="after")
    def _fits(self) -> MetricSettings:
        if self.max_drop is not None and self.max_rise is not None:
            raise ValueError("max_drop and max_rise exclude each other")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is greater than max")
        return self


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
    metrics: tuple[MetricSettings, ...] = Field((), description="further metrics")
    eval_config: DottedPath = Field(
        "models.evaluation.eval_config",
        description="the import path of the function that returns TFMA's configuration",
    )

    @model_validator(mode="after")
    def _some_bound(self) -> EvaluateSettings:
        if self.min_auc == 0 and self.max_auc_drop == 1 and self.min_slice_auc == 0:
            raise ValueError("no bound is left that a model could miss")
        return self
