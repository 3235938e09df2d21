"""The reference of the command line, from the tree of click commands."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import click

from pipeline.errors import (
    INTERRUPTED,
    DataRefused,
    InfrastructureError,
    NotBlessed,
    TaxiwayError,
    UsageError,
)
from scripts.reference.markdown import code, table
from serving.server.options import described

_ERRORS: tuple[type[TaxiwayError], ...] = (UsageError, DataRefused, NotBlessed, InfrastructureError)
_DEFAULT = re.compile(r"\s*\[default: (.*)\]$", re.DOTALL)
_FORWARDS_FLAGS = "ignore_unknown_options"


def render(group: click.Group) -> str:
    """Return the page of a group: exit codes, then every command with arguments and options.

    Args:
      group: the root of the command line.
    """
    name = group.name or ""
    lines = [
        "# Command-line reference",
        "",
        "`make docs` generates this page from the commands themselves.",
        "",
        "## Exit codes",
        "",
        *table(("code", "meaning"), _exit_codes()),
        "",
        "With `--json`, an error is one JSON object on standard output with the keys `error`, "
        "`next`, `exit_code`, `log_file` and `report`.",
    ]
    for path, command in _commands(group, (name,)):
        # click keeps a command's first help option, so every context has the group's names of it.
        context = click.Context(command, info_name=" ".join(path), **group.context_settings)
        lines += _command(path, command, context)
    return "\n".join(lines) + "\n"


def _exit_codes() -> Iterator[tuple[str, str]]:
    yield "0", "The command succeeded."
    yield "1", "`taxiway schema diff` reports a difference."
    for error in _ERRORS:
        yield str(error.exit_code), inspect.cleandoc(error.__doc__ or "").partition("\n")[0]
    yield str(INTERRUPTED), "The user interrupted the command with Ctrl-C."


def _commands(
    group: click.Group, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in sorted(group.commands.items()):
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from _commands(command, (*path, name))


def _command(path: tuple[str, ...], command: click.Command, context: click.Context) -> list[str]:
    usage = " ".join([*path, *command.collect_usage_pieces(context)])
    lines = ["", f"## {' '.join(path)}", "", inspect.cleandoc(command.help or "")]
    if isinstance(command, click.Group):
        names = sorted(command.commands)
        links = (f"[{' '.join([*path, name])}](#{'-'.join([*path, name])})" for name in names)
        return [*lines, "", f"Commands: {', '.join(links)}."]
    lines += ["", "```", usage, "```"]
    for section in (
        table(("argument", "value", "required"), _arguments(command)),
        table(("option", "value", "default", "description"), _options(command)),
        table(("flag of the server", "default", "description"), _server_flags(command)),
    ):
        lines += ["", *section] if section else []
    return lines


def _arguments(command: click.Command) -> Iterator[tuple[str, str, str]]:
    for parameter in command.params:
        if isinstance(parameter, click.Argument):
            name = (parameter.metavar or parameter.name or "").upper().strip("[]")
            yield code(name), _value(parameter.type), "yes" if parameter.required else "no"


def _options(command: click.Command) -> Iterator[tuple[str, str, str, str]]:
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            text = parameter.help or ""
            stated = _DEFAULT.search(text)
            yield (
                ", ".join(map(code, parameter.opts)),
                "" if parameter.is_flag else _value(parameter.type),
                stated[1] if stated else _default(parameter),
                _DEFAULT.sub("", text),
            )


def _server_flags(command: click.Command) -> Iterator[tuple[str, str, str]]:
    if command.context_settings.get(_FORWARDS_FLAGS):
        for name, text in described().items():
            stated = _DEFAULT.search(text)
            yield code(f"--{name}"), code(stated[1]) if stated else "", _DEFAULT.sub("", text)


def _default(option: click.Option) -> str:
    if option.required:
        return "required"
    if not option.show_default:
        return ""
    return code(str(option.default))


def _value(kind: click.ParamType[Any]) -> str:
    if isinstance(kind, click.Choice):
        return " or ".join(code(str(choice)) for choice in kind.choices)
    if isinstance(kind, click.Path):
        if not kind.file_okay:
            return "folder"
        return "file" if not kind.dir_okay else "path"
    if isinstance(kind, click.IntRange | click.FloatRange):
        return f"{_number(kind)}{_bounds(kind)}"
    return {"text": "text", "integer": "integer", "float": "number"}.get(kind.name, kind.name)


def _number(kind: click.IntRange | click.FloatRange) -> str:
    return "integer" if isinstance(kind, click.IntRange) else "number"


def _bounds(kind: click.IntRange | click.FloatRange) -> str:
    if kind.min is not None and kind.max is not None:
        return f" from {kind.min:g} to {kind.max:g}"
    if kind.min is None:
        return ""
    return f" above {kind.min:g}" if kind.min_open else f" of at least {kind.min:g}"
