"""The committed reference pages are what the commands and the settings generate."""

from __future__ import annotations

import click
import pytest

from pipeline.cli.app import taxiway
from scripts.reference import command_line, settings
from scripts.reference.markdown import table
from scripts.reference.pages import FOLDER, pages


@pytest.mark.parametrize("name", sorted(pages()))
def test_the_committed_page_is_up_to_date(name: str) -> None:
    committed = (FOLDER / name).read_text(encoding="utf-8")
    assert committed == pages()[name], "run `make docs`"


def test_the_folder_holds_the_generated_pages_only() -> None:
    assert {file.name for file in FOLDER.iterdir()} == set(pages())


def test_every_command_option_and_argument_is_on_the_page() -> None:
    sections = pages()["cli.md"].split("\n## ")
    texts = {heading.partition("\n")[0]: heading for heading in sections}

    def check(command: click.Command, name: str) -> None:
        for parameter in command.params:
            for text in parameter.opts:
                shown = text if text.startswith("-") else (parameter.metavar or text.upper())
                assert shown.strip("[]").replace("|", r"\|") in texts[name], (name, text)
        for child, below in getattr(command, "commands", {}).items():
            check(below, f"{name} {child}")

    for name, command in taxiway.commands.items():
        check(command, f"taxiway {name}")


def test_a_command_is_shown_with_its_values_and_defaults() -> None:
    @click.group("tool")
    def tool() -> None:
        """A tool."""

    @tool.command()
    @click.argument("file", required=False)
    @click.option("--count", type=click.IntRange(1), help="Number of files.  [default: all]")
    @click.option("--mode", type=click.Choice(["a", "b"]), default="a", show_default=True)
    @click.option("--force", is_flag=True, help="Continue.")
    def copy() -> None:
        """Copy files."""

    page = command_line.render(tool)
    assert "## tool copy\n\nCopy files.\n\n```\ntool copy [OPTIONS] [FILE]\n```\n" in page
    assert "| `FILE` | text | no |" in page
    assert "| `--count` | integer of at least 1 | all | Number of files. |" in page
    assert "| `--mode` | `a` or `b` | `a` |  |" in page
    assert "| `--force` |  |  | Continue. |" in page


def test_a_section_is_shown_with_types_and_defaults() -> None:
    section = {
        "description": "How to train.",
        "properties": {
            "epochs": {"type": "integer", "minimum": 1, "default": 6, "description": "number"},
            "file": {"anyOf": [{"type": "string", "format": "path"}, {"type": "null"}],
                     "default": None},
            "units": {"type": "array", "items": {"type": "integer", "minimum": 1}, "default": [8]},
        },
    }  # fmt: skip
    schema = {
        "$defs": {"Train": section},
        "properties": {"train": {"$ref": "#/$defs/Train"}, "name": {"type": "string"}},
    }
    page = settings.render(schema)
    assert "## Top level\n\n| key | type | default | description |" in page
    assert "| `name` | string | required |  |" in page
    assert "## `[train]`\n\nHow to train.\n" in page
    assert "| `epochs` | integer ≥ 1 | `6` | number |" in page
    assert "| `file` | path |  |  |" in page
    assert "| `units` | list of integers ≥ 1 | `[8]` |  |" in page


def test_a_cell_keeps_its_column() -> None:
    assert table(("a",), [("x|y\nz",)]) == ["| a |", "| --- |", r"| x\|y z |"]
    assert table(("a",), []) == []
