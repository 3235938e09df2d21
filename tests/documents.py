"""What a document tells to type, and what it links to."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import click

from pipeline.cli.app import taxiway


@dataclass(frozen=True)
class Document:
    """A file of docs/.

    Args:
      file: its path.
    """

    file: Path

    @property
    def text(self) -> str:
        """Return all of it."""
        return self.file.read_text(encoding="utf-8")

    def blocks(self, language: str) -> list[str]:
        """Return the blocks of code in a language; empty for what is printed."""
        found = re.findall(r"^```(\w*)\n(.*?)^```$", self.text, re.DOTALL | re.MULTILINE)
        return [text for name, text in found if name == language]

    def commands(self, *programs: str) -> list[list[str]]:
        """Return the words of each line to type; with programs, of those that begin with one."""
        lines = [
            shlex.split(line, comments=True)
            for block in self.blocks("sh")
            for line in block.replace("\\\n", "").splitlines()
        ]
        return [words for words in lines if words and (not programs or words[0] in programs)]

    def links(self) -> list[Path]:
        """Return the files that it links to."""
        return [
            self.file.parent / name for name in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", self.text)
        ]


def parse(words: list[str]) -> None:
    """Let a command of taxiway read its words, without doing what they say.

    Raises:
      click.UsageError: it does not take them.
    """
    command: click.Command = taxiway
    rest = words[1:]
    context = click.Context(command)
    while isinstance(command, click.Group):
        _, found, rest = command.resolve_command(context, rest)
        assert found is not None
        command = found
    command.make_context(words[0], list(rest))
