"""Compare the features file with the schema."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from tensorflow_metadata.proto.v0 import schema_pb2

from models.features import Features

_BYTES, _INT, _FLOAT = schema_pb2.BYTES, schema_pb2.INT, schema_pb2.FLOAT


def mismatches(features: Features, schema: schema_pb2.Schema) -> Iterator[str]:
    """List columns that the schema does not have, or has with a type that does not fit their role.

    Args:
      features: label and features of the model.
      schema: curated schema of the data.

    Yields:
      One sentence for every such column.
    """
    columns = {column.name: column for column in schema.feature}
    types = {name: column.type for name, column in columns.items()}
    for role, names, allowed in (
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
            elif types[name] not in allowed:
                expected = " or ".join(sorted(map(schema_pb2.FeatureType.Name, allowed)))
                actual = schema_pb2.FeatureType.Name(types[name])
                yield f"{role} column {name} is {actual} in the schema; it must be {expected}"
            elif role == "label" and not _is_label(columns[name]):
                yield (
                    f"label column {name} must be in every row and 0 or 1; set "
                    "presence { min_fraction: 1.0 } and int_domain { min: 0 max: 1 } in the schema"
                )


def _is_label(column: schema_pb2.Feature) -> bool:
    domain = column.int_domain
    zero_or_one = domain.HasField("min") and (domain.min, domain.max) == (0, 1)
    return column.presence.min_fraction == 1 and zero_or_one
