"""GitHub's workflows are valid, call the Makefile's targets, and may only read the repository."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.suites import SUITES
from tests import actionlint
from tests.conftest import PROJECT
from tests.documents import parse

_FOLDER = PROJECT / ".github" / "workflows"
_SET_UP = PROJECT / ".github" / "actions" / "set-up" / "action.yml"
_FILES = sorted(_FOLDER.glob("*.yml"))
_NAMES = [file.name for file in _FILES]


def _workflow(name: str) -> dict[Any, Any]:
    return dict(yaml.safe_load((_FOLDER / name).read_text(encoding="utf-8")))


def _jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for name in _NAMES:
        for job_id, job in _workflow(name)["jobs"].items():
            yield f"{name}:{job_id}", job


_JOBS = dict(_jobs())


def _scripts(job: dict[str, Any]) -> str:
    """Return the commands that a job runs, one on a line."""
    return "\n".join(step["run"] for step in job["steps"] if "run" in step)


def _targets(job: dict[str, Any]) -> list[str]:
    return re.findall(r"\bmake ([a-z-]+)", _scripts(job))


@pytest.fixture(scope="module")
def checker() -> Path:
    try:
        return actionlint.program()
    except actionlint.Unavailable as error:
        pytest.skip(str(error))


def _check(checker: Path, project: Path) -> subprocess.CompletedProcess[str]:
    """Check all workflows of a project, without the programs that only some machines have."""
    files = [f".github/workflows/{name}" for name in _NAMES]
    return subprocess.run(
        [checker, "-no-color", "-shellcheck=", "-pyflakes=", *files],
        cwd=project, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_both_workflows_exist() -> None:
    assert _NAMES == ["cd.yml", "ci.yml"]


def test_actionlint_accepts_the_workflows(checker: Path) -> None:
    checked = _check(checker, PROJECT)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("name", "text", "replacement", "reported"),
    [
        ("ci.yml", "runs-on: ubuntu-24.04", "runs_on: ubuntu-24.04", 'unexpected key "runs_on"'),
        ("ci.yml", "packages: maven", "package: maven", 'input "package" is not defined'),
        ("cd.yml", "github.ref_name", "github.tag", 'property "tag" is not defined'),
    ],
)
def test_actionlint_rejects_a_broken_copy(
    name: str, text: str, replacement: str, reported: str, checker: Path, tmp_path: Path
) -> None:
    shutil.copytree(PROJECT / ".github", tmp_path / ".github")
    (tmp_path / ".git").mkdir()  # actionlint reads local actions only inside a repository
    file = tmp_path / ".github" / "workflows" / name
    original = file.read_text(encoding="utf-8")
    assert text in original
    file.write_text(original.replace(text, replacement, 1), encoding="utf-8")
    checked = _check(checker, tmp_path)
    assert checked.returncode == 1
    assert reported in checked.stdout


@pytest.mark.parametrize("job_id", _JOBS)
def test_every_make_command_is_a_target(job_id: str) -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert _targets(_JOBS[job_id])
    assert set(_targets(_JOBS[job_id])) <= targets


def test_ci_runs_what_the_script_runs_and_the_contract() -> None:
    script = (PROJECT / ".ci" / "run").read_text(encoding="utf-8")
    in_script = set(re.findall(r"\bmake ([a-z-]+)$", script, re.MULTILINE))
    in_script.remove("suites")
    in_script |= {suite.command[-1] for suite in SUITES.values()}
    in_jobs = {name: _targets(job) for name, job in _workflow("ci.yml")["jobs"].items()}
    assert in_jobs == {target: [target] for target in (*in_script, "contract")}


def test_ci_installs_what_the_script_installs() -> None:
    """Suites whose programs are missing are skipped, so a shorter list would go unnoticed."""
    script = (PROJECT / ".ci" / "run").read_text(encoding="utf-8")
    in_script = {
        package
        for packages in re.findall(r"missing\+=\(([^)]*)\)", script)
        for package in packages.split()
        if "$" not in package
    }
    in_jobs = {
        package
        for job in _workflow("ci.yml")["jobs"].values()
        for step in job["steps"]
        for package in step.get("with", {}).get("packages", "").split()
    }
    assert in_jobs == in_script


@pytest.mark.parametrize("name", _NAMES)
def test_a_workflow_may_only_read(name: str) -> None:
    workflow = _workflow(name)
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["group"]
    assert not [job for job in workflow["jobs"].values() if "permissions" in job]


@pytest.mark.parametrize("job_id", _JOBS)
def test_a_job_ends_and_keeps_no_token(job_id: str) -> None:
    job = _JOBS[job_id]
    assert 0 < job["timeout-minutes"] <= 240
    [checkout] = [step for step in job["steps"] if "actions/checkout@" in step.get("uses", "")]
    assert checkout["with"]["persist-credentials"] is False


def test_actions_are_github_s_own_at_a_major_version() -> None:
    composite = yaml.safe_load(_SET_UP.read_text(encoding="utf-8"))
    steps = [
        *composite["runs"]["steps"],
        *(step for job in _JOBS.values() for step in job["steps"]),
    ]
    for used in (step["uses"] for step in steps if "uses" in step):
        assert used == "./.github/actions/set-up" or re.fullmatch(r"actions/[a-z-]+@v\d+", used)


@pytest.mark.parametrize("job_id", _JOBS)
def test_secrets_are_in_the_environment_of_a_step_only(job_id: str) -> None:
    job = _JOBS[job_id]
    steps = [{key: value for key, value in step.items() if key != "env"} for step in job["steps"]]
    assert "secrets." not in str({**job, "steps": steps})


@pytest.mark.parametrize("job_id", _JOBS)
def test_a_script_holds_no_expression(job_id: str) -> None:
    """GitHub puts an expression's text into the script, so a tag's name could run as a command."""
    assert "${{" not in _scripts(_JOBS[job_id])


def test_the_commands_of_taxiway_are_accepted() -> None:
    lines = _scripts(_JOBS["cd.yml:submit"]).splitlines()
    commands = [shlex.split(line) for line in lines if line.startswith(".venv/bin/taxiway ")]
    assert [args[1:3] for args in commands] == [["kubeflow", "compile"], ["kubeflow", "submit"]]
    for args in commands:
        parse(args)
