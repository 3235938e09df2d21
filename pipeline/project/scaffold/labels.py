"""Decide what the label is: which value is positive, and whether the task is supported."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.errors import DataRefused, UsageError

_MAX_CLASSES = 20
_SHOWN = 6
# Pairs of values whose first is positive by its meaning.
_PAIRS = (
    ("1", "0"), ("yes", "no"), ("y", "n"), ("true", "false"), ("t", "f"),
    ("positive", "negative"), ("pos", "neg"), ("예", "아니오"), ("예", "아니요"), ("ja", "nein"),
    ("oui", "non"), ("si", "no"), ("sí", "no"),
)  # fmt: skip
# Values that are positive without a statement in the features file.
_RECOGNIZED = {"1", "true", "yes", "y", "t"}


@dataclass(frozen=True)
class Label:
    """The label of a model.

    Args:
      column: name of the column.
      positive: value that counts as positive; None if the features file need not state it.
      negative: values that count as negative, if there are several; default none.
      reason: how the positive value was chosen.
    """

    column: str
    positive: str | None
    negative: tuple[str, ...]
    reason: str


def resolve(
    column: str,
    values: Sequence[tuple[str | None, int]],
    positive: str | None,
    kind: str,
    command: str,
) -> Label:
    """Return the label, or state why no model can be trained on it.

    Args:
      column: name of the label's column.
      values: the values as text, the most frequent first, with their rows.
      positive: value that the user states; None for none.
      kind: `INT`, `FLOAT` or `BYTES`.
      command: the command that the user typed, for next steps.

    Raises:
      UsageError: the positive value is unknown, or the task is not supported.
      DataRefused: a row has no label, or all rows have one label.
    """
    rows = {value: count for value, count in values if value is not None}
    missing = sum(count for value, count in values if value is None)
    if missing:
        raise DataRefused(
            f"{missing:,} rows have no value in the label {column}; every row needs one.",
            "remove these rows, or write the label in them",
        )
    if positive is not None:
        return _stated(column, rows, positive, command)
    if len(rows) == 1:
        [only] = rows
        raise DataRefused(
            f"label {column}: expected two values, got {only} in all rows.",
            "add rows with another label, or choose another column with --label",
        )
    if len(rows) > 2:
        raise _unsupported(column, rows, kind, command)
    folded = {value.strip().casefold(): value for value in rows}
    for first, second in _PAIRS:
        if set(folded) == {first, second}:
            value = folded[first]
            stated = None if first in _RECOGNIZED else value
            return Label(column, stated, (), f"{value} is positive")
    first, second = rows
    raise UsageError(
        f"label {column}: cannot tell which value is positive, {_listed(rows)}.",
        f"{command} --positive {_quoted(second)}",
    )


def _stated(column: str, rows: dict[str, int], positive: str, command: str) -> Label:
    matching = [value for value in rows if value == positive or _same_number(value, positive)]
    if not matching:
        raise UsageError(
            f"--positive {positive}: the label {column} has no such value, but {_listed(rows)}.",
            f"{command} --positive {_quoted(next(iter(rows)))}",
        )
    if len(rows) == 1:
        raise DataRefused(
            f"label {column}: expected a second value beside {positive}, got none.",
            "add rows with another label, or choose another column with --label",
        )
    others = tuple(value for value in rows if value != matching[0])
    against = others[0] if len(others) == 1 else f"{len(others)} other values"
    reason = f"{matching[0]} is positive, against {against}"
    return Label(column, matching[0], others if len(others) > 1 else (), reason)


def _unsupported(column: str, rows: dict[str, int], kind: str, command: str) -> UsageError:
    if kind == "BYTES" or len(rows) <= _MAX_CLASSES:
        first = next(iter(rows))
        return UsageError(
            f"label {column}: more than two classes are not supported yet; it has {_listed(rows)}.",
            f"{command} --positive {_quoted(first)}   (predicts one value against all others)",
        )
    numbers = [float(value) for value in rows]
    return UsageError(
        f"label {column}: predicting a number is not supported yet; it has "
        f"{len(rows):,} values from {min(numbers):g} to {max(numbers):g}.",
        "add a column of 0 and 1, such as whether the number exceeds a limit, and name it with "
        "--label",
    )


def _listed(rows: dict[str, int]) -> str:
    shown = ", ".join(f"{value} ({count:,} rows)" for value, count in list(rows.items())[:_SHOWN])
    more = len(rows) - _SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown


def _same_number(first: str, second: str) -> bool:
    try:
        return float(first) == float(second)
    except ValueError:
        return False


def _quoted(value: str) -> str:
    return shlex.quote(value)
