"""Print settings as a settings file or as a JSON schema."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pipeline.settings.sections import Settings


def json_schema() -> str:
    """Return the JSON schema of a settings file."""
    return json.dumps(Settings.model_json_schema(), indent=2)


def as_toml(settings: Settings) -> str:
    """Return settings as the text of a settings file, each with its description.

    Args:
      settings: settings to print.
    """
    return (
        "# All settings in force, as a settings file. A key that is left out has its default.\n"
        + "".join(_section(settings, ""))
    )


def _section(settings: BaseModel, name: str) -> Iterator[str]:
    if name:
        lines = inspect.cleandoc(settings.__doc__ or "").splitlines()
        yield "\n" + "".join(f"# {line}\n" for line in lines if line) + f"[{name}]\n"
    nested = []
    for key, field in type(settings).model_fields.items():
        value = getattr(settings, key)
        if isinstance(value, BaseModel):
            nested.append((key, value))
            continue
        yield f"# {field.description}\n" if field.description else ""
        yield f"# {key} =\n" if value is None else f"{key} = {_as_toml_value(value)}\n"
    for key, section in nested:
        yield from _section(section, f"{name}.{key}" if name else key)


def _as_toml_value(value: Any) -> str:
    if isinstance(value, BaseModel):
        return _as_toml_value(value.model_dump(mode="json", exclude_unset=True))
    if isinstance(value, dict):
        pairs = (f"{json.dumps(key)} = {_as_toml_value(item)}" for key, item in value.items())
        return f"{{ {', '.join(pairs)} }}" if value else "{}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_as_toml_value, value))}]"
    # JSON's strings, numbers and booleans are TOML's too.
    return json.dumps(str(value) if isinstance(value, Path) else value)
