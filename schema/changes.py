"""Compare a proposed schema with the curated schema, and accept its changes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2


@dataclass(frozen=True)
class Change:
    """One difference between a proposal and the curated schema.

    Args:
      feature: name of the column; a shared domain belongs to the columns that name it.
      aspect: field of TFMD's Feature, such as `presence`, or `column` for the whole column.
      curated: value in the curated schema; "" if it has none.
      proposed: value in the proposal, inferred from the data.
    """

    feature: str
    aspect: str
    curated: str
    proposed: str


def changes(curated: schema_pb2.Schema, proposal: schema_pb2.Schema) -> list[Change]:
    """List the changes of a proposal, in the order of its features.

    Args:
      curated: curated schema.
      proposal: schema that was inferred from the data.
    """
    differences: list[Change] = []
    before = {feature.name: feature for feature in curated.feature}
    for feature in proposal.feature:
        if feature.name not in before:
            kind = schema_pb2.FeatureType.Name(feature.type)
            differences.append(Change(feature.name, "column", "", f"{kind} column"))
            continue
        differences += _feature_changes(before[feature.name], feature)
        differences += _domain_changes(feature, curated, proposal)
    return differences


def accept(
    curated: schema_pb2.Schema, proposal: schema_pb2.Schema, features: Collection[str] | None = None
) -> schema_pb2.Schema:
    """Copy the changes of a proposal to the curated schema.

    Args:
      curated: curated schema; it is not modified.
      proposal: schema that was inferred from the data.
      features: names of the columns to change; default None for all.

    Returns:
      The new schema; everything else is as in the curated schema, in the same order.
    """
    accepted = schema_pb2.Schema()
    accepted.CopyFrom(curated)
    proposed = {feature.name: feature for feature in proposal.feature}
    chosen = [name for name in proposed if features is None or name in features]
    existing = {feature.name: feature for feature in accepted.feature}
    for name in chosen:
        if name in existing:
            existing[name].CopyFrom(proposed[name])
        else:
            accepted.feature.append(proposed[name])
    domains = {domain.name: domain for domain in accepted.string_domain}
    used = {proposed[name].domain for name in chosen}
    for domain in proposal.string_domain:
        if domain.name in used and domain.name in domains:
            domains[domain.name].value[:] = _in_order(domains[domain.name].value, domain.value)
        elif domain.name in used:
            accepted.string_domain.append(domain)
    return accepted


def _in_order(before: Sequence[str], now: Sequence[str]) -> list[str]:
    """Sort the values if they were sorted before; otherwise append the new values."""
    if list(before) == sorted(before):
        return sorted(now)
    return [*(value for value in before if value in now), *sorted(set(now) - set(before))]


def _feature_changes(before: schema_pb2.Feature, now: schema_pb2.Feature) -> Iterator[Change]:
    fields = {field.name: field for feature in (before, now) for field, _ in feature.ListFields()}
    for name, field in fields.items():
        old, new = getattr(before, name), getattr(now, name)
        if old != new:
            yield Change(now.name, name, _as_text(field, old), _as_text(field, new))


def _domain_changes(
    feature: schema_pb2.Feature, curated: schema_pb2.Schema, proposal: schema_pb2.Schema
) -> Iterator[Change]:
    before, now = (
        next((domain for domain in schema.string_domain if domain.name == feature.domain), None)
        for schema in (curated, proposal)
    )
    if now is None or before == now:
        return
    old = set(before.value) if before else set()
    new = [value for value in now.value if value not in old]
    yield Change(
        feature.name,
        "string_domain",
        f"{len(old)} values",
        f"{len(now.value)} values" + (f": {', '.join(new[:8])} new" if new else ""),
    )


def _as_text(field: object, value: object) -> str:
    if getattr(field, "message_type", None) is not None:
        return " ".join(text_format.MessageToString(value, as_one_line=True).split())
    enum = getattr(field, "enum_type", None)
    if enum is not None:
        return str(enum.values_by_number[value].name) if value else ""
    return str(value) if value else ""
