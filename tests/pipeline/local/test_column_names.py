"""A run on columns with any names: features, label, slices and time."""

from __future__ import annotations

import csv
import json
import random
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tensorflow_metadata.proto.v0 import schema_pb2

from schema import text
from serving.client import BadRequest, Client
from serving.ports import free_port
from serving.server import options
from serving.server.server import ModelServer
from tests import column_names
from tests.conftest import taxiway

pytestmark = pytest.mark.slow

# A string of JSON is a string of TOML too.
_toml = partial(json.dumps, ensure_ascii=False)

_SLICES = ("stop name", "stop-name", "정류장", "../up")
_SETTINGS = f"""\
name = "rides"
workspace = "workspace"
features = "features.toml"
schema_file = "schema.pbtxt"
[source]
kind = "folder"
path = "data"
time_column = {_toml(column_names.TIME)}
period = "month"
[train]
epochs = 3
batch_size = 32
[evaluate]
min_auc = 0.0
min_slice_auc = 0.0
"""
_TOWNS = ("서울", "Zürich", "<i>Rom</i>", "two\nlines", "10 % off")


def _features() -> str:
    buckets = [f"{_toml(name)} = 24" for name in column_names.BUCKETS]
    lines = [
        f"label = {_toml(column_names.LABEL)}",
        f"numeric = {_toml(column_names.NUMBERS)}",
        f"categorical = {_toml(column_names.TEXTS)}",
        f"slices = {_toml(_SLICES)}",
        "min_frequency = 3",
        "[buckets]",
        *buckets,
    ]
    return "\n".join(lines) + "\n"


def _schema() -> schema_pb2.Schema:
    schema = schema_pb2.Schema(default_environment=["TRAINING", "SERVING"])
    label = schema.feature.add(name=column_names.LABEL, type=schema_pb2.INT)
    label.presence.min_fraction = 1
    label.int_domain.min, label.int_domain.max = 0, 1
    label.not_in_environment.append("SERVING")
    for names, kind in (
        (column_names.NUMBERS, schema_pb2.FLOAT),
        (column_names.BUCKETS, schema_pb2.INT),
        (column_names.TEXTS, schema_pb2.BYTES),
    ):
        for name in names:
            schema.feature.add(name=name, type=kind)
    time = schema.feature.add(name=column_names.TIME, type=schema_pb2.BYTES)
    time.not_in_environment.append("SERVING")
    return schema


def _rows(month: int) -> list[dict[str, object]]:
    chance = random.Random(month)
    rows = []
    for number in range(400):
        row: dict[str, object] = {
            name: round(chance.gauss(5, 2), 3) for name in column_names.NUMBERS
        }
        row |= {name: chance.choice(_TOWNS) for name in column_names.TEXTS}
        row |= {name: chance.randrange(24) for name in column_names.BUCKETS}
        late = row["거리 (km)"] + 2 * (row["정류장"] == "서울") + chance.gauss(0, 1) > 6  # type: ignore[operator]
        row[column_names.LABEL] = int(late)
        row[column_names.TIME] = f"2024-{month:02}-{number % 28 + 1:02} 08:00:00"
        rows.append(row)
    return rows


def _write(file: Path, rows: list[dict[str, object]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rides")
    (folder / "taxiway.toml").write_text(_SETTINGS, "utf-8")
    (folder / "features.toml").write_text(_features(), "utf-8")
    (folder / "schema.pbtxt").write_text(text.write(_schema()), "utf-8")
    (folder / "data").mkdir()
    for month in (1, 2):
        _write(folder / "data" / f"rides-2024-{month:02}.csv", _rows(month))
    done = taxiway("run", "--json", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def server(project: Path) -> Iterator[ModelServer]:
    config = project / "workspace/models/models.config"
    flags = [
        f"--model_config_file={config}",
        "--port=0",
        f"--rest_api_port={free_port()}",
        "--allow_version_labels_for_unavailable_models=true",
    ]
    server = ModelServer(options.parse(flags))
    yield server
    server.stop()


def _inputs(month: int, count: int) -> list[dict[str, object]]:
    return [{name: row[name] for name in column_names.INPUTS} for row in _rows(month)[:count]]


def test_columns_are_sent_by_their_own_names(
    project: Path, server: ModelServer, tmp_path: Path
) -> None:
    rows = _inputs(2, 20)
    address = f"127.0.0.1:{server.rest_port}"
    scores = Client.rest(f"http://{address}", "rides").predict(rows)
    by_grpc = Client.grpc(f"127.0.0.1:{server.port}", "rides").predict(rows)
    assert by_grpc == pytest.approx(scores, abs=1e-6)
    assert len(set(scores)) == len(rows)
    # The bodies of requests as any client of TensorFlow Serving writes them.
    columns = {name: [row[name] for row in rows] for name in column_names.INPUTS}
    for content, key in (({"instances": rows}, "predictions"), ({"inputs": columns}, "outputs")):
        body = json.dumps(content | {"signature_name": "serving_tensors"}).encode()
        url = f"http://{address}/v1/models/rides:predict"
        with urllib.request.urlopen(urllib.request.Request(url, body)) as answer:
            assert json.load(answer)[key] == pytest.approx(scores, abs=1e-6)
    # The command reads a file with the same names.
    file = tmp_path / "rows.csv"
    _write(file, rows)
    done = taxiway(
        "predict", "--json", "--check", "--csv", file, "--rest", f"http://{address}", cwd=project
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["scores"] == pytest.approx(scores, abs=1e-6)


def test_a_misspelled_column_is_named(project: Path, server: ModelServer) -> None:
    [row] = _inputs(2, 1)
    del row["거리 (km)"]
    client = Client.rest(f"http://127.0.0.1:{server.rest_port}", "rides")
    with pytest.raises(BadRequest, match=r"거리 \(km\)"):
        client.predict([row | {"거리 (kn)": 1.0}])


def test_the_report_has_the_names_and_values_as_text(project: Path) -> None:
    [report] = (project / "workspace" / "reports").glob("*.html")
    page = report.read_text("utf-8")
    assert "정류장 서울" in page and "&#34;stop name&#34; 서울" in page
    assert "&lt;i&gt;Rom" in page
    assert "<i>Rom" not in page and "<b>bold" not in page


def test_the_model_is_exported_to_onnx(project: Path, tmp_path: Path) -> None:
    done = taxiway("export", "onnx", "stable", "--json", "--output", tmp_path, cwd=project)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["written"], result["rows"]) == (True, 400)
    assert result["difference"] <= 1e-5
