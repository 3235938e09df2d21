"""The language of the repository: plain words, standard names, and complete docstrings."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import PROJECT

_SOURCE = ("pipeline", "models", "schema", "serving", "scripts")

# As names they hide what a value is; as words of a sentence "known" and "each" are fine.
_BANNED_NAMES = frozenset({"found", "known", "place", "words", "each"})
_BANNED_TEXT = re.compile(
    r"\b(somebody|whoever|nobody|a person|wanted|gone on|go on from|holds? to|the house|"
    r"in our words)\b|\b(file|value|row|column|setting|it|which|that|there)s? (lies|stands)\b",
    re.IGNORECASE,
)
# Documents with a text of their own, or that quote a banned word as what to avoid.
_EXEMPT = {
    "LICENSE", "NOTICE", "CHANGELOG.md", "tests/test_language.py",
}  # fmt: skip
_PAGES = (".md", ".toml", ".yaml", ".yml", ".html", ".sh", ".sql", ".pbtxt")

# Methods whose names and meaning are those of a library.
_INHERITED = re.compile(r"^(__\w+__|visit_\w+|Do|setup|process|teardown|error)$")


@cache
def _tracked() -> tuple[Path, ...]:
    files = subprocess.run(
        ["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    return tuple(PROJECT / name for name in files if name and (PROJECT / name).is_file())


def _python(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    for file in _tracked():
        name = str(file.relative_to(PROJECT))
        if file.suffix == ".py" and ("/" not in name or name.startswith(folders)):
            yield name, ast.parse(file.read_text(encoding="utf-8"))


def _defined_names(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.alias) and node.asname:
            yield node.lineno, node.asname


def test_names_say_what_a_value_is() -> None:
    banned = [
        f"{file}:{line} {name}"
        for file, tree in _python(*(f"{folder}/" for folder in _SOURCE))
        for line, name in _defined_names(tree)
        if name.lstrip("_") in _BANNED_NAMES
    ]
    assert banned == []


def _text_lines(file: Path) -> Iterator[tuple[int, str]]:
    if file.suffix in (".py", *_PAGES) or file.name in ("Makefile", "Dockerfile"):
        yield from enumerate(file.read_text(encoding="utf-8").splitlines(), 1)


def test_texts_use_plain_words() -> None:
    banned = [
        f"{name}:{number} {match.group(0)}"
        for file in _tracked()
        if (name := str(file.relative_to(PROJECT))) not in _EXEMPT
        and not name.startswith(("tests/data/", "tests/pipeline/kubeflow/newest"))
        for number, line in _text_lines(file)
        for match in _BANNED_TEXT.finditer(line)
    ]
    assert banned == []


def _public_functions(
    tree: ast.Module,
) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, bool]]:
    """Yield the public functions and methods of a module, and whether each is a method."""

    def walk(
        body: list[ast.stmt], method: bool
    ) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, bool]]:
        for node in body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield from walk(node.body, True)
            elif (
                isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                and not node.name.startswith("_")
                and not _INHERITED.match(node.name)
            ):
                yield node, method

    yield from walk(tree.body, False)


def _decorators(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    return " ".join(ast.unparse(decorator) for decorator in node.decorator_list)


def _is_command(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Return whether the docstring is the help text of a command."""
    return bool(re.search(r"\.(command|group)\b|_option\b", _decorators(node)))


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef, method: bool) -> list[str]:
    arguments = node.args
    names = [
        argument.arg
        for argument in (
            *arguments.posonlyargs,
            *arguments.args,
            *([arguments.vararg] if arguments.vararg else []),
            *arguments.kwonlyargs,
            *([arguments.kwarg] if arguments.kwarg else []),
        )
    ]
    static = "staticmethod" in _decorators(node)
    return names[1:] if method and not static else names


# A first line such as "The model of a run" describes; "Return the model of a run" commands.
_NOT_IMPERATIVE = re.compile(r"^(The|A|An|This|What|How|Where|Whether|Which|It|Its|\w+s)\b")
_IMPERATIVE_WITH_S = frozenset({"Pass", "Process", "Express", "Compress", "Focus", "Press"})


@pytest.mark.parametrize("folder", _SOURCE)
def test_public_functions_have_complete_docstrings(folder: str) -> None:
    problems = []
    for file, tree in _python(f"{folder}/"):
        for node, method in _public_functions(tree):
            docstring = ast.get_docstring(node)
            location = f"{file}:{node.lineno} {node.name}"
            if docstring is None:
                problems.append(f"{location}: no docstring")
                continue
            first = docstring.split("\n", 1)[0]
            is_property = "property" in _decorators(node)
            first_word = first.split()[0]
            if (
                not is_property
                and _NOT_IMPERATIVE.match(first)
                and first_word not in _IMPERATIVE_WITH_S
            ):
                problems.append(f"{location}: not imperative: {first}")
            if _is_command(node):
                continue
            missing = [
                name
                for name in _parameters(node, method)
                if not re.search(rf"^ +\*{{0,2}}{re.escape(name)}: ", docstring, re.MULTILINE)
            ]
            if missing and not is_property:
                problems.append(f"{location}: Args without {', '.join(missing)}")
    assert problems == []


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("pipeline/pipeline.py", ["create_pipeline"]),
        ("pipeline/settings/sections.py", ["Settings"]),
        ("models/features.py", ["Features"]),
        ("serving/store/publish.py", ["publish"]),
        ("serving/store/aliases.py", ["promote"]),
        ("serving/client/client.py", ["Client"]),
    ],
)
def test_entry_points_carry_an_example(file: str, names: list[str]) -> None:
    """A reader calls these first."""
    tree = ast.parse((PROJECT / file).read_text(encoding="utf-8"))
    defined = {
        node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    for name in names:
        assert "Example:" in (ast.get_docstring(defined[name]) or ""), name
    if "Client" in names:
        methods = [
            method
            for method in defined["Client"].body
            if isinstance(method, ast.FunctionDef) and not method.name.startswith("_")
        ]
        without = [
            method.name
            for method in methods
            if "property" not in _decorators(method)
            and "Example:" not in (ast.get_docstring(method) or "")
        ]
        assert without == []
