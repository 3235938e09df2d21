"""KFP's backend accepts the package and compiles it to an Argo Workflow with every task."""

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
    """Build a program from KFP's code, in KFP's module, which locks its dependencies."""
    if _SOURCE not in os.environ:
        pytest.skip(f"{_SOURCE} does not name a checkout of github.com/kubeflow/pipelines")
    if shutil.which("go") is None:
        pytest.skip("Go, which compiles KFP, is not installed")
    folder = tmp_path_factory.mktemp("backend")
    # An overlay adds main.go for the compiler only, so the checkout does not change.
    package_path = "backend/src/taxiway"
    overlay = {"Replace": {str(Path(os.environ[_SOURCE], package_path, "main.go")): str(_MAIN)}}
    (folder / "overlay.json").write_text(json.dumps(overlay))
    program = folder / "backend"
    built = subprocess.run(
        ["go", "build", "-overlay", folder / "overlay.json", "-o", program, f"./{package_path}"],
        cwd=os.environ[_SOURCE], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    return program


def _compile(backend: Path, file: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([backend, file], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_kfp_compiles_a_workflow_with_every_task(
    backend: Path, package: Package, tmp_path: Path
) -> None:
    file = tmp_path / "package.yaml"
    file.write_text(package.to_yaml())
    done = _compile(backend, file)
    assert done.returncode == 0, done.stderr
    workflow = json.loads(done.stdout)
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
    ("change", "message"),
    [
        ({"schemaVersion": "2.0.0"}, "2.0.0"),
        ({"pipelineInfo": {"name": "FLIGHTS"}}, "name should consist of lower case"),
        ({"deploymentSpec": {"executors": {}}}, "exec-"),
    ],
)
def test_kfp_refuses_what_the_check_refuses(
    change: dict[str, Any], message: str, backend: Path, package: Package, tmp_path: Path
) -> None:
    changed = Package(package.pipeline | change, package.platform)
    assert check.find_problems(changed)
    file = tmp_path / "package.yaml"
    file.write_text(yaml.safe_dump_all([changed.pipeline, changed.platform]))
    done = _compile(backend, file)
    assert done.returncode == 1
    assert message in done.stderr
