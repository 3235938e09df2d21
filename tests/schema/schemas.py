"""Hypothesis strategies for schemas."""

from __future__ import annotations

from hypothesis import strategies as st
from tensorflow_metadata.proto.v0 import schema_pb2

# Characters that break parsers of text: quotes, braces, comment signs, line ends, other alphabets.
_NAMES = st.text(st.sampled_from("ab \"'{}#<>\\\n:é한"), min_size=1, max_size=6)
_VALUES = st.lists(_NAMES, unique=True, max_size=4)


@st.composite
def _feature(draw: st.DrawFn, name: str, domains: list[str]) -> schema_pb2.Feature:
    feature = schema_pb2.Feature(name=name)
    feature.type = draw(st.sampled_from([schema_pb2.BYTES, schema_pb2.INT, schema_pb2.FLOAT]))
    if draw(st.booleans()):
        feature.presence.min_fraction = draw(st.sampled_from([0.0, 0.5, 1.0]))
        feature.presence.min_count = draw(st.integers(0, 3))
    if feature.type == schema_pb2.INT and draw(st.booleans()):
        feature.int_domain.min, feature.int_domain.max = draw(st.integers(-9, 0)), 9
    if feature.type == schema_pb2.BYTES and draw(st.booleans()):
        if domains and draw(st.booleans()):
            feature.domain = draw(st.sampled_from(domains))
        else:
            feature.string_domain.value.extend(draw(_VALUES))
    if draw(st.booleans()):
        feature.not_in_environment.append("SERVING")
    if draw(st.booleans()):
        feature.drift_comparator.infinity_norm.threshold = draw(st.sampled_from([0.1, 1e-7]))
    return feature


@st.composite
def schemas(draw: st.DrawFn) -> schema_pb2.Schema:
    """Make a schema with up to five columns and two shared domains."""
    schema = schema_pb2.Schema()
    domains = draw(st.lists(_NAMES, unique=True, max_size=2))
    for name in draw(st.lists(_NAMES, unique=True, max_size=5)):
        schema.feature.append(draw(_feature(name, domains)))
    for name in domains:
        schema.string_domain.add(name=name, value=draw(_VALUES))
    if draw(st.booleans()):
        schema.default_environment.extend(["TRAINING", "SERVING"])
    return schema
