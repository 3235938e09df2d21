"""Read a Markdown page: commands, code blocks, links, headings and sentences."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import click

from pipeline.cli.app import taxiway

# A code block, also inside a list.
_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[([^\]]*)\]\(([^)]+)\)")
# A heading, a table row, a list item or an empty line ends a paragraph.
_PARAGRAPH_END = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*|#]|\d+\.) ?)")
_LIST_ITEM = re.compile(r"^(?:[-*]|\d+\.) ")


@dataclass(frozen=True)
class Document:
    """A Markdown page.

    Args:
      file: path of the page.
    """

    file: Path

    @property
    def text(self) -> str:
        """The whole page."""
        return self.file.read_text(encoding="utf-8")

    @property
    def prose(self) -> str:
        """The page without its code blocks."""
        return _BLOCK.sub("", self.text)

    def blocks(self, language: str) -> list[str]:
        """Return the code blocks in a language.

        Args:
          language: name after the backticks; "" for output.
        """
        return [text for _, name, text in _BLOCK.findall(self.text) if name == language]

    def commands(self, *programs: str) -> list[list[str]]:
        """Return the arguments of every command in a shell block.

        Args:
          programs: first arguments of the commands to return; default all.
        """
        lines = [
            line
            for block in self.blocks("sh")
            for line in block.replace("\\\n", "").splitlines()
            # A quoted argument of another program may have several lines, which shlex refuses.
            if not programs or line.split(maxsplit=1)[:1] in [[name] for name in programs]
        ]
        return [args for line in lines if (args := shlex.split(line, comments=True))]

    def links(self) -> list[Path]:
        """Return the files that relative links lead to."""
        return [file for file, _ in self.anchored_links() if file != self.file]

    def anchored_links(self) -> list[tuple[Path, str]]:
        """Return the file and the anchor of every relative link; "" for a link without anchor."""
        targets = [target for _, target in _LINK.findall(self.prose) if "://" not in target]
        return [
            (self.file.parent / name if name else self.file, anchor)
            for name, _, anchor in (target.partition("#") for target in targets)
        ]

    def headings(self) -> list[tuple[int, str]]:
        """Return the level and the text of every heading."""
        found = re.findall(r"^(#+) (.+)$", self.prose, re.MULTILINE)
        return [(len(marks), text) for marks, text in found]

    def anchors(self) -> set[str]:
        """Return the anchors that GitHub gives to the headings."""
        return {
            re.sub(r"[^\w\- ]", "", text.lower()).strip().replace(" ", "-")
            for _, text in self.headings()
        }

    def sentences(self) -> list[str]:
        """Return the sentences of the text; table rows and headings are none."""
        text = re.sub(r"`[^`\n]+`", "CODE", _LINK.sub(r"\1", self.prose)).replace("**", "")
        paragraphs = [
            _LIST_ITEM.sub("", " ".join(part.split())) for part in _PARAGRAPH_END.split(text)
        ]
        return [
            sentence
            for paragraph in paragraphs
            if not paragraph.startswith(("|", "#"))
            for sentence in re.split(r"(?<=[.!?])\s+", paragraph)
            if sentence
        ]


def parse(args: list[str]) -> None:
    """Parse the arguments of `taxiway` without running the command.

    Args:
      args: arguments, the program first.

    Raises:
      click.UsageError: a command does not accept its arguments.
    """
    command: click.Command = taxiway
    rest = args[1:]
    # click keeps a command's first help option, so the context must have the group's names of it.
    context = click.Context(command, **command.context_settings)
    while isinstance(command, click.Group):
        _, subcommand, rest = command.resolve_command(context, rest)
        assert subcommand is not None
        command = subcommand
    command.make_context(args[0], list(rest), parent=context)
