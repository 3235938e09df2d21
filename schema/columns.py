"""Read the curated schema and its columns, without TensorFlow."""

from __future__ import annotations

import difflib
import re
import struct
from pathlib import Path

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from schema import text, validity


def load(file: Path) -> schema_pb2.Schema:
    """Read a schema in text form.

    Args:
      file: path of the schema file.

    Raises:
      OSError: the file cannot be read.
      ValueError: the file is not a valid schema; the message names the line.
    """
    return parse(text.read(file).content)


def parse(content: str) -> schema_pb2.Schema:
    """Return the schema of a text.

    Args:
      content: text of a schema.

    Raises:
      ValueError: the text is not a valid schema; the message names the line.
    """
    try:
        schema = text_format.Parse(content, schema_pb2.Schema())
    except text_format.ParseError as error:
        raise ValueError(_located(error)) from error
    validity.check(schema, content)
    return schema


def _located(error: text_format.ParseError) -> str:
    line = error.GetLine()
    if line is None:
        return str(error)
    # The library repeats the line, and names messages by their packages.
    message = re.sub(r"^\d+:\d+ : (?:'.*': )?", "", str(error), flags=re.DOTALL)
    message = message.replace("tensorflow.metadata.v0.", "")
    if unknown := re.search(r'type "(\w+)" has no field named "(\w+)"', message):
        names = list(getattr(schema_pb2, unknown[1]).DESCRIPTOR.fields_by_name)
        close = difflib.get_close_matches(unknown[2], names, n=1)
        message += f" Did you mean {close[0]}?" if close else ""
    return f"line {line}, column {error.GetColumn()}: {message}"


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
    if feature.HasField("bool_domain") and feature.type == schema_pb2.BYTES:
        return [feature.bool_domain.true_value, feature.bool_domain.false_value]
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
    if feature.HasField("bool_domain") and feature.type == schema_pb2.INT:
        return 0, 1
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


def as_stored(feature: schema_pb2.Feature, number: float) -> float:
    """Return a number as a tf.Example stores it: the value of a FLOAT has 32 bits.

    Args:
      feature: column of the schema.
      number: value of a row, or a bound.
    """
    if feature.type != schema_pb2.FLOAT:
        return number
    try:
        return float(struct.unpack("f", struct.pack("f", number))[0])
    except OverflowError:  # beyond 32 bits; another check refuses it
        return number
