"""Find the features of the train split that a model cannot learn from."""

from __future__ import annotations

from collections.abc import Iterator, Set

from models.features import Features
from pipeline.components.data_gate.rows import Rows
from pipeline.findings import Finding
from pipeline.sources.sql import identifier

UNLEARNABLE = "unlearnable"
RARE_VALUES = "rare_values"
NO_FEATURES = "no_features"

# The largest share of rows outside a vocabulary that is not reported.
_MAX_RARE_SHARE = 0.5


def findings(rows: Rows, features: Features) -> Iterator[Finding]:
    """Yield the features that a model cannot learn from, as the preprocessing would prepare them.

    Args:
      rows: rows of the train split.
      features: label and features of the model.

    Yields:
      `unlearnable` for a feature with only one value or only rare values, `rare_values` for a
      feature with rare values in most rows, and `no_features` if every feature is unlearnable.
    """
    names = [name for name in features.inputs if name in rows.columns]
    counts = rows.aggregate([f"count({identifier(name)})" for name in names])
    # A feature without any value has a finding of the kind `empty` or `presence`.
    filled = {name for name, count in zip(names, counts) if count}
    unlearnable = set(features.inputs) - filled
    for role in (_numbers, _buckets, _texts):
        for finding in role(rows, features, filled):
            if finding.kind == UNLEARNABLE:
                unlearnable.add(finding.feature)
            yield finding
    if unlearnable == set(features.inputs):
        yield Finding(
            NO_FEATURES, "", rows.split,
            f"none of the {len(unlearnable)} features has values that a model can learn from",
            "at least one feature with two frequent values",
        )  # fmt: skip


def _numbers(rows: Rows, features: Features, filled: Set[str]) -> Iterator[Finding]:
    names = [name for name in features.numeric if name in filled and rows.is_number(name)]
    # Transform computes with 32-bit numbers, and gives a missing number the mean.
    values = [f"try_cast({identifier(name)} AS FLOAT)" for name in names]
    aggregates = [f"{part}({value})" for value in values for part in ("min", "max")]
    results = rows.aggregate(aggregates)
    for name, low, high in zip(names, results[::2], results[1::2]):
        if low is None:
            yield _unlearnable(rows, name, "no finite number", "two different numbers")
        elif low == high:
            yield _unlearnable(rows, name, f"every number is {low:g}", "two different numbers")


def _buckets(rows: Rows, features: Features, filled: Set[str]) -> Iterator[Finding]:
    sizes = {
        name: size
        for name, size in features.buckets.items()
        if name in filled and rows.is_number(name)
    }
    inside = {
        name: f"coalesce({identifier(name)} BETWEEN 0 AND {size - 1}, false)"
        for name, size in sizes.items()
    }
    aggregates = [
        aggregate
        for name, condition in inside.items()
        for aggregate in (
            f"count(DISTINCT {identifier(name)}) FILTER ({condition})",
            f"count(*) FILTER ({condition})",
            "count(*)",
            f"any_value({identifier(name)}) FILTER ({condition})",
        )
    ]
    results = iter(rows.aggregate(aggregates))
    for name, distinct, count, total, value in zip(sizes, results, results, results, results):
        expected = f"two values from 0 to {sizes[name] - 1}"
        if distinct == 0:
            actual = f"no value is from 0 to {sizes[name] - 1}"
            yield _unlearnable(rows, name, actual, expected)
        elif distinct == 1 and count == total:
            yield _unlearnable(rows, name, f"every value is {value}", expected)


def _texts(rows: Rows, features: Features, filled: Set[str]) -> Iterator[Finding]:
    minimum = features.min_frequency
    lower = f"a value in {minimum} rows; lower min_frequency, or remove the feature"
    for name in features.categorical:
        if name not in filled or not rows.is_text(name):
            continue
        distinct, frequent, present, covered, total, value = rows.frequencies(name, minimum)
        if distinct == 0:
            yield _unlearnable(rows, name, "every value is empty", "two different values")
        elif frequent == 0:
            values = "the only value is" if distinct == 1 else f"all {distinct:,} values are"
            actual = f"{values} in fewer than {minimum} rows (min_frequency)"
            yield _unlearnable(rows, name, actual, lower)
        elif distinct == 1 and present == total:
            yield _unlearnable(rows, name, f"every value is {value}", "two different values")
        elif 1 - covered / present > _MAX_RARE_SHARE:
            yield Finding(
                RARE_VALUES, name, rows.split,
                f"{1 - covered / present:.0%} of the rows with a value have one of "
                f"{distinct - frequent:,} values in fewer than {minimum} rows (min_frequency)",
                f"at most {_MAX_RARE_SHARE:.0%}", present - covered,
            )  # fmt: skip


def _unlearnable(rows: Rows, name: str, actual: str, expected: str) -> Finding:
    return Finding(UNLEARNABLE, name, rows.split, actual, expected)
