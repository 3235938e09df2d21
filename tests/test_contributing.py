"""The pages and forms for contributors name files, commands and addresses that exist."""

from __future__ import annotations

import importlib.util
import pkgutil
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import PROJECT
from tests.documents import Document

_GITHUB = PROJECT / ".github"
_PAGES = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
_FORMS = ("bug.yml", "feature.yml")
_INPUTS = ("input", "textarea", "dropdown")


def _yaml(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


def _targets() -> set[str]:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


@pytest.mark.parametrize("page", _PAGES)
def test_every_relative_link_resolves(page: str) -> None:
    for link in Document(PROJECT / page).links():
        assert link.exists(), link


@pytest.mark.parametrize("page", _PAGES)
def test_every_path_with_a_folder_exists(page: str) -> None:
    """A name without a folder is one that a contributor chooses."""
    text = Document(PROJECT / page).text
    paths = re.findall(r"`([\w.-]+/(?:[\w.-]+/)*(?:[\w-]+\.\w+)?)`", text)
    assert [path for path in paths if not (PROJECT / path).exists()] == []


@pytest.mark.parametrize("page", [*_PAGES, ".github/pull_request_template.md"])
def test_every_make_command_is_a_target(page: str) -> None:
    text = (PROJECT / page).read_text(encoding="utf-8")
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)) <= _targets()


def test_the_commands_of_the_guide_start_tests_and_modules_that_exist() -> None:
    text = Document(PROJECT / "CONTRIBUTING.md").text
    commands = re.findall(r"^ *\.venv/bin/python -m ([\w.]+)(?: (\S+))?$", text, re.MULTILINE)
    assert {module for module, _ in commands} == {"pytest", "tests.pipeline.kubeflow.packages"}
    for module, test in commands:
        assert importlib.util.find_spec(module)
        file, _, name = test.partition("::")
        assert f"def {name}" in (PROJECT / file).read_text(encoding="utf-8") if file else not test


def test_the_changelog_has_the_headings_of_keep_a_changelog() -> None:
    text = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
    first, *releases = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert first == "Unreleased"
    for release in releases:
        assert re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", release), release
    headings = set(re.findall(r"^### (.+)$", text, re.MULTILINE))
    standard = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert headings <= standard | {"Breaking"}


def _resolves(name: str) -> bool:
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


def test_the_new_names_of_moved_modules_and_functions_can_be_imported() -> None:
    text = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
    _, moves = text.split("| before | now |\n")
    rows = [row.split("|") for row in moves.partition("\n\n")[0].splitlines()]
    names = [name for *_, now, _ in rows for name in re.findall(r"`([\w.]+)`", now)]
    started = re.findall(r"`python -m ([\w.]+)` \(before:", " ".join(text.split()))
    assert started == ["pipeline.kubeflow.container.node", "pipeline.beam.worker_pool"]
    assert len(names) >= len(rows) - 1
    assert [name for name in started if importlib.util.find_spec(name) is None] == []
    assert [name for name in names if not _resolves(name)] == []


def test_make_help_lists_every_target_for_users() -> None:
    shown = subprocess.run(
        ["make", "help"], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout
    listed = set(re.findall(r"^make ([a-z-]+) +\S", shown, re.MULTILINE))
    assert listed == _targets() - {"setup", "setup-dev"}


@pytest.mark.parametrize("name", _FORMS)
def test_an_issue_form_is_one_that_github_reads(name: str) -> None:
    """GitHub shows no form, and no error, where one of these rules is broken."""
    form = _yaml(_GITHUB / "ISSUE_TEMPLATE" / name)
    assert set(form) <= {"name", "description", "title", "labels", "body"}
    assert {"name", "description", "body"} <= set(form)
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    ids = [field["id"] for field in fields]
    labels = [field["attributes"]["label"] for field in fields]
    assert len(set(ids)) == len(ids) and len(set(labels)) == len(labels)
    for field in fields:
        assert field["type"] in _INPUTS
        assert re.fullmatch(r"[\w-]+", field["id"])
        assert set(field.get("validations", {})) <= {"required"}
        assert field["type"] != "dropdown" or field["attributes"]["options"]


def test_a_question_without_a_form_has_an_address() -> None:
    config = _yaml(_GITHUB / "ISSUE_TEMPLATE" / "config.yml")
    assert config["blank_issues_enabled"] is False
    for link in config["contact_links"]:
        assert set(link) == {"name", "url", "about"}
        assert link["url"].startswith("https://")


def _hooks() -> list[dict[str, Any]]:
    [repository] = _yaml(PROJECT / ".pre-commit-config.yaml")["repos"]
    assert repository["repo"] == "local", "so that no hook brings a version of its own"
    return list(repository["hooks"])


@pytest.mark.parametrize("hook", _hooks(), ids=lambda hook: hook["id"])
def test_a_hook_runs_a_program_of_the_project_s_environment(hook: dict[str, Any]) -> None:
    assert hook["language"] == "system"
    program, *_ = shlex.split(hook["entry"])
    assert program.startswith(".venv/bin/")
    assert (PROJECT / program).exists()


def test_the_hooks_run_what_make_check_runs() -> None:
    recipe = subprocess.run(
        ["make", "check", "--dry-run"], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout
    for hook in _hooks():
        assert hook["entry"].removesuffix(" --force-exclude") in recipe
    programs = {line.split()[0] for line in recipe.splitlines() if line.startswith(".venv/bin/")}
    assert programs == {shlex.split(hook["entry"])[0] for hook in _hooks()}
