"""Refuse a schema that contradicts itself, or whose rules never apply."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from tensorflow_metadata.proto.v0 import schema_pb2

from schema import environments, text

_NUMBER_DOMAINS = {
    schema_pb2.INT: {"int_domain", "bool_domain", "time_domain", "time_of_day_domain"},
    schema_pb2.FLOAT: {"float_domain"},
}
# Every other domain describes text.
_NO_TEXT = {"int_domain", "float_domain", "struct_domain"}
_SUITABLE = {
    "int_domain": "for a range of a FLOAT, write float_domain; for values of BYTES, string_domain",
    "float_domain": "for a range of an INT, write int_domain; for values of BYTES, string_domain",
    "domain": "only BYTES have values; for a range, write int_domain or float_domain",
    "string_domain": "only BYTES have values; for a range, write int_domain or float_domain",
}
_DIVERGENCE = "jensen_shannon_divergence"


@dataclass(frozen=True)
class Problem:
    """A rule of the schema that cannot apply.

    Args:
      field: `feature`, `string_domain` or "" for the whole schema.
      index: index of the feature or domain in the schema.
      message: what is wrong, and what to write instead.
    """

    field: str
    index: int
    message: str


def check(schema: schema_pb2.Schema, content: str) -> None:
    """Refuse a schema whose rules contradict one another, or never apply.

    Args:
      schema: the parsed schema.
      content: text of the schema, for the numbers of the lines.

    Raises:
      ValueError: a rule is wrong; the message names its line.
    """
    problems = list(_problems(schema))
    if problems:
        lines = text.lines(content, schema)
        raise ValueError(
            "; ".join(f"{_location(problem, lines)}{problem.message}" for problem in problems)
        )


def _location(problem: Problem, lines: dict[tuple[str, int], int]) -> str:
    line = lines.get((problem.field, problem.index))
    return f"line {line}: " if line else ""


def _problems(schema: schema_pb2.Schema) -> Iterator[Problem]:
    yield from _duplicates("feature", [feature.name for feature in schema.feature])
    yield from _duplicates("string_domain", [domain.name for domain in schema.string_domain])
    domains = {domain.name for domain in schema.string_domain}
    names = environments.all_of(schema)
    for index, feature in enumerate(schema.feature):
        for message in (
            *_type(feature),
            *_domain(feature, domains),
            *_bounds(feature),
            *_presence(feature),
            *_environments(feature, names),
            *_comparator(feature, "drift_comparator"),
            *_comparator(feature, "skew_comparator"),
        ):
            yield Problem("feature", index, f"feature {feature.name}: {message}")
    for index, domain in enumerate(schema.string_domain):
        if not domain.value:
            yield Problem(
                "string_domain", index, f"string_domain {domain.name} has no values; list them"
            )


def _duplicates(field: str, names: list[str]) -> Iterator[Problem]:
    for index, name in enumerate(names):
        if not name:
            yield Problem(field, index, f"a {field} has no name; add one")
        elif names.index(name) < index:
            yield Problem(
                field, index, f"{field} {name} is stated twice; merge the two, or remove one"
            )


def _type(feature: schema_pb2.Feature) -> Iterator[str]:
    if feature.type not in (schema_pb2.INT, schema_pb2.FLOAT, schema_pb2.BYTES):
        yield "expected type INT, FLOAT or BYTES, got " + (
            schema_pb2.FeatureType.Name(feature.type) if feature.type else "none"
        )


def _domain(feature: schema_pb2.Feature, domains: Collection[str]) -> Iterator[str]:
    kind = feature.WhichOneof("domain_info")
    if kind == "domain" and feature.domain not in domains:
        close = difflib.get_close_matches(feature.domain, domains, n=1)
        hint = f"; did you mean {close[0]}?" if close else "; add it, or list the values here"
        yield f"there is no string_domain {feature.domain}{hint}"
    if kind is None or not feature.type:
        return
    if feature.type == schema_pb2.BYTES:
        suits = kind not in _NO_TEXT
    else:
        suits = kind in _NUMBER_DOMAINS.get(feature.type, ())
    if not suits:
        name = schema_pb2.FeatureType.Name(feature.type)
        advice = _SUITABLE.get(kind, "remove it")
        yield f"{kind} does not fit the type {name}; {advice}"
    if kind == "string_domain" and not feature.string_domain.value:
        yield "string_domain has no values; list them, or remove it to accept every text"


def _bounds(feature: schema_pb2.Feature) -> Iterator[str]:
    kind = feature.WhichOneof("domain_info")
    if kind not in ("int_domain", "float_domain"):
        return
    domain = getattr(feature, kind)
    if math.isnan(domain.min) or math.isnan(domain.max):
        yield f"{kind}: expected numbers as min and max, got nan"
    if domain.HasField("min") and domain.HasField("max") and domain.min > domain.max:
        yield (
            f"{kind}: min {domain.min:.15g} is greater than max {domain.max:.15g}; exchange the two"
        )


def _presence(feature: schema_pb2.Feature) -> Iterator[str]:
    share = feature.presence.min_fraction
    if not 0 <= share <= 1:
        yield (
            f"presence: expected min_fraction between 0 and 1, got {share:g}; "
            f"1.0 means that every row has a value"
        )
    if feature.presence.min_count < 0:
        yield f"presence: expected min_count of at least 0, got {feature.presence.min_count}"
    if feature.HasField("value_count") and not (
        feature.value_count.min <= 1 <= (feature.value_count.max or 1)
    ):
        yield "value_count: a column has one value in a row; write value_count { min: 1 max: 1 }"
    if any(dim.size != 1 for dim in feature.shape.dim):
        yield "shape: a column has one value in a row; write shape { dim { size: 1 } }"


def _environments(feature: schema_pb2.Feature, names: Collection[str]) -> Iterator[str]:
    for field in ("in_environment", "not_in_environment"):
        for name in getattr(feature, field):
            if name not in names:
                close = difflib.get_close_matches(name, names, n=1)
                hint = f"did you mean {close[0]}?" if close else "add it as default_environment"
                yield f"{field}: there is no environment {name}; {hint}"


def _comparator(feature: schema_pb2.Feature, field: str) -> Iterator[str]:
    comparator = getattr(feature, field)
    for descriptor, distance in comparator.ListFields():
        # TFDV measures the other distances of text only; for numbers they are always 0.
        if feature.type in _NUMBER_DOMAINS and descriptor.name != _DIVERGENCE:
            yield (
                f"{field}: {descriptor.name} is 0 for numbers, so it never reports a difference; "
                f"write {_DIVERGENCE} {{ threshold: 0.3 }} instead"
            )
        elif not distance.HasField("threshold"):
            yield f"{field}: {descriptor.name} has no threshold; add one between 0 and 1"
        elif not 0 < distance.threshold < 1:
            yield (
                f"{field}: expected a threshold above 0 and below 1, got {distance.threshold:g}; "
                "0 reports every difference and 1 none"
            )
