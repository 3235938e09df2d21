"""What a user does about a column whose values have another type than its role requires."""

from __future__ import annotations

import re
from collections.abc import Sequence

TYPES = {"INT": "a whole number", "FLOAT": "a number", "BYTES": "text"}

# Cures of a column of the model that has the right type.
MISSING_COLUMN = (
    "rename the column in the data, or correct its name in the features file and the schema"
)
EMPTY_COLUMN = "fill the column in the data, or remove it from the features file"
LABEL_WITHOUT_VALUE = "remove these rows from the data, or write 0 or 1 in them"
LABEL_OUT_OF_RANGE = "write 0 and 1 in the data"

_DECIMAL_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}([_' ,]\d{3})+(\.\d+)?|[+-]?\d+(_\d+)+")
_UNIT = re.compile(r"[^\w\s.,+-]?\s*[+-]?\d[\d.,]*\s*\D{0,4}")
_LONG = re.compile(r"[+-]?\d{18,}")
_PLAIN = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
_TRUTH = re.compile(r"yes|no|true|false|y|n|t|f|on|off", re.IGNORECASE)
_MISSING = frozenset(
    [
        "", "na", "n/a", "#n/a", "n.a.", "nan", "null", "none", "nil", "?", "-", "--", ".",
        "missing", "unknown", "undefined", "void",
    ]
)  # fmt: skip


def cure(role: str, expected: str, actual: str, values: Sequence[str] = ()) -> str:
    """Return the steps that make a column fit its role; no step takes it out of use.

    Args:
      role: `label`, `input` or `slice`.
      expected: type in the schema: `INT`, `FLOAT` or `BYTES`.
      actual: type of the data.
      values: some values that are not of the expected type; default none.
    """
    if expected == "BYTES":
        return (
            f"write text in the data, or set type: {actual} in the schema and list the column "
            "under numeric or buckets in the features file"
        )
    if actual == "FLOAT":
        whole = "write whole numbers in the data"
        if role == "label":
            return f"{whole}: 0 and 1"
        return f"{whole}, or set type: FLOAT in the schema (and float_domain for its range)"
    if role == "label":
        return _label_cure(values)
    missing = [value for value in values if _is_missing(value)]
    others = [value for value in values if not _is_missing(value)]
    steps = [_null_cure(missing)] if missing else []
    if others:
        steps.append(_text_cure(others))
    return ", and ".join(steps) or "write numbers in the data"


def _text_cure(values: Sequence[str]) -> str:
    if not all(map(_LONG.fullmatch, values)) and all(map(_PLAIN.fullmatch, values)):
        return "write whole numbers in the data, or set type: FLOAT in the schema"
    for pattern, text in _CURES:
        if all(map(pattern.fullmatch, map(str.strip, values))):
            return text
    return (
        f"fix these values in the data, add them to nulls under [source] if they mean that the "
        f"value is missing (nulls = {_list(values)}), or set type: BYTES in the schema and list "
        "the column under categorical in the features file"
    )


def _label_cure(values: Sequence[str]) -> str:
    if values and all(map(_is_missing, values)):
        return "write 0 or 1 in these rows, or remove them: a row without a label teaches nothing"
    return 'write 0 and 1 in the data, or set positive = "…" in the features file: the value for 1'


def _is_missing(value: str) -> bool:
    return value.strip().lower() in _MISSING


def _null_cure(values: Sequence[str]) -> str:
    return (
        f"set nulls = {_list(values)} under [source] in the settings file, "
        "or leave these cells empty"
    )


def _list(values: Sequence[str]) -> str:
    shown = ", ".join(f'"{value}"' for value in values[:3])
    return f"[{shown}{', …' if len(values) > 3 else ''}]"


_CURES = (
    (
        _LONG,
        "a number of this length has no exact 64-bit form; set type: BYTES in the schema and list "
        "the column under categorical in the features file, or shorten it",
    ),
    (
        _DECIMAL_COMMA,
        'set decimal = "," under [source] in the settings file, '
        "or write a decimal point in the data",
    ),
    (_THOUSANDS, "write the numbers without separators of thousands in the data"),
    (
        _TRUTH,
        "write 1 and 0 in the data, or set type: BYTES in the schema and list the column under "
        "categorical in the features file",
    ),
    (_UNIT, "write numbers without signs and units in the data"),
)
