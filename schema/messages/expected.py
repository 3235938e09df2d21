"""What the schema expects of a value, as a text."""

from __future__ import annotations

from collections.abc import Sequence

from tensorflow_metadata.proto.v0 import schema_pb2

from schema import columns
from schema.messages.cures import TYPES
from schema.messages.spelling import difference

_SHOWN = 8


def one_of(values: Sequence[str], actual: str | None = None) -> str:
    """Return the values that a text may have, and how an actual one differs from one of them.

    Args:
      values: allowed values.
      actual: text that is none of them; default None for no text.
    """
    shown = ", ".join(values[:_SHOWN]) + (", …" if len(values) > _SHOWN else "")
    expected = f"one of {shown} ({len(values)} values)"
    hint = difference(actual, values) if actual is not None else ""
    return f"{expected}; {hint}" if hint else expected


def bounds(feature: schema_pb2.Feature) -> str:
    """Return the range of a column; "" if it has none.

    Args:
      feature: column of the schema.
    """
    low, high = columns.value_range(feature)
    ends = [
        f"{side} {number(end)}"
        for side, end in (("at least", low), ("at most", high))
        if end is not None
    ]
    return " and ".join(ends)


def number(value: float) -> str:
    """Return a number with all digits of a whole number, and six of another one.

    Args:
      value: a bound or a value.
    """
    return str(value) if isinstance(value, int) else f"{value:g}"


def type_of(feature: schema_pb2.Feature) -> str:
    """Return the type of a column, such as `a whole number`.

    Args:
      feature: column of the schema.
    """
    return TYPES.get(schema_pb2.FeatureType.Name(feature.type), "as in the schema")
