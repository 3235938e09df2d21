"""The reference of the settings file, from its JSON schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from scripts.reference.markdown import code, table

_Schema = Mapping[str, Any]


def render(schema: _Schema) -> str:
    """Return the page of a settings file: every section with its keys.

    Args:
      schema: JSON schema of the settings file.
    """
    lines = [
        "# Settings reference",
        "",
        "`make docs` generates this page from the settings themselves. `taxiway settings` prints "
        "the settings in force, `taxiway settings --schema` the JSON schema of the file. A key "
        "that is left out has its default.",
    ]
    for name, section in _sections("", schema, schema["$defs"]):
        lines += ["", f"## {_heading(name)}"]
        if name and section.get("description"):
            lines += ["", section["description"]]
        rows = list(_keys(section))
        if rows:
            lines += ["", *table(("key", "type", "default", "description"), rows)]
    return "\n".join(lines) + "\n"


def _heading(name: str) -> str:
    if not name:
        return "Top level"
    # TOML writes a list of tables in double brackets.
    return f"`[[{name[:-2]}]]`" if name.endswith("[]") else f"`[{name}]`"


def _sections(name: str, section: _Schema, definitions: _Schema) -> Iterator[tuple[str, _Schema]]:
    yield name, section
    for key, content in section.get("properties", {}).items():
        path = f"{name}.{key}" if name else key
        for reference, suffix in (
            (content, ""),
            (content.get("additionalProperties"), ".NAME"),
            (content.get("items"), "[]"),
        ):
            if isinstance(reference, dict) and "$ref" in reference:
                definition = definitions[reference["$ref"].rpartition("/")[2]]
                yield from _sections(f"{path}{suffix}", definition, definitions)


def _keys(section: _Schema) -> Iterator[tuple[str, str, str, str]]:
    for key, content in section.get("properties", {}).items():
        if "$ref" not in content:
            yield (
                code(key),
                _type(content),
                _default(content),
                str(content.get("description", "")).replace("\n", " "),
            )


def _type(content: _Schema) -> str:
    options = content.get("anyOf", [content])
    return " or ".join(_one_type(option) for option in options if option.get("type") != "null")


def _one_type(content: _Schema) -> str:
    if "$ref" in content:
        return "table"
    if "enum" in content:
        return " or ".join(code(json.dumps(value)) for value in content["enum"])
    kind = str(content.get("type", ""))
    if kind == "array":
        kind, _, bounds = _type(content["items"]).partition(" ")
        return f"list of {kind}s {bounds}".rstrip()
    if kind == "object":
        return "table"
    if content.get("format") == "path":
        return "path"
    return f"{kind}{_bounds(content)}"


def _bounds(content: _Schema) -> str:
    low = content.get("minimum", content.get("exclusiveMinimum"))
    high = content.get("maximum", content.get("exclusiveMaximum"))
    bounds = []
    if low is not None:
        bounds.append(f"{'≥' if 'minimum' in content else '>'} {low:g}")
    if high is not None:
        bounds.append(f"{'≤' if 'maximum' in content else '<'} {high:g}")
    return f" {', '.join(bounds)}" if bounds else ""


def _default(content: _Schema) -> str:
    if "default" not in content:
        return "required"
    value = content["default"]
    return "" if value is None else code(json.dumps(value, ensure_ascii=False))
