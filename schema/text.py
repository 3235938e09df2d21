"""A schema file as text: what changes is written anew, all else keeps its bytes and comments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from google.protobuf import text_format
from google.protobuf.message import Message
from tensorflow_metadata.proto.v0 import schema_pb2

_WIDTH = 100

# Strings and comments are taken whole: a brace in them opens nothing.
_TOKEN = re.compile(r"""#[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|[{}<>]|[^#"'{}<>]+""")
_PLAIN_FIELD = re.compile(r"\s*\w+\s*:\s*[-+\w.]+[,;]?")


@dataclass(frozen=True)
class _Entry:
    """A field of a message.

    Args:
      lead: blank space and comments before it.
      text: the field itself.
      name: of the field.
      value: its value, one of several when it is repeated.
      key: what makes it the same field in another text.
    """

    lead: str
    text: str
    name: str
    value: object
    key: tuple[str, str]


def update(text: str, schema: schema_pb2.Schema) -> str:
    """Write a schema into the text of an earlier one.

    What is the same keeps its bytes, its place and the comments before it.

    Args:
      text: of the earlier schema.
      schema: what the text shall say.

    Returns:
      The text, which parses to the schema.

    Raises:
      ValueError: the earlier text is no schema.
    """
    updated = _update(text, schema, 0)
    if updated and not updated.endswith("\n") and (not text or text.endswith("\n")):
        updated += "\n"
    # Fields that stand in another order than before have no place to keep.
    return updated if _parse(updated, schema) == schema else write(schema)


def write(schema: schema_pb2.Schema) -> str:
    """Return the text of a schema; the same schema always gives the same text."""
    return "".join(f"{_render(*each, 0)}\n" for each in _fields(schema))


def _update(text: str, message: Message, depth: int) -> str:
    entries, tail = _split(text, message)
    wanted = {_key(field, value): (field, value) for field, value in _fields(message)}
    found = [entry for entry in entries if entry.key in wanted]
    found = [_updated(entry, *wanted[entry.key], depth) for entry in found]
    before: dict[str, tuple[str, str]] = {}
    keys = [entry.key for entry in found]
    for key, (field, value) in wanted.items():
        if key not in keys:
            rendered = _render(field, value, depth)
            new = _Entry("\n", rendered, _name(field), value, key)
            place = _place(found, before.get(new.name), new.name)
            found.insert(place, new)
            keys.insert(place, key)
        before[_name(field)] = key
    written = "".join(entry.lead + entry.text for entry in found)
    return written.removeprefix("\n") + tail if not entries else written + tail


def _place(found: list[_Entry], before: tuple[str, str] | None, name: str) -> int:
    """Return where a new field goes: after the one before it, or ahead of all of its name."""
    for place, entry in enumerate(found):
        if before is not None and entry.key == before:
            return place + 1
        if before is None and entry.name == name and place:
            return place
    return len(found)


def _updated(entry: _Entry, field: object, value: object, depth: int) -> _Entry:
    if value == entry.value:
        return entry
    if isinstance(value, Message) and "\n" in entry.text:
        head, inner = entry.text.split("{", 1)
        body = _update(inner.rstrip().removesuffix("}"), value, depth + 1)
        return replace(entry, text=f"{head}{{{body}}}", value=value)
    return replace(entry, text=_render(field, value, depth).lstrip(), value=value)


def _split(text: str, message: Message) -> tuple[list[_Entry], str]:
    """Divide the text of a message into its fields, and what is left at the end."""
    entries: list[_Entry] = []
    lead, found = "", ""
    for piece, complete in _pieces(text):
        if not found and (not piece.strip() or piece.startswith("#")):
            lead += piece
            continue
        if not found:
            stripped = piece.lstrip()
            lead, piece = lead + piece[: len(piece) - len(stripped)], stripped
        found += piece
        if complete:
            [(field, value)] = _fields(_parse(found, message))
            entries.append(_Entry(lead, found, _name(field), value, _key(field, value)))
            lead, found = "", ""
    if found:
        raise ValueError(f"the schema's text ends within {found[:60]!r}")
    return entries, lead


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Yield pieces of text, and whether a field ends with each."""
    depth = 0
    for token in _TOKEN.findall(text):
        if token in ("{", "<"):
            depth += 1
            yield token, False
        elif token in ("}", ">"):
            depth -= 1
            yield token, depth == 0
        elif depth or token[0] == "#":
            yield token, False
        elif token[0] in "\"'":
            yield token, True
        else:
            yield from _plain(token)


def _plain(token: str) -> Iterator[tuple[str, bool]]:
    """Divide text between braces and strings: `type: INT` is whole, `feature` is not."""
    at = 0
    for match in _PLAIN_FIELD.finditer(token):
        yield token[at : match.start()], False
        yield match.group(), True
        at = match.end()
    yield token[at:], False


def _parse(text: str, like: Message) -> Message:
    try:
        return text_format.Parse(text, type(like)())
    except text_format.ParseError as error:
        raise ValueError(str(error)) from error


def _fields(message: Message) -> Iterator[tuple[object, object]]:
    for field, value in message.ListFields():
        for each in value if _repeated(field) else [value]:
            yield field, each


def _key(field: object, value: object) -> tuple[str, str]:
    if not _repeated(field):
        return _name(field), ""
    name = getattr(value, "name", None)
    return _name(field), name if isinstance(name, str) else repr(value)


def _render(field: object, value: object, depth: int) -> str:
    indent, name = "  " * depth, _name(field)
    if not isinstance(value, Message):
        return indent + _plain_text(field, value)
    line = text_format.MessageToString(value, as_one_line=True, as_utf8=True)
    if depth and len(indent) + len(name) + len(line) + 5 <= _WIDTH:
        return f"{indent}{name} {{ {line} }}"
    lines = [_render(*each, depth + 1) for each in _fields(value)]
    return "\n".join([f"{indent}{name} {{", *lines, f"{indent}}}"])


def _plain_text(field: object, value: object) -> str:
    """Return a field that is no message as text."""
    message: Message = field.containing_type._concrete_class()  # type: ignore[attr-defined]
    if _repeated(field):
        getattr(message, _name(field)).append(value)
    else:
        setattr(message, _name(field), value)
    return text_format.MessageToString(message, as_utf8=True).strip()


def _name(field: object) -> str:
    return str(field.name)  # type: ignore[attr-defined]


def _repeated(field: object) -> bool:
    # Older releases of protobuf have only the label, newer ones warn of it.
    found = getattr(field, "is_repeated", None)
    if found is not None:
        return bool(found)
    return bool(field.label == field.LABEL_REPEATED)  # type: ignore[attr-defined]
