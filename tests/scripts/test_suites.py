"""A long suite runs when a file that it tests has changed, and is recorded when it passes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from scripts import suites as long_suites
from scripts.suites import SUITES, Suite
from tests.conftest import PROJECT

_COMMAND = ("sh", "-c", "echo $TAXIWAY_NO_SKIP >>calls; exit $(cat code)")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".ci").mkdir()
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline" / "code.py").write_text("one = 1\n")
    (tmp_path / "README.md").write_text("Read me.\n")
    (tmp_path / "code").write_text("0")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "pipeline", "README.md"], cwd=tmp_path, check=True)
    return tmp_path


@pytest.fixture
def suites() -> dict[str, Suite]:
    return {"long": Suite(_COMMAND, ("pipeline", "tests"))}


def _calls(project: Path) -> int:
    file = project / "calls"
    return len(file.read_text().splitlines()) if file.exists() else 0


def test_a_suite_that_never_passed_runs_and_is_not_recorded(
    project: Path, suites: dict[str, Suite]
) -> None:
    assert long_suites.run_changed(project, suites) == 0
    assert _calls(project) == 1
    assert not (project / ".ci" / "passed.toml").exists()


def test_what_passed_holds_until_a_file_changes(
    project: Path, suites: dict[str, Suite], capsys: pytest.CaptureFixture[str]
) -> None:
    assert long_suites.run_and_record(project, suites) == 0
    (project / "README.md").write_text("Another text.\n")
    (project / "pipeline" / "untracked.log").touch()
    assert long_suites.run_changed(project, suites) == 0
    assert _calls(project) == 1
    said = capsys.readouterr().out
    assert re.search(r"long: passed on \d{4}-\d\d-\d\d, and no file that it tests has", said)
    (project / "pipeline" / "code.py").write_text("one = 2\n")
    assert long_suites.run_changed(project, suites) == 0
    assert _calls(project) == 2


def test_a_renamed_file_is_a_change(project: Path, suites: dict[str, Suite]) -> None:
    before = long_suites.digest(project, suites["long"].paths)
    subprocess.run(["git", "mv", "pipeline/code.py", "pipeline/other.py"], cwd=project, check=True)
    assert long_suites.digest(project, suites["long"].paths) != before


@pytest.mark.parametrize("run", [long_suites.run_changed, long_suites.run_and_record])
def test_a_suite_that_fails_fails_the_run(
    project: Path, suites: dict[str, Suite], run: object
) -> None:
    (project / "code").write_text("3")
    assert callable(run) and run(project, suites) == 3
    assert not (project / ".ci" / "passed.toml").exists()


def test_a_suite_is_not_recorded_when_its_files_changed_meanwhile(
    project: Path, suites: dict[str, Suite]
) -> None:
    command = ("sh", "-c", "echo two = 2 >>pipeline/code.py")
    assert long_suites.run_and_record(project, {"long": Suite(command, suites["long"].paths)}) == 1
    assert not (project / ".ci" / "passed.toml").exists()


def test_nothing_may_be_skipped_in_what_is_recorded(
    project: Path, suites: dict[str, Suite]
) -> None:
    long_suites.run_and_record(project, suites)
    assert (project / "calls").read_text() == "1\n"


@pytest.mark.parametrize("name", sorted(SUITES))
def test_each_path_of_a_suite_has_tracked_files(name: str) -> None:
    for path in SUITES[name].paths:
        listed = subprocess.run(
            ["git", "ls-files", "--", path.removeprefix(":!")],
            cwd=PROJECT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert listed.stdout, path


def test_the_tests_on_clusters_are_among_what_they_hash() -> None:
    files = [
        file.relative_to(PROJECT)
        for file in (PROJECT / "tests").rglob("test_*.py")
        if re.search(r"^(pytestmark = .*|@)pytest\.mark\.cluster", file.read_text(), re.MULTILINE)
    ]
    assert files
    for file in files:
        assert any(file.is_relative_to(path) for path in SUITES["clusters"].paths), file


def test_each_suite_is_a_target_of_make() -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    for suite in SUITES.values():
        program, target = suite.command
        assert program == "make"
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
