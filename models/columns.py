"""Compare the features file with the schema."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator

from tensorflow_metadata.proto.v0 import schema_pb2

from models.features import Features

_BYTES, _INT, _FLOAT = schema_pb2.BYTES, schema_pb2.INT, schema_pb2.FLOAT
# Every reader of TFX leaves out a column in one of these stages.
_UNUSED_STAGES = frozenset({
    schema_pb2.PLANNED, schema_pb2.ALPHA, schema_pb2.DEBUG_ONLY, schema_pb2.DEPRECATED,
    schema_pb2.DISABLED, schema_pb2.VALIDATION_DERIVED,
})  # fmt: skip
_TRAINING, _SERVING = "TRAINING", "SERVING"


def _did_you_mean(name: str, others: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(others), n=1)
    return f"did you mean {close[0]}?" if close else ""


def mismatches(
    features: Features,
    schema: schema_pb2.Schema,
    hint: Callable[[str, Iterable[str]], str] = _did_you_mean,
) -> Iterator[str]:
    """List columns that the schema does not have, or whose statements do not fit their role.

    Args:
      features: label and features of the model.
      schema: curated schema of the data.
      hint: function that names the nearest of other names; default the most similar one.

    Yields:
      One sentence for every such column.
    """
    columns = {column.name: column for column in schema.feature}
    checked: set[str] = set()  # an input may be a slice too
    for role, names, allowed in (
        ("label", [features.label], {_INT}),
        ("numeric", features.numeric, {_INT, _FLOAT}),
        ("bucket", features.buckets, {_INT}),
        ("categorical", features.categorical, {_BYTES}),
        ("slice", features.slices, {_INT, _FLOAT, _BYTES}),
    ):
        for name in names:
            column = columns.get(name)
            if column is None:
                nearest = hint(name, columns)
                yield f"the schema has no {role} column {name}" + (
                    f"; {nearest}" if nearest else ""
                )
            elif column.type not in allowed:
                expected = " or ".join(sorted(map(schema_pb2.FeatureType.Name, allowed)))
                actual = schema_pb2.FeatureType.Name(column.type)
                yield f"{role} column {name} is {actual} in the schema; it must be {expected}"
            elif role == "label" and not _is_label(column):
                yield (
                    f"label column {name} must be in every row and 0 or 1; set "
                    "presence { min_fraction: 1.0 } and int_domain { min: 0 max: 1 } in the schema"
                )
            if column is not None and name not in checked:
                checked.add(name)
                yield from _unused(column, role, schema)


def _is_label(column: schema_pb2.Feature) -> bool:
    domain = column.int_domain
    zero_or_one = domain.HasField("min") and (domain.min, domain.max) == (0, 1)
    return column.presence.min_fraction == 1 and zero_or_one


def _unused(column: schema_pb2.Feature, role: str, schema: schema_pb2.Schema) -> Iterator[str]:
    """List what takes a column out of use, although the model reads it."""
    if column.lifecycle_stage in _UNUSED_STAGES or column.deprecated:
        stage = (
            f"lifecycle_stage: {schema_pb2.LifecycleStage.Name(column.lifecycle_stage)}"
            if column.lifecycle_stage in _UNUSED_STAGES
            else "deprecated: true"
        )
        yield (
            f"{role} column {column.name} has {stage} in the schema, so no component reads it; "
            f"remove {stage}, or remove {column.name} from the features file"
        )
    required = [_TRAINING] if role in ("label", "slice") else [_TRAINING, _SERVING]
    for environment in required:
        if environment in column.not_in_environment:
            yield (
                f"{role} column {column.name} has not_in_environment: "
                f'"{environment}" in the schema, but the model reads it in '
                f"{'every row' if environment == _TRAINING else 'requests'}; remove this line"
            )
    environments = {*schema.default_environment, *column.in_environment}
    if schema.default_environment and _TRAINING not in environments | {*column.not_in_environment}:
        yield (
            f"{role} column {column.name} is not in the environment {_TRAINING} of the schema; "
            f'add default_environment: "{_TRAINING}"'
        )
