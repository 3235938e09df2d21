"""What data and curated schema disagree on, and taking over what the data says."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2


@dataclass(frozen=True)
class Change:
    """One thing that a proposal says otherwise than the curated schema.

    Args:
      feature: the column; a shared domain belongs to the columns that name it.
      aspect: a field of TFMD's Feature, such as `presence`, or `column` for the whole.
      curated: what the schema says; empty for what it does not say.
      proposed: what the data says.
    """

    feature: str
    aspect: str
    curated: str
    proposed: str


def changes(curated: schema_pb2.Schema, proposal: schema_pb2.Schema) -> list[Change]:
    """List what a proposal changes, in the order of its features."""
    found: list[Change] = []
    before = {feature.name: feature for feature in curated.feature}
    for feature in proposal.feature:
        if feature.name not in before:
            kind = schema_pb2.FeatureType.Name(feature.type)
            found.append(Change(feature.name, "column", "", f"{kind} column"))
            continue
        found += _of_feature(before[feature.name], feature)
        found += _of_domain(feature, curated, proposal)
    return found


def take(
    curated: schema_pb2.Schema, proposal: schema_pb2.Schema, features: Collection[str] | None = None
) -> schema_pb2.Schema:
    """Take a proposal over into the curated schema.

    Args:
      curated: the schema.
      proposal: what the data says.
      features: only these; None for all.

    Returns:
      The new schema; what is not changed is as in the curated one, in the same order.
    """
    taken = schema_pb2.Schema()
    taken.CopyFrom(curated)
    wanted = {each.name: each for each in proposal.feature}
    chosen = [name for name in wanted if features is None or name in features]
    known = {feature.name: feature for feature in taken.feature}
    for name in chosen:
        if name in known:
            known[name].CopyFrom(wanted[name])
        else:
            taken.feature.append(wanted[name])
    domains = {domain.name: domain for domain in taken.string_domain}
    used = {wanted[name].domain for name in chosen}
    for domain in proposal.string_domain:
        if domain.name in used and domain.name in domains:
            domains[domain.name].value[:] = _in_order(domains[domain.name].value, domain.value)
        elif domain.name in used:
            taken.string_domain.append(domain)
    return taken


def _in_order(before: Sequence[str], now: Sequence[str]) -> list[str]:
    """Keep values sorted when they were; else new ones come last."""
    if list(before) == sorted(before):
        return sorted(now)
    return [*(value for value in before if value in now), *sorted(set(now) - set(before))]


def _of_feature(before: schema_pb2.Feature, now: schema_pb2.Feature) -> Iterator[Change]:
    fields = {field.name: field for each in (before, now) for field, _ in each.ListFields()}
    for name, field in fields.items():
        old, new = getattr(before, name), getattr(now, name)
        if old != new:
            yield Change(now.name, name, _words(field, old), _words(field, new))


def _of_domain(
    feature: schema_pb2.Feature, curated: schema_pb2.Schema, proposal: schema_pb2.Schema
) -> Iterator[Change]:
    before, now = (
        next((domain for domain in schema.string_domain if domain.name == feature.domain), None)
        for schema in (curated, proposal)
    )
    if now is None or before == now:
        return
    known = set(before.value) if before else set()
    new = [value for value in now.value if value not in known]
    yield Change(
        feature.name,
        "string_domain",
        f"{len(known)} values",
        f"{len(now.value)} values" + (f": {', '.join(new[:8])} new" if new else ""),
    )


def _words(field: object, value: object) -> str:
    if getattr(field, "message_type", None) is not None:
        return " ".join(text_format.MessageToString(value, as_one_line=True).split())
    enum = getattr(field, "enum_type", None)
    if enum is not None:
        return str(enum.values_by_number[value].name) if value else ""
    return str(value) if value else ""
