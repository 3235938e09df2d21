"""Accepting the changes of a proposal."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_metadata.proto.v0 import schema_pb2

from schema.changes import Change, accept, changes
from tests.schema.schemas import schemas


@settings(deadline=None)
@given(schemas(), schemas())
def test_an_accepted_change_is_not_listed_again(
    curated: schema_pb2.Schema, proposal: schema_pb2.Schema
) -> None:
    accepted = accept(curated, proposal)
    again = accept(accepted, proposal)
    assert again == accepted
    assert changes(accepted, again) == []


@settings(deadline=None)
@given(schemas(), schemas(), st.data())
def test_a_chosen_column_is_all_that_changes(
    curated: schema_pb2.Schema, proposal: schema_pb2.Schema, data: st.DataObject
) -> None:
    names = [feature.name for feature in proposal.feature]
    chosen = data.draw(st.sampled_from(names)) if names else ""
    before = {feature.name: feature for feature in curated.feature}
    proposed = {feature.name: feature for feature in proposal.feature}
    accepted = accept(curated, proposal, [chosen])
    for feature in accepted.feature:
        assert feature == (proposed if feature.name == chosen else before)[feature.name]
    assert [feature.name for feature in accepted.feature][: len(before)] == list(before)


def test_changes_are_listed_in_the_order_of_the_columns() -> None:
    curated, proposal = schema_pb2.Schema(), schema_pb2.Schema()
    for schema in (curated, proposal):
        schema.feature.add(name="carrier", type=schema_pb2.BYTES, domain="carriers")
        schema.feature.add(name="hour", type=schema_pb2.INT)
        schema.string_domain.add(name="carriers", value=["AA", "UA"])
    proposal.string_domain[0].value.append("B6")
    proposal.feature[1].int_domain.max = 25
    proposal.feature.add(name="fare", type=schema_pb2.FLOAT)
    assert changes(curated, proposal) == [
        Change("carrier", "string_domain", "2 values", "3 values: B6 new"),
        Change("hour", "int_domain", "", "max: 25"),
        Change("fare", "column", "", "FLOAT column"),
    ]
    accepted = accept(curated, proposal)
    assert list(accepted.string_domain[0].value) == ["AA", "B6", "UA"], "sorted as before"
