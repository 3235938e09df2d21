"""Render the files of a new project."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

_MAX_LINE = 100


def render(template: str, values: dict[str, Any]) -> str:
    """Return the text of a file.

    Args:
      template: name of the template, which is that of the file.
      values: values by name.
    """
    environment = Environment(
        loader=PackageLoader("pipeline", "project/scaffold/templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters.update(
        toml=_toml,
        line=lambda text: " ".join(str(text).split()),
        count=lambda number: f"{number:,}",
        share=lambda number: f"{number:.1%}",
    )
    return environment.get_template(template).render(values)


def workflow(template: str) -> str:
    """Return the text of a workflow, which has no values.

    Args:
      template: name of the template.
    """
    return (resources.files(__package__) / "templates" / template).read_text("utf-8")


def own_code() -> dict[str, str]:
    """Return the modules of the package with code to edit, by file name."""
    folder = resources.files("pipeline.project.template")
    modules = [file for file in folder.iterdir() if file.name.endswith(".py")]
    return {file.name: file.read_text("utf-8") for file in modules}


def _toml(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        items = [_toml(item) for item in value]
        line = f"[{', '.join(items)}]"
        return line if len(line) <= _MAX_LINE - 20 else "[\n" + _wrapped(items) + "]"
    # JSON's strings, numbers and booleans are TOML's too; DEL is the one exception.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _wrapped(items: list[str]) -> str:
    lines, line = [], " "
    for item in items:
        if len(line) + len(item) + 2 > _MAX_LINE and line.strip():
            lines.append(line)
            line = " "
        line += f" {item},"
    return "\n".join([*lines, line]) + "\n"
