"""What happens when data is not as it should be: which anomalies stop a run, and the limits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import tomli
from pydantic import BaseModel, ConfigDict, Field, model_validator

Action = Literal["stop", "warn", "ignore"]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Decision(_Frozen):
    """What to do, and why."""

    action: Action
    reason: str = ""

    @model_validator(mode="after")
    def _say_why(self) -> Decision:
        if self.action != "stop" and not self.reason.strip():
            raise ValueError(f'"{self.action}" needs a reason in words')
        return self


class Rule(Decision):
    """What to do about a kind of anomaly, and about single features when they differ."""

    action: Action = "stop"
    features: dict[str, Decision] = Field({}, description="by feature, where it differs")

    def of(self, feature: str) -> Decision:
        """Return the decision for a feature; "" is no feature in particular."""
        return self.features.get(feature, self)


class Kinds(_Frozen):
    """Each kind of anomaly; one that is not named stops the run."""

    missing_column: Rule = Field(Rule(), description="the schema has it, the data does not")
    new_column: Rule = Field(Rule(), description="the data has it, the schema does not")
    type: Rule = Field(Rule(), description="text where a number should be, and the like")
    presence: Rule = Field(Rule(), description="too many rows without a value")
    empty: Rule = Field(Rule(), description="no value at all in what the model learns from")
    domain: Rule = Field(Rule(), description="a category that the schema does not know")
    range: Rule = Field(Rule(), description="a number below or above what the schema allows")
    number: Rule = Field(Rule(), description="not a number, infinite, or beyond 32-bit floats")
    drift: Rule = Field(Rule(), description="another distribution than in training or last time")
    skew: Rule = Field(Rule(), description="another distribution than in what was served")
    rows: Rule = Field(Rule(), description="too few rows in a split")
    label: Rule = Field(Rule(), description="too few or too many positive labels")
    duplicates: Rule = Field(Rule(), description="rows that repeat another one")
    freshness: Rule = Field(Rule(), description="no event near the end of the span, or one past it")
    other: Rule = Field(Rule(), description="whatever else TensorFlow Data Validation finds")


class Limits(_Frozen):
    """What the schema cannot say."""

    min_rows: int = Field(1, ge=1, description="in each split")
    min_label_share: Share = Field(0.001, description="of positive labels in each split")
    max_label_share: Share = Field(0.999, description="of positive labels in each split")
    max_duplicate_share: Share = Field(1.0, description="of rows that repeat another one")
    event_time: str | None = Field(
        None, description="column that says when a row happened, for freshness"
    )
    max_age_days: float = Field(
        1.0, ge=0, description="from the newest event to the end of the span"
    )
    quarantine_rows: int = Field(1000, ge=0, description="offending rows that are kept, at most")


class Policy(_Frozen):
    """What the data gate does; the default stops at everything."""

    limits: Limits = Limits()
    kinds: Kinds = Kinds()

    def decide(self, kind: str, feature: str = "") -> Decision:
        """Return what to do about a kind of anomaly of a feature."""
        rule: Rule = getattr(self.kinds, kind)
        return rule.of(feature)


def load(file: Path | None) -> Policy:
    """Read a policy.

    Args:
      file: a TOML file; None means the default policy.

    Returns:
      The policy.

    Raises:
      OSError: the file cannot be read.
      ValueError: it is not TOML; a pydantic.ValidationError when a key or value is wrong.
    """
    if file is None:
        return Policy()
    return Policy.model_validate(tomli.loads(file.read_text(encoding="utf-8")))
