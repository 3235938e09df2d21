"""Other projects' clients, with the interface file that Taxiway writes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import which

import pytest

from serving.ports import free_port
from serving.server import options
from serving.server.server import ModelServer
from tests.serving.server.models import export

_NODE = """
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");
const fs = require("fs");

const [protoset, address] = process.argv.slice(2);
const types = loader.loadFileDescriptorSetFromBuffer(fs.readFileSync(protoset), {keepCase: true});
const { PredictionService } = grpc.loadPackageDefinition(types).tensorflow.serving;
const client = new PredictionService(address, grpc.credentials.createInsecure());
const tensor = { dtype: "DT_FLOAT", tensor_shape: { dim: [{ size: 2 }] }, float_val: [2, 4] };
const request = { model_spec: { name: "m" }, inputs: [{ key: "x", value: tensor }] };
client.Predict(request, { deadline: Date.now() + 20000 }, (error, answer) => {
  if (error) throw error;
  console.log(JSON.stringify(answer.outputs[0].value.float_val));
});
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    base = tmp_path_factory.mktemp("m")
    export(base / "1", 0.5)
    server = ModelServer(
        options.parse([
            "--model_name=m", f"--model_base_path={base}", "--port=0",
            f"--rest_api_port={free_port()}",
        ])
    )  # fmt: skip
    yield server
    server.stop()


@pytest.fixture(scope="module")
def protoset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("protoset") / "tf_serving.protoset"
    command = [sys.executable, "-m", "serving.client.protoset", str(file)]
    subprocess.run(command, check=True, timeout=120)
    return file


def _said(command: list[str], cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(which("curl") is None, reason="curl is missing")
def test_curl_asks_over_rest(served: ModelServer) -> None:
    url = f"localhost:{served.rest_port}/v1/models/m:predict"
    answer = json.loads(_said(["curl", "-s", "-d", '{"instances": [2, 4]}', url]))
    assert answer == {"predictions": [1, 2]}


@pytest.mark.skipif(which("grpcurl") is None, reason="grpcurl is missing")
def test_grpcurl_asks_over_grpc(served: ModelServer, protoset: Path) -> None:
    tensor = {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": 2}]}, "float_val": [2, 4]}
    request = json.dumps({"model_spec": {"name": "m"}, "inputs": {"x": tensor}})
    method = "tensorflow.serving.PredictionService/Predict"
    address = f"localhost:{served.port}"
    args = ["grpcurl", "-plaintext", "-protoset", str(protoset), "-d", request, address, method]
    assert json.loads(_said(args))["outputs"]["y"]["floatVal"] == [1, 2]


@pytest.mark.slow
@pytest.mark.skipif(which("npm") is None, reason="npm is missing")
def test_node_asks_over_grpc(served: ModelServer, protoset: Path, tmp_path: Path) -> None:
    packages = ["@grpc/grpc-js@1", "@grpc/proto-loader@0.8"]
    installed = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *packages],
        cwd=tmp_path, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    if installed.returncode:
        pytest.skip(f"npm cannot install gRPC: {installed.stderr[-300:]}")
    (tmp_path / "client.js").write_text(_NODE)
    answer = _said(["node", "client.js", str(protoset), f"localhost:{served.port}"], tmp_path)
    assert json.loads(answer) == [1, 2]
