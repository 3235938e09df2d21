"""The patch, the plot and the figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from serving.sizing.results import files
from serving.sizing.results.patch import CONTAINER, patch
from serving.sizing.results.result import Sizing
from tests.conftest import PROJECT
from tests.serving.sizing.measured import cell, sizing


def _parsed(result: Sizing) -> list[Any]:
    text = patch(result)
    assert text is not None
    return list(yaml.safe_load_all(text))


def test_a_pod_gets_what_was_measured() -> None:
    deployment, scaler = _parsed(sizing())
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    assert container["resources"] == {
        "requests": {"cpu": "750m", "memory": "960Mi"},
        "limits": {"memory": "960Mi"},
    }
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (5, 10)
    [metric] = scaler["spec"]["metrics"]
    assert metric["resource"]["target"] == {"type": "Utilization", "averageUtilization": 70}


def test_the_patch_names_what_the_manifests_name() -> None:
    base = PROJECT / "serving/k8s/base"
    [deployment] = yaml.safe_load_all((base / "deployment.yaml").read_text())
    scaler = next(yaml.safe_load_all((base / "scaling.yaml").read_text()))
    for patched, fields in zip(_parsed(sizing()), (deployment, scaler)):
        for key in ("apiVersion", "kind"):
            assert patched[key] == fields[key]
        assert patched["metadata"]["name"] == fields["metadata"]["name"]
    names = [item["name"] for item in deployment["spec"]["template"]["spec"]["containers"]]
    assert names == [CONTAINER]


def test_each_figure_has_its_reason() -> None:
    text = patch(sizing())
    assert text is not None
    for reason in (
        "cpu: 750m  # it keeps 0.73 busy at 6,000 rows/s",
        "# 700 Mi while two versions were loaded, 60 Mi for the one that was stable before",
        "minReplicas: 5  # 5 for 20,000 rows/s at 4,200 each, two at least",
        "# Server (CPU 0) and load generator (CPU 1) share this machine.",
    ):
        assert reason in text


def test_the_autoscaler_acts_before_a_replica_is_at_its_end() -> None:
    result = sizing()
    assert result.recommendation is not None
    held = result.recommendation.steady
    busy = held.model_copy(update={"measured": held.measured.model_copy(update={"cpu_ms": 1.3})})
    more = result.recommendation.model_copy(update={"steady": busy})
    result = result.model_copy(update={"recommendation": more})
    _, scaler = _parsed(result)
    [metric] = scaler["spec"]["metrics"]
    assert metric["resource"]["target"]["averageUtilization"] == 80
    assert "# 91 at 4,200 rows/s, 30% below the capacity, but too near 100" in str(patch(result))


def test_without_a_required_rate_the_number_of_replicas_stays() -> None:
    result = sizing()
    assert result.recommendation is not None
    less = result.recommendation.model_copy(update={"replicas": None})
    _, scaler = _parsed(result.model_copy(update={"recommendation": less}))
    assert scaler["spec"].keys() == {"metrics"}


def test_of_an_unknown_process_no_pod_is_sized() -> None:
    result = sizing(memory=None)
    assert result.recommendation is not None
    less = result.recommendation.model_copy(update={"cpus": None})
    [scaler] = _parsed(result.model_copy(update={"recommendation": less}))
    assert scaler["spec"].keys() == {"minReplicas", "maxReplicas"}


@pytest.mark.parametrize("fields", [{"recommendation": None}, {"refused": ("a reason",)}])
def test_a_refused_sizing_leaves_no_patch(fields: dict[str, Any], tmp_path: Path) -> None:
    files.write(sizing(), tmp_path)
    assert (tmp_path / "resources.yaml").exists()
    written = files.write(sizing(**fields), tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(written)
    assert [file.name for file in written] == ["sizing.json", "throughput.png"]


def test_figures_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    files.write(sizing(), tmp_path)
    assert Sizing.model_validate_json((tmp_path / "sizing.json").read_bytes()) == sizing()


@pytest.mark.parametrize("cells", [(cell(),), tuple(cell(batch=2**item) for item in range(9))])
def test_one_cell_is_drawn_and_so_are_many(cells: tuple[Any, ...], tmp_path: Path) -> None:
    files.write(sizing(cells=cells), tmp_path)
    assert (tmp_path / "throughput.png").read_bytes().startswith(b"\x89PNG")
