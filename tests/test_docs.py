"""The pages of docs/ have working links, valid commands and plain language."""

from __future__ import annotations

import ast
import importlib.util
import pkgutil
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import documents
from tests.conftest import PROJECT
from tests.documents import Document
from tests.proof import Proof

_DOCS = PROJECT / "docs"
_README = PROJECT / "README.md"
_KOREAN = PROJECT / "README.ko.md"
_PAGES = [_README, *sorted(_DOCS.rglob("*.md"))]
_GUIDES = [PROJECT / "CONTRIBUTING.md", PROJECT / "SECURITY.md"]
_MAX_WORDS = 25
_MAX_README_LINES = 120


def _name(value: object) -> str:
    if isinstance(value, Path):
        return str(value.relative_to(PROJECT))
    return " ".join(value) if isinstance(value, list) else ""


def _commands() -> Iterator[tuple[Path, list[str]]]:
    for page in _PAGES:
        for args in Document(page).commands("taxiway", ".venv/bin/taxiway"):
            yield page, args


def _make_targets() -> set[str]:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


def test_every_page_is_linked_from_the_index() -> None:
    index = _DOCS / "index.md"
    linked = {file.resolve() for file in Document(index).links()}
    assert {page for page in _PAGES if page not in (index, _README)} - linked == set()
    assert index in {file.resolve() for file in Document(_README).links()}


@pytest.mark.parametrize("page", [*_PAGES, _KOREAN], ids=_name)
def test_every_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    links = Document(page).anchored_links()
    assert [str(file) for file, _ in links if not file.exists()] == []
    anchors = [(file, anchor) for file, anchor in links if anchor]
    assert [link for link in anchors if link[1] not in Document(link[0]).anchors()] == []


@pytest.mark.parametrize(("page", "args"), _commands(), ids=_name)
def test_every_command_of_taxiway_accepts_its_arguments(page: Path, args: list[str]) -> None:
    documents.parse(args)


@pytest.mark.parametrize("page", _PAGES, ids=_name)
def test_every_make_command_is_a_target(page: Path) -> None:
    named = re.findall(r"(?:^|`)make ([a-z-]+)", Document(page).text, re.MULTILINE)
    assert set(named) <= _make_targets()


@pytest.mark.parametrize("page", _PAGES, ids=_name)
def test_every_path_in_the_text_exists(page: Path) -> None:
    tracked = set(_tracked())
    folders = {str(parent) for file in tracked for parent in Path(file).parents}
    tops = {file.split("/")[0] for file in tracked if "/" in file}
    paths = re.findall(r"`([\w.-]+/[\w./-]*)`", Document(page).prose)
    ours = [path.rstrip("/") for path in paths if path.split("/")[0] in tops]
    assert [path for path in ours if path not in tracked | folders] == []


def _tracked() -> list[str]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    return subprocess.run(
        command, cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout.splitlines()


@pytest.mark.parametrize("page", _PAGES, ids=_name)
def test_python_examples_compile_and_import_names_that_exist(page: Path) -> None:
    for code in Document(page).blocks("python"):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom):
                for name in node.names:
                    pkgutil.resolve_name(f"{node.module}.{name.name}")


@pytest.mark.parametrize("page", _PAGES, ids=_name)
def test_every_module_that_a_command_starts_exists(page: Path) -> None:
    modules = [args[2] for args in Document(page).commands("python") if args[1] == "-m"]
    assert [name for name in modules if importlib.util.find_spec(name) is None] == []


@pytest.mark.parametrize("page", [*_PAGES, *_GUIDES], ids=_name)
def test_a_sentence_has_at_most_25_words(page: Path) -> None:
    # The generated reference lists the commands of a group in one line.
    sentences = [text for text in Document(page).sentences() if not text.startswith("Commands:")]
    assert [text for text in sentences if len(text.split()) > _MAX_WORDS] == []


@pytest.mark.parametrize("page", _PAGES, ids=_name)
def test_a_heading_is_a_task_or_a_thing_in_sentence_case(page: Path) -> None:
    first, *rest = Document(page).headings()
    assert first[0] == 1 and all(level > 1 for level, _ in rest)
    for _, text in (first, *rest):
        assert not text.endswith(("?", ".", "!")), text


def test_the_page_of_the_proof_has_the_text_of_its_generator() -> None:
    page = Document(_DOCS / "proof.md").text.split("\n\n")
    title, _, *text, _ = Proof().report().split("\n\n")
    assert [title, *text] == [page[0], *page[2:-1]]


def test_the_readme_is_short() -> None:
    for readme in (_README, _KOREAN):
        assert len(Document(readme).text.splitlines()) <= _MAX_README_LINES


def test_the_korean_readme_has_the_same_commands_headings_and_links() -> None:
    english, korean = Document(_README), Document(_KOREAN)
    for language in ("sh", "console", ""):
        assert _without_comments(korean, language) == _without_comments(english, language)
        assert english.blocks(language)
    assert [level for level, _ in korean.headings()] == [level for level, _ in english.headings()]
    assert set(korean.links()) - {_README} == set(english.links()) - {_KOREAN}
    assert _README in korean.links() and _KOREAN in english.links()


def _without_comments(document: Document, language: str) -> list[list[str]]:
    return [
        [line.split(" # ")[0].rstrip() for line in block.splitlines()]
        for block in document.blocks(language)
    ]


def test_concepts_names_code_that_exists() -> None:
    """`name` in a linked file must be defined or assigned there."""
    page = (_DOCS / "concepts.md").read_text(encoding="utf-8")
    pairs = re.findall(r"`(\w+)` in\s+\[[^\]]+\]\(([^)#]+)\)", page)
    assert len(pairs) >= 4
    missing = [
        f"{name} in {link}"
        for name, link in pairs
        if not re.search(rf"\b{name}\b", (_DOCS / link).read_text(encoding="utf-8"))
    ]
    assert missing == []
