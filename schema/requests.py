"""Read rows from files and from requests of TensorFlow Serving's REST API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from schema.rows import Row

SUFFIXES = (".json", ".jsonl", ".ndjson")


def load_rows(file: Path) -> Iterator[Row]:
    """Read a file of JSON rows, as in a request or one a line.

    Args:
      file: path that ends in one of `SUFFIXES`.

    Yields:
      Values by column.

    Raises:
      ValueError: the file is malformed.
      OSError: the file cannot be read.
    """
    if file.suffix.lower() == ".json":
        yield from parse_rows(file.read_text(encoding="utf-8"), str(file))
        return
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield from parse_rows(line, f"{file}: line {number}")


def parse_rows(text: str, source: str = "the request") -> list[Row]:
    """Read the rows of a request.

    Args:
      text: JSON text: one row as an object, a list of rows, or `instances` or `inputs` of
        TensorFlow Serving.
      source: origin of the text, for the message of an error; default `the request`.

    Returns:
      Values by column.

    Raises:
      ValueError: the text has another form.
    """
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{source} is not JSON: {error}") from error
    if isinstance(content, dict) and isinstance(content.get("instances"), list):
        content = content["instances"]
    elif isinstance(content, dict) and isinstance(content.get("inputs"), dict):
        content = _column_rows(content["inputs"], source)
    rows = content if isinstance(content, list) else [content]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise ValueError(
            f'{source} holds no rows; write {{"column": value, ...}} or '
            '{"instances": [{"column": value, ...}, ...]}'
        )
    return rows


def _column_rows(inputs: dict[str, Any], source: str) -> list[Row]:
    lengths = {len(values) if isinstance(values, list) else -1 for values in inputs.values()}
    if len(lengths) != 1 or -1 in lengths:
        raise ValueError(f"{source}: all inputs must be lists of the same length")
    return [dict(zip(inputs, values)) for values in zip(*inputs.values())]
