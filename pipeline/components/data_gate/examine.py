"""Examine a span's data by the schema and the policy."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from zoneinfo import ZoneInfo

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from models.features import Features
from pipeline.components.data_gate import findings, learnable
from pipeline.components.data_gate.rows import Rows, unique
from pipeline.findings import Finding, RejectedRow
from pipeline.sources.spans import span_ends
from schema.environments import TRAINING
from schema.inference import Roles
from schema.policy import Decision, Limits, Policy

Statistics: TypeAlias = "statistics_pb2.DatasetFeatureStatisticsList"

# A file's rows may be of another time zone than its name, by up to a day.
_DAYS_PAST = 1


@dataclass(frozen=True)
class Split:
    """The files and statistics of a split.

    Args:
      pattern: glob pattern of the split's Parquet files.
      statistics: StatisticsGen's statistics of the split's examples.
      anomalies: ExampleValidator's anomalies of the split.
    """

    pattern: str
    statistics: Statistics
    anomalies: anomalies_pb2.Anomalies


@dataclass(frozen=True)
class Clock:
    """How times are read.

    Args:
      time_zone: IANA time zone of spans and of times without a zone; default `UTC`.
      time_format: form of the event's time, as in `source.time_format`; default None.
    """

    time_zone: str = "UTC"
    time_format: str | None = None


_UTC = Clock()


@dataclass(frozen=True)
class Verdict:
    """A finding and the policy's decision on it."""

    finding: Finding
    decision: Decision


@dataclass(frozen=True)
class Examination:
    """The result of an examination.

    Args:
      verdicts: all findings with their decisions, ignored ones included; the worst come first.
      rows: the first rows behind the findings that stop the run.
      counts: number of rows by split.
    """

    verdicts: tuple[Verdict, ...]
    rows: tuple[RejectedRow, ...]
    counts: Mapping[str, int]

    @property
    def passed(self) -> bool:
        """Whether nothing stops the run."""
        return not self.with_action("stop")

    def with_action(self, action: str) -> list[Verdict]:
        """Return the verdicts with an action.

        Args:
          action: `stop`, `warn` or `ignore`.
        """
        return [verdict for verdict in self.verdicts if verdict.decision.action == action]


def examine(
    splits: Mapping[str, Split],
    schema: schema_pb2.Schema,
    policy: Policy,
    features: Features,
    span: int,
    accepted: Statistics | None = None,
    served: Statistics | None = None,
    clock: Clock = _UTC,
) -> Examination:
    """Examine all splits of a span.

    Args:
      splits: the splits `train` and `eval`.
      schema: the curated schema, with drift and skew comparators.
      policy: rules that decide which findings stop the run.
      features: label and features of the model. A feature must have values and be learnable, even
        if single values may be missing.
      span: number of the span; a date if the policy limits the data's age.
      accepted: statistics of the eval split of the last span that passed; default None.
      served: statistics of logged requests; default None.
      clock: how times are read; default in UTC.

    Returns:
      All findings with the policy's decisions.
    """
    zone = clock.time_zone
    rows = {name: Rows(split.pattern, name, schema, zone) for name, split in splits.items()}
    collected: list[Finding] = []
    for name, split in splits.items():
        collected += findings.from_anomalies(split.anomalies, schema, name)
        collected += rows[name].numbers()
        if _has_rows(split.statistics):
            collected += rows[name].empty(_optional(features.inputs, schema))
        collected += _row_findings(rows[name], name, policy.limits, features.label)
    if _has_rows(splits["train"].statistics):
        collected += learnable.findings(rows["train"], features)
    collected += _freshness(rows["eval"], span, policy.limits, clock)
    collected += _comparisons(splits, schema, accepted, served)
    decided = [
        (finding, policy.decide(finding.kind, finding.feature)) for finding in unique(collected)
    ]
    roles = Roles(features.label, features.inputs, features.slices)
    stopping = sum(decision.action == "stop" for _, decision in decided)
    verdicts: list[Verdict] = []
    rejected: list[RejectedRow] = []
    # The limit is split evenly, so rows of every finding are kept.
    limit = policy.limits.quarantine_rows // max(1, stopping)
    for finding, decision in decided:
        split_rows = rows[finding.split]
        count, first = split_rows.offending(finding, limit)
        exact = dataclasses.replace(
            finding,
            rows=count,
            actual=split_rows.actual(finding) or finding.actual,
            cure=split_rows.cure(finding, roles.role(finding.feature)),
        )
        verdicts.append(Verdict(exact, decision))
        if decision.action == "stop":
            rejected += first
    order = ["stop", "warn", "ignore"]
    verdicts.sort(key=lambda verdict: order.index(verdict.decision.action))
    counts = {name: split_rows.count() for name, split_rows in rows.items()}
    return Examination(tuple(verdicts), tuple(rejected), counts)


def _optional(inputs: Sequence[str], schema: schema_pb2.Schema) -> list[str]:
    """Return the inputs for which ExampleValidator reports no anomaly when they are empty."""
    required = {
        feature.name
        for feature in schema.feature
        if feature.presence.min_fraction or feature.presence.min_count
    }
    return [name for name in inputs if name not in required]


def _row_findings(rows: Rows, split: str, limits: Limits, label: str) -> Iterator[Finding]:
    count = rows.count()
    if count < limits.min_rows:
        yield Finding("rows", "", split, f"{count:,} rows", f"at least {limits.min_rows:,}", count)
    share = rows.label_share(label)
    if share in (0, 1):
        # No limit of the policy can allow it, because there is nothing to tell apart.
        actual = f"every label is {share:.0f}"
        yield Finding("label", label, split, actual, "rows with label 0 and rows with label 1")
    elif share is not None and not limits.min_label_share <= share <= limits.max_label_share:
        yield Finding(
            "label",
            label,
            split,
            f"{share:.2%} positive",
            f"{limits.min_label_share:.2%} to {limits.max_label_share:.2%}",
        )
    if limits.max_duplicate_share < 1 and count:
        duplicates = rows.duplicates()
        if duplicates / count > limits.max_duplicate_share:
            yield Finding(
                "duplicates",
                "",
                split,
                f"{duplicates / count:.2%} of the rows are duplicates",
                f"at most {limits.max_duplicate_share:.2%}",
                duplicates,
            )


def _freshness(rows: Rows, span: int, limits: Limits, clock: Clock) -> Iterator[Finding]:
    column = limits.event_time
    if column is None:
        return
    end = span_ends.end(span, clock.time_zone)
    try:
        newest = rows.newest(column, clock.time_format)
    except KeyError:
        yield Finding("freshness", column, "eval", "no such column", "a time in every row")
        return
    if newest is None and rows.count():
        yield Finding("freshness", column, "eval", "no readable time", "a time in every row")
    if newest is None or end is None:
        return
    age = (end - newest) / 86400
    if not -_DAYS_PAST <= age <= limits.max_age_days:
        moment = datetime.datetime.fromtimestamp(newest, ZoneInfo(clock.time_zone))
        yield Finding(
            "freshness",
            column,
            "eval",
            f"newest event {moment:%Y-%m-%d %H:%M} {clock.time_zone}",
            f"within {limits.max_age_days:g} days of the end of span {span}",
        )


def environment(schema: schema_pb2.Schema) -> str | None:
    """Return the schema environment for training data; None if the schema has no environments.

    Args:
      schema: the curated schema.
    """
    return TRAINING if TRAINING in schema.default_environment else None


def _comparisons(
    splits: Mapping[str, Split],
    schema: schema_pb2.Schema,
    accepted: Statistics | None,
    served: Statistics | None,
) -> Iterator[Finding]:
    current = splits["eval"].statistics
    if not _has_rows(current):
        return
    for control, name in ((splits["train"].statistics, "train"), (accepted, "the last span")):
        if control is not None and _has_rows(control):
            anomalies = tfdv.validate_statistics(
                current, schema, environment=environment(schema), previous_statistics=control
            )
            yield from findings.from_comparison(anomalies, "drift", "eval", name)
    if served is not None and _has_rows(served):
        anomalies = tfdv.validate_statistics(
            current, schema, environment=environment(schema), serving_statistics=served
        )
        yield from findings.from_comparison(anomalies, "skew", "eval", "the logged requests")


def _has_rows(statistics: Statistics) -> bool:
    return any(dataset.num_examples for dataset in statistics.datasets)
