"""Whether what is to be learned is in the data: the features file against the schema."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from tensorflow_metadata.proto.v0 import schema_pb2

from models.features import Features

_BYTES, _INT, _FLOAT = schema_pb2.BYTES, schema_pb2.INT, schema_pb2.FLOAT


def mismatches(features: Features, schema: schema_pb2.Schema) -> Iterator[str]:
    """Find columns that the schema lacks, or has with a type that does not fit their role.

    Args:
      features: what is learned from what.
      schema: what the data looks like.

    Yields:
      A sentence for each.
    """
    columns = {column.name: column for column in schema.feature}
    types = {name: column.type for name, column in columns.items()}
    for role, names, fitting in (
        ("label", [features.label], {_INT}),
        ("numeric", features.numeric, {_INT, _FLOAT}),
        ("bucket", features.buckets, {_INT}),
        ("categorical", features.categorical, {_BYTES}),
        ("slice", features.slices, {_INT, _FLOAT, _BYTES}),
    ):
        for name in names:
            if name not in types:
                close = difflib.get_close_matches(name, types, n=1)
                hint = f"; did you mean {close[0]}?" if close else ""
                yield f"the schema has no {role} column {name}{hint}"
            elif types[name] not in fitting:
                wanted = " or ".join(sorted(schema_pb2.FeatureType.Name(each) for each in fitting))
                got = schema_pb2.FeatureType.Name(types[name])
                yield f"{role} column {name} is {got} in the schema; it must be {wanted}"
            elif role == "label" and not _is_label(columns[name]):
                yield (
                    f"label column {name} must be in every row and 0 or 1; give it "
                    "presence { min_fraction: 1.0 } and int_domain { min: 0 max: 1 }"
                )


def _is_label(column: schema_pb2.Feature) -> bool:
    domain = column.int_domain
    zero_or_one = domain.HasField("min") and (domain.min, domain.max) == (0, 1)
    return column.presence.min_fraction == 1 and zero_or_one
