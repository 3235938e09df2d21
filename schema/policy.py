"""Read the policy: which kinds of findings stop a run, and the limits of the data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import tomli
from pydantic import BaseModel, ConfigDict, Field, model_validator

Action = Literal["stop", "warn", "ignore"]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class _Frozen(BaseModel):
    """A value that cannot change and rejects unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Decision(_Frozen):
    """An action and the reason for it."""

    action: Action
    reason: str = ""

    @model_validator(mode="after")
    def _require_reason(self) -> Decision:
        if self.action != "stop" and not self.reason.strip():
            raise ValueError(f'"{self.action}" requires a reason')
        return self


class Rule(Decision):
    """The decision about a kind of finding, and about single features that differ."""

    action: Action = "stop"
    features: dict[str, Decision] = Field({}, description="decisions about single features")

    def for_feature(self, feature: str) -> Decision:
        """Return the decision about a feature.

        Args:
          feature: name of the column; "" if the finding is not about one column.
        """
        return self.features.get(feature, self)


class _WarningRule(Rule):
    """A rule that only warns, unless the policy names the kind."""

    action: Action = "warn"
    reason: str = "the model can learn from its other features"


class Kinds(_Frozen):
    """The kinds of findings, with the decision about a kind that the policy does not name."""

    missing_column: Rule = Field(
        Rule(), description="a column of the schema that the data does not have"
    )
    new_column: Rule = Field(
        Rule(), description="a column of the data that the schema does not have"
    )
    type: Rule = Field(
        Rule(), description="another type than in the schema, such as text instead of a number"
    )
    presence: Rule = Field(Rule(), description="too many rows without a value")
    empty: Rule = Field(Rule(), description="a feature of the model without any value")
    unlearnable: _WarningRule = Field(
        _WarningRule(), description="a feature with one value only, or with rare values only"
    )
    rare_values: _WarningRule = Field(
        _WarningRule(), description="a text feature with rare values in most rows"
    )
    no_features: Rule = Field(Rule(), description="no feature that a model can learn from")
    domain: Rule = Field(Rule(), description="a category that the schema does not list")
    range: Rule = Field(Rule(), description="a number outside the range of the schema")
    number: Rule = Field(Rule(), description="not a number, infinite, or beyond 32-bit floats")
    drift: Rule = Field(
        Rule(), description="another distribution than in training or in the last accepted span"
    )
    skew: Rule = Field(Rule(), description="another distribution than in served requests")
    rows: Rule = Field(Rule(), description="too few rows in a split")
    label: Rule = Field(Rule(), description="too few or too many positive labels")
    duplicates: Rule = Field(Rule(), description="rows that repeat another one")
    freshness: Rule = Field(
        Rule(), description="no event near the end of the span, or an event after it"
    )
    other: Rule = Field(Rule(), description="every other anomaly of TensorFlow Data Validation")


class Limits(_Frozen):
    """Limits that a schema cannot express."""

    min_rows: int = Field(1, ge=1, description="minimum number of rows in every split")
    min_label_share: Share = Field(
        0.001, description="minimum share of positive labels in every split"
    )
    max_label_share: Share = Field(
        0.999, description="maximum share of positive labels in every split"
    )
    max_duplicate_share: Share = Field(
        1.0, description="maximum share of rows that repeat another row"
    )
    event_time: str | None = Field(None, description="column with the time of a row, for freshness")
    max_age_days: float = Field(
        1.0, ge=0, description="maximum days from the newest event to the end of the span"
    )
    quarantine_rows: int = Field(1000, ge=0, description="maximum number of rejected rows to keep")


class Policy(_Frozen):
    """The policy of the data gate; by default a finding stops the run."""

    limits: Limits = Limits()
    kinds: Kinds = Kinds()

    def decide(self, kind: str, feature: str = "") -> Decision:
        """Return the decision about a kind of finding.

        Args:
          kind: kind of finding, a field of `Kinds`.
          feature: name of the column; default "" if the finding is not about one column.
        """
        rule: Rule = getattr(self.kinds, kind)
        return rule.for_feature(feature)


def load(file: Path | None) -> Policy:
    """Read a policy.

    Args:
      file: path of a TOML file; None for the default policy.

    Returns:
      The policy.

    Raises:
      OSError: the file cannot be read.
      ValueError: the file is not TOML; a pydantic.ValidationError if a key or value is wrong.
    """
    if file is None:
        return Policy()
    return Policy.model_validate(tomli.loads(file.read_text(encoding="utf-8")))
