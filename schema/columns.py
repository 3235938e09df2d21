"""Read the curated schema and its columns, without TensorFlow."""

from __future__ import annotations

from pathlib import Path

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2


def load(file: Path) -> schema_pb2.Schema:
    """Read a schema in text form.

    Args:
      file: path of the schema file.

    Raises:
      OSError: the file cannot be read.
      ValueError: the file is not a valid schema.
    """
    try:
        schema = text_format.Parse(file.read_text("utf-8"), schema_pb2.Schema())
    except text_format.ParseError as error:
        raise ValueError(str(error)) from error
    shared = {domain.name for domain in schema.string_domain}
    for feature in schema.feature:
        if feature.domain and feature.domain not in shared:
            raise ValueError(f"feature {feature.name}: there is no string_domain {feature.domain}")
    return schema


def types(schema: schema_pb2.Schema) -> dict[str, str]:
    """Return `INT`, `FLOAT` or `BYTES` by column.

    Args:
      schema: curated schema.
    """
    return {
        feature.name: schema_pb2.FeatureType.Name(feature.type)
        for feature in schema.feature
        if feature.type
    }


def categories(schema: schema_pb2.Schema, feature: schema_pb2.Feature) -> list[str] | None:
    """Return the allowed values of a column; None if every text is allowed.

    Args:
      schema: curated schema, with the shared domains.
      feature: column of the schema.
    """
    if feature.HasField("string_domain"):
        return list(feature.string_domain.value)
    if feature.domain:
        return next(
            list(domain.value) for domain in schema.string_domain if domain.name == feature.domain
        )
    return None


def value_range(feature: schema_pb2.Feature) -> tuple[float | None, float | None]:
    """Return the minimum and the maximum of a column's range; None for an open end.

    Args:
      feature: column of the schema.
    """
    if feature.HasField("int_domain"):
        domain = feature.int_domain
    elif feature.HasField("float_domain"):
        domain = feature.float_domain
    else:
        return None, None
    return (
        domain.min if domain.HasField("min") else None,
        domain.max if domain.HasField("max") else None,
    )
