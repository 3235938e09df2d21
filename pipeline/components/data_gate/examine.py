"""Everything that is wrong with a span's data, in the policy's light."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from pipeline.components.data_gate import findings
from pipeline.components.data_gate.rows import Rows, merged
from pipeline.findings import Finding, RejectedRow
from schema.policy import Decision, Limits, Policy
from schema.rows import TRAINING

Statistics: TypeAlias = "statistics_pb2.DatasetFeatureStatisticsList"

_SPAN_FORMATS = {4: "%Y", 6: "%Y%m", 8: "%Y%m%d"}
# A day that begins in one time zone ends in another.
_DAYS_PAST = 1


@dataclass(frozen=True)
class Split:
    """What is known of a split.

    Args:
      pattern: of its Parquet files.
      statistics: of its examples.
      anomalies: that ExampleValidator found.
    """

    pattern: str
    statistics: Statistics
    anomalies: anomalies_pb2.Anomalies


@dataclass(frozen=True)
class Verdict:
    """A finding and what the policy says to it."""

    finding: Finding
    decision: Decision


@dataclass(frozen=True)
class Examination:
    """What came of it.

    Args:
      verdicts: what was found, the worst first; what is ignored is in it too.
      rows: the first rows behind what stops the run.
      counts: rows by split.
    """

    verdicts: tuple[Verdict, ...]
    rows: tuple[RejectedRow, ...]
    counts: Mapping[str, int]

    @property
    def passed(self) -> bool:
        """Whether nothing stops the run."""
        return not self.of("stop")

    def of(self, action: str) -> list[Verdict]:
        """Return the verdicts with an action."""
        return [each for each in self.verdicts if each.decision.action == action]


def examine(
    splits: Mapping[str, Split],
    schema: schema_pb2.Schema,
    policy: Policy,
    label: str,
    span: int,
    accepted: Statistics | None = None,
    served: Statistics | None = None,
    inputs: Sequence[str] = (),
) -> Examination:
    """Look at all splits of a span.

    Args:
      splits: `train` and `eval`.
      schema: the curated schema, with drift and skew comparators.
      policy: what stops, warns or is ignored.
      label: the label's column.
      span: the span's number: a year, month or day where freshness is asked for.
      accepted: of the eval split of the last span that passed.
      served: of what was served.
      inputs: columns that the model learns from: they must not be empty, even where single values
        may be missing.

    Returns:
      What was found.
    """
    rows = {name: Rows(split.pattern, name, schema) for name, split in splits.items()}
    found: list[Finding] = []
    for name, split in splits.items():
        found += findings.of_anomalies(split.anomalies, schema, name)
        found += rows[name].numbers()
        if _has_rows(split.statistics):
            found += rows[name].empty(_optional(inputs, schema))
        found += _of_rows(rows[name], name, policy.limits, label)
    found += _freshness(rows["eval"], span, policy.limits)
    found += _comparisons(splits, schema, accepted, served)
    decided = [(each, policy.decide(each.kind, each.feature)) for each in merged(found)]
    stopping = sum(decision.action == "stop" for _, decision in decided)
    verdicts: list[Verdict] = []
    offending: list[RejectedRow] = []
    for finding, decision in decided:
        # Each reason has its share of the rows that are kept.
        share = policy.limits.quarantine_rows // max(1, stopping)
        count, bad = rows[finding.split].offending(finding, share)
        verdicts.append(Verdict(_with_rows(finding, count), decision))
        if decision.action == "stop":
            offending += bad
    order = ["stop", "warn", "ignore"]
    verdicts.sort(key=lambda each: order.index(each.decision.action))
    return Examination(
        tuple(verdicts), tuple(offending), {name: each.count() for name, each in rows.items()}
    )


def _optional(inputs: Sequence[str], schema: schema_pb2.Schema) -> list[str]:
    """Return the inputs of which ExampleValidator says nothing when they are empty."""
    asked = {
        feature.name
        for feature in schema.feature
        if feature.presence.min_fraction or feature.presence.min_count
    }
    return [name for name in inputs if name not in asked]


def _with_rows(finding: Finding, rows: int | None) -> Finding:
    return Finding(
        finding.kind, finding.feature, finding.split, finding.actual, finding.expected, rows
    )


def _of_rows(rows: Rows, split: str, limits: Limits, label: str) -> Iterator[Finding]:
    count = rows.count()
    if count < limits.min_rows:
        yield Finding("rows", "", split, f"{count:,} rows", f"at least {limits.min_rows:,}", count)
    share = rows.label_share(label)
    if share is not None and not limits.min_label_share <= share <= limits.max_label_share:
        yield Finding(
            "label",
            label,
            split,
            f"{share:.2%} positive",
            f"{limits.min_label_share:.2%} to {limits.max_label_share:.2%}",
        )
    if limits.max_duplicate_share < 1 and count:
        repeated = rows.duplicates()
        if repeated / count > limits.max_duplicate_share:
            yield Finding(
                "duplicates",
                "",
                split,
                f"{repeated / count:.2%} of the rows repeat another one",
                f"at most {limits.max_duplicate_share:.2%}",
                repeated,
            )


def _freshness(rows: Rows, span: int, limits: Limits) -> Iterator[Finding]:
    column = limits.event_time
    if column is None:
        return
    end = _end(span)
    try:
        newest = rows.newest(column)
    except KeyError:
        yield Finding("freshness", column, "eval", "no such column", "a time for each row")
        return
    if newest is None or end is None:
        return
    age = (end - newest) / 86400
    if not -_DAYS_PAST <= age <= limits.max_age_days:
        moment = datetime.datetime.fromtimestamp(newest, datetime.timezone.utc)
        yield Finding(
            "freshness",
            column,
            "eval",
            f"newest event {moment:%Y-%m-%d %H:%M} UTC",
            f"within {limits.max_age_days:g} days of the end of span {span}",
        )


def _end(span: int) -> float | None:
    """Return when a span ends in seconds since 1970 (UTC); None when its number is no date."""
    words = str(span)
    if len(words) not in _SPAN_FORMATS:
        return None
    try:
        begin = datetime.datetime.strptime(words, _SPAN_FORMATS[len(words)])
    except ValueError:
        return None
    if len(words) == 8:
        end = begin + datetime.timedelta(days=1)
    else:
        months = begin.year * 12 + begin.month - 1 + (1 if len(words) == 6 else 12)
        end = datetime.datetime(months // 12, months % 12 + 1, 1)
    return end.replace(tzinfo=datetime.timezone.utc).timestamp()


def environment(schema: schema_pb2.Schema) -> str | None:
    """Return the environment that training data is held to; a schema need not have any."""
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
    for control, words in ((splits["train"].statistics, "train"), (accepted, "the last span")):
        if control is not None and _has_rows(control):
            compared = tfdv.validate_statistics(
                current, schema, environment=environment(schema), previous_statistics=control
            )
            yield from findings.of_comparison(compared, "drift", "eval", words)
    if served is not None and _has_rows(served):
        compared = tfdv.validate_statistics(
            current, schema, environment=environment(schema), serving_statistics=served
        )
        yield from findings.of_comparison(compared, "skew", "eval", "what was served")


def _has_rows(statistics: Statistics) -> bool:
    return any(each.num_examples for each in statistics.datasets)
