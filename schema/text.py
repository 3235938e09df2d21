"""Update the text of a schema file; unchanged parts keep their bytes and comments."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from google.protobuf import text_format
from google.protobuf.message import Message
from tensorflow_metadata.proto.v0 import schema_pb2

_WIDTH = 100
_MARK = "\ufeff"

# A brace in a string or comment is no brace of the schema, so strings and comments are tokens.
_TOKEN = re.compile(r"""#[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|[{}<>]|[^#"'{}<>]+""")
_PLAIN_FIELD = re.compile(r"\s*\w+\s*:\s*[-+\w.]+[,;]?")


@dataclass(frozen=True)
class _Entry:
    """A field of a message.

    Args:
      lead: white space and comments before the field.
      text: text of the field itself.
      trail: comment behind the field in the same line.
      name: name of the field.
      value: value of the field; one of several if the field is repeated.
      key: identity of the field, equal for the same field in another text.
    """

    lead: str
    text: str
    name: str
    value: object
    key: tuple[str, str]
    trail: str = ""


@dataclass(frozen=True)
class SchemaText:
    """The text of a schema file, and how the file encodes it.

    Args:
      content: text without a byte order mark, with line ends of Unix.
      mark: whether the file begins with a byte order mark.
      line_end: line end of the file.
    """

    content: str
    mark: bool = False
    line_end: str = "\n"

    def encode(self, content: str) -> str:
        """Return a text with the mark and the line ends of this file.

        Args:
          content: text with line ends of Unix.
        """
        return (_MARK if self.mark else "") + content.replace("\n", self.line_end)


def read(file: Path) -> SchemaText:
    """Read the text of a schema file.

    Args:
      file: path of the schema file.

    Raises:
      OSError: the file cannot be read.
      ValueError: the file is not UTF-8.
    """
    content = file.read_bytes()
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ValueError("expected UTF-8, got UTF-16; save the file as UTF-8")
    try:
        decoded = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(
            f"line {line}: expected UTF-8, got the byte {content[error.start]:#04x}; "
            "save the file as UTF-8"
        ) from error
    text = decoded.removeprefix(_MARK)
    line_end = "\r\n" if "\r\n" in text else "\r" if "\r" in text and "\n" not in text else "\n"
    return SchemaText(
        text.replace("\r\n", "\n").replace("\r", "\n"), decoded.startswith(_MARK), line_end
    )


def update(text: str, schema: schema_pb2.Schema) -> str:
    """Write a schema into the text of an earlier schema.

    An unchanged field keeps its bytes, its position and the comments before it.

    Args:
      text: text of the earlier schema.
      schema: schema that the new text must parse to.

    Returns:
      The new text.

    Raises:
      ValueError: the earlier text is not a valid schema.
    """
    updated = _update(text, schema, 0)
    if updated and not updated.endswith("\n") and (not text or text.endswith("\n")):
        updated += "\n"
    # If the order of fields has changed, they cannot keep their positions.
    return updated if _parse(updated, schema) == schema else write(schema)


def write(schema: schema_pb2.Schema) -> str:
    """Return the text of a schema; the same schema always gives the same text.

    Args:
      schema: schema to write.
    """
    return "".join(f"{_render(field, value, 0)}\n" for field, value in _fields(schema))


def lines(text: str, schema: schema_pb2.Schema) -> dict[tuple[str, int], int]:
    """Return the line of every field of a schema, by the field's name and index.

    Args:
      text: text of the schema.
      schema: the parsed schema.

    Returns:
      Numbers of lines, counted from 1; without a field whose line is not certain.
    """
    try:
        entries, _ = _split(text, schema_pb2.Schema())
    except ValueError:  # the list syntax `feature [{ … }, { … }]`
        return {}
    by_field: dict[tuple[str, int], int] = {}
    counts: Counter[str] = Counter()
    line = 1
    for entry in entries:
        line += entry.lead.count("\n")
        by_field[entry.name, counts[entry.name]] = line
        counts[entry.name] += 1
        line += (entry.text + entry.trail).count("\n")
    same = all(counts[_name(field)] == len(values) for field, values in schema.ListFields())
    return by_field if same else {}


def _update(text: str, message: Message, depth: int) -> str:
    entries, tail = _split(text, message)
    target = {_key(field, value): (field, value) for field, value in _fields(message)}
    kept = [_updated(entry, *target[entry.key], depth) for entry in entries if entry.key in target]
    before: dict[str, tuple[str, str]] = {}
    keys = [entry.key for entry in kept]
    for key, (field, value) in target.items():
        if key not in keys:
            rendered = _render(field, value, depth)
            new = _Entry("\n", rendered, _name(field), value, key)
            index = _insertion_index(kept, before.get(new.name), new.name, depth)
            kept.insert(index, new)
            keys.insert(index, key)
        before[_name(field)] = key
    written = "".join(entry.lead + entry.text + entry.trail for entry in kept)
    if entries:
        return written + tail
    comments = tail.rstrip()
    return (comments + written if comments else written.removeprefix("\n")) + tail[len(comments) :]


def _insertion_index(
    entries: list[_Entry], before: tuple[str, str] | None, name: str, depth: int
) -> int:
    """Return the index of a new field: after its predecessor, or before all fields of its name."""
    for index, entry in enumerate(entries):
        if before is not None and entry.key == before:
            return index + 1
        if before is None and entry.name == name and (index or depth):
            return index  # above the first field of a file is the comment about the file
    return len(entries)


def _updated(entry: _Entry, field: object, value: object, depth: int) -> _Entry:
    if value == entry.value:
        return entry
    if isinstance(value, Message) and "\n" in entry.text and "{" in entry.text:
        head, inner = entry.text.split("{", 1)
        body = _update(inner.rstrip().removesuffix("}"), value, depth + 1)
        return replace(entry, text=f"{head}{{{body}}}", value=value)
    return replace(entry, text=_render(field, value, depth).lstrip(), value=value)


def _split(text: str, message: Message) -> tuple[list[_Entry], str]:
    """Divide the text of a message into its fields and the rest after the last field."""
    entries: list[_Entry] = []
    lead, body = "", ""
    for piece, complete in _pieces(text):
        if not body and piece.startswith("#") and entries and "\n" not in lead:
            entries[-1] = replace(entries[-1], trail=lead + piece)
            lead = ""
            continue
        if not body and (not piece.strip() or piece.startswith("#")):
            lead += piece
            continue
        if not body:
            stripped = piece.lstrip()
            lead, piece = lead + piece[: len(piece) - len(stripped)], stripped
        body += piece
        if complete:
            [(field, value)] = _fields(_parse(body, message))
            entries.append(_Entry(lead, body, _name(field), value, _key(field, value)))
            lead, body = "", ""
    if body:
        raise ValueError(f"the schema's text ends within {body[:60]!r}")
    return entries, lead


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Yield pieces of text, and whether a field ends with the piece."""
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
    """Divide text between braces and strings: `type: INT` is a complete field, `feature` is not."""
    start = 0
    for match in _PLAIN_FIELD.finditer(token):
        yield token[start : match.start()], False
        yield match.group(), True
        start = match.end()
    yield token[start:], False


def _parse(text: str, like: Message) -> Message:
    try:
        return text_format.Parse(text, type(like)())
    except text_format.ParseError as error:
        raise ValueError(str(error)) from error


def _fields(message: Message) -> Iterator[tuple[object, object]]:
    for field, value in message.ListFields():
        for item in value if _repeated(field) else [value]:
            yield field, item


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
    if not line:
        return f"{indent}{name} {{ }}"
    if depth and len(indent) + len(name) + len(line) + 5 <= _WIDTH:
        return f"{indent}{name} {{ {line} }}"
    lines = [_render(*item, depth + 1) for item in _fields(value)]
    return "\n".join([f"{indent}{name} {{", *lines, f"{indent}}}"])


def _plain_text(field: object, value: object) -> str:
    """Return the text of a field that is not a message."""
    message: Message = field.containing_type._concrete_class()  # type: ignore[attr-defined]
    if _repeated(field):
        getattr(message, _name(field)).append(value)
    else:
        setattr(message, _name(field), value)
    return text_format.MessageToString(message, as_utf8=True).strip()


def _name(field: object) -> str:
    return str(field.name)  # type: ignore[attr-defined]


def _repeated(field: object) -> bool:
    # Older releases of protobuf have only the label; newer releases warn about it.
    repeated = getattr(field, "is_repeated", None)
    if repeated is not None:
        return bool(repeated)
    return bool(field.label == field.LABEL_REPEATED)  # type: ignore[attr-defined]
