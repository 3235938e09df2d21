"""The curated schema as tables."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Column, Table
from tensorflow_metadata.proto.v0 import schema_pb2

from pipeline.cli.console import open_console
from schema import columns as columns_module
from schema.changes import Change
from schema.fit import Mismatch
from schema.rows import RowFinding

_SHOWN = 20


def changes(items: Sequence[Change]) -> None:
    """Print the differences between the curated schema and the data.

    Args:
      items: differences, in the order of the lines.
    """
    table = Table("feature", "what", "schema", "data")
    for change in items:
        table.add_row(
            *map(escape, (change.feature, change.aspect, change.curated, change.proposed))
        )
    open_console().print(table)


def mismatches(items: Sequence[Mismatch]) -> None:
    """Print the columns of the model that no change of the schema makes fit, and what to do.

    Args:
      items: mismatches, in the order of the lines.
    """
    table = Table("feature", "data", "expected")
    for mismatch in items:
        table.add_row(*map(escape, (mismatch.feature, mismatch.actual, mismatch.expected)))
    console = open_console()
    console.print(table)
    console.print("No change of the schema solves this, because the model uses these columns.")
    for mismatch in items:
        console.print(f"Next   {mismatch.feature}: {mismatch.cure}", soft_wrap=True, markup=False)


def columns(schema: schema_pb2.Schema) -> None:
    """Print a schema, one line per column.

    Args:
      schema: the curated schema.
    """
    table = Table("feature", "type", "values", "present", "not in", "drift", "skew")
    for feature in schema.feature:
        table.add_row(
            escape(feature.name),
            schema_pb2.FeatureType.Name(feature.type),
            escape(_values(schema, feature)),
            _presence(feature),
            ", ".join(feature.not_in_environment),
            _threshold(feature.drift_comparator),
            _threshold(feature.skew_comparator),
        )
    open_console().print(table)


def findings(items: Sequence[RowFinding]) -> None:
    """Print the first findings about rows.

    Args:
      items: all findings, in the order of the lines.
    """
    table = Table(Column("row", justify="right"), "column", "found", "expected")
    for finding in items[:_SHOWN]:
        row = "all" if finding.row is None else f"{finding.row:,}"
        table.add_row(row, *map(escape, (finding.column, finding.actual, finding.expected)))
    if len(items) > _SHOWN:
        table.add_row("…", f"{len(items) - _SHOWN:,} more", "", "")
    open_console().print(table)


def _values(schema: schema_pb2.Schema, feature: schema_pb2.Feature) -> str:
    categories = columns_module.categories(schema, feature)
    if categories is not None:
        shown = ", ".join(categories[:6])
        return shown if len(categories) <= 6 else f"{shown}, … ({len(categories)})"
    low, high = columns_module.value_range(feature)
    if low is None and high is None:
        return ""
    return f"{'' if low is None else f'{low:g}'} … {'' if high is None else f'{high:g}'}".strip()


def _presence(feature: schema_pb2.Feature) -> str:
    share = feature.presence.min_fraction
    if share == 1:
        return "always"
    return f"{share:.0%} of rows" if share else "may be missing"


def _threshold(comparator: schema_pb2.FeatureComparator) -> str:
    for distance in ("infinity_norm", "jensen_shannon_divergence", "normalized_abs_difference"):
        if comparator.HasField(distance):
            return f"{getattr(comparator, distance).threshold:g}"
    return ""
