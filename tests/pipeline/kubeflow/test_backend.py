"""KFP's own backend takes the package, and makes an Argo Workflow of it that has every task."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.kubeflow.compiler import check
from pipeline.kubeflow.compiler.package import Package

_MAIN = Path(__file__).with_name("backend") / "main.go"
_SOURCE = "KFP_SOURCE"


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program of KFP's own code, built in its module, where all it needs is locked."""
    if _SOURCE not in os.environ:
        pytest.skip(f"{_SOURCE} does not name a checkout of github.com/kubeflow/pipelines")
    if shutil.which("go") is None:
        pytest.skip("Go is not installed, in which KFP is written")
    folder = tmp_path_factory.mktemp("backend")
    # The checkout stays as it is: only the compiler believes that our file is in it.
    place = "backend/src/taxiway"
    overlay = {"Replace": {str(Path(os.environ[_SOURCE], place, "main.go")): str(_MAIN)}}
    (folder / "overlay.json").write_text(json.dumps(overlay))
    program = folder / "backend"
    built = subprocess.run(
        ["go", "build", "-overlay", folder / "overlay.json", "-o", program, f"./{place}"],
        cwd=os.environ[_SOURCE], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    return program


def _take(backend: Path, file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([backend, file], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_kfp_makes_a_workflow_of_every_task(
    backend: Path, package: Package, tmp_path: Path
) -> None:
    file = tmp_path / "package.yaml"
    file.write_text(package.to_yaml())
    taken = _take(backend, file)
    assert taken.returncode == 0, taken.stderr
    workflow = json.loads(taken.stdout)
    assert (workflow["apiVersion"], workflow["kind"]) == ("argoproj.io/v1alpha1", "Workflow")
    dags = {
        template["name"]: {task["name"] for task in template["dag"]["tasks"]}
        for template in workflow["spec"]["templates"]
        if "dag" in template
    }
    tasks = set(package.pipeline["components"]["comp-pipeline"]["dag"]["tasks"])
    assert dags["comp-pipeline"] == tasks | {f"{task}-driver" for task in tasks}
    assert dags["exit-hook-root-record"] == {"record", "record-driver"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"schemaVersion": "2.0.0"}, "2.0.0"),
        ({"pipelineInfo": {"name": "FLIGHTS"}}, "name should consist of lower case"),
        ({"deploymentSpec": {"executors": {}}}, "exec-"),
    ],
)
def test_kfp_refuses_what_the_static_check_refuses(
    change: dict[str, Any], says: str, backend: Path, package: Package, tmp_path: Path
) -> None:
    changed = Package(package.pipeline | change, package.platform)
    assert check.problems(changed)
    file = tmp_path / "package.yaml"
    file.write_text(yaml.safe_dump_all([changed.pipeline, changed.platform]))
    taken = _take(backend, file)
    assert taken.returncode == 1
    assert says in taken.stderr
