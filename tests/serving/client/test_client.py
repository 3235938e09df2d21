"""The client over both protocols, against Taxiway's server."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from serving.client import BadRequest, Client, ModelNotFound, ServerFailed, TooLate, Unreachable
from serving.client.client import columns
from serving.ports import free_port
from serving.server import options
from serving.server.server import ModelServer
from tests.conftest import PROJECT, taxiway
from tests.serving.tiny import export

MakeClient = Callable[..., Client]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two versions of a small model, which gives every carrier of these tests another score."""
    folder = tmp_path_factory.mktemp("client") / "tiny"
    for version, weight in ((1, 0.25), (2, 0.5)):
        export(folder / str(version), weight=weight, rare=-1.0, empty=2.0)
    return folder


@pytest.fixture(scope="module")
def server(base: Path) -> Iterator[ModelServer]:
    """A server of both versions."""
    config = base.parent / "models.config"
    config.write_text(
        f'model_config_list {{ config {{ name: "tiny" base_path: "{base}" '
        'model_platform: "tensorflow" model_version_policy { all {} } '
        'version_labels { key: "stable" value: 1 } } }'
    )
    server = ModelServer(
        options.parse(
            [
                f"--model_config_file={config}",
                "--port=0",
                f"--rest_api_port={free_port()}",
                "--allow_version_labels_for_unavailable_models",
            ]
        )
    )
    yield server
    server.stop()


@pytest.fixture(params=["rest", "grpc"])
def client(request: pytest.FixtureRequest, server: ModelServer) -> MakeClient:
    """Make a client of each protocol."""

    def make(model: str = "tiny", **given: object) -> Client:
        if request.param == "rest":
            return Client.rest(f"http://127.0.0.1:{server.rest_port}", model, **given)
        return Client.grpc(f"127.0.0.1:{server.port}", model, **given)

    return make


_ROWS = [{"distance": 2, "carrier": "AA"}, {"distance": -2, "carrier": "no such"}]


def _expected(folder: Path) -> list[float]:
    signature = tf.saved_model.load(str(folder)).signatures["serving_tensors"]
    answer = signature(
        distance=tf.constant([row["distance"] for row in _ROWS], tf.float32),
        carrier=tf.constant([row["carrier"] for row in _ROWS]),
    )
    return answer["scores"].numpy().tolist()


@pytest.mark.parametrize(
    ("which", "version"), [({}, 2), ({"version": 1}, 1), ({"label": "stable"}, 1)]
)
def test_rows_get_the_scores_of_the_version_that_is_asked(
    which: dict[str, object], version: int, client: MakeClient, base: Path
) -> None:
    scores = client(**which).predict(_ROWS)
    assert scores == pytest.approx(_expected(base / str(version)), abs=1e-6)


def test_no_rows_get_no_scores(client: MakeClient) -> None:
    assert client("none").predict([]) == []


def test_a_missing_text_is_empty(client: MakeClient) -> None:
    rows = [{"distance": 1, "carrier": ""}, {"distance": 1}, {"distance": 1, "carrier": "?"}]
    [empty, missing, unknown] = client().predict(rows)
    assert missing == empty != unknown


def test_a_missing_model_version_or_label_is_reported(client: MakeClient) -> None:
    for given in ({"model": "none"}, {"version": 9}, {"label": "none"}):
        with pytest.raises(ModelNotFound):
            client(**given).predict(_ROWS)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"distance": "far", "carrier": "AA"}, "row 2: distance: expected a number, got 'far'"),
        ({"distance": True, "carrier": "AA"}, "row 2: distance: expected a number, got True"),
        ({"distance": 1, "carrier": 7}, "row 2: carrier: expected text, got 7"),
        ({"distence": 1, "carrier": "AA"}, "row 2: .* no input distence; did you mean distance?"),
    ],
)
def test_rows_that_the_model_does_not_take_are_refused(
    row: dict[str, object], said: str, client: MakeClient
) -> None:
    with pytest.raises(BadRequest, match=said):
        client().predict([_ROWS[0], row])


def test_columns_that_are_not_inputs_are_ignored(client: MakeClient) -> None:
    more = [{**row, "late": 1, "distances": 3} for row in _ROWS]
    assert client().predict(more) == client().predict(_ROWS)


_INTEGER = {"hour": "DT_INT64", "fare": "DT_FLOAT"}


@pytest.mark.parametrize(
    ("hour", "sent"), [(5, 5), (5.0, 5), (np.int32(5), 5), (np.float64(5), 5), ([5, 6], [5, 6])]
)
def test_a_whole_number_is_sent_as_integer(hour: object, sent: object) -> None:
    assert columns([{"hour": hour, "fare": pd.NA}], _INTEGER)["hour"] == [sent]


@pytest.mark.parametrize("hour", [5.5, float("inf"), "5", True, None, float("nan"), pd.NA])
def test_a_fraction_is_refused_for_an_integer(hour: object) -> None:
    with pytest.raises(
        BadRequest, match=r"row 1: hour(: expected a whole number, got| is required, but missing)"
    ):
        columns([{"hour": hour}], _INTEGER)


def test_rows_of_numpy_and_pandas_are_taken(client: MakeClient) -> None:
    frame = pd.DataFrame({"distance": np.float32([2, -2]), "carrier": ["AA", None]})
    rows = frame.astype({"distance": object}).to_dict("records")
    rows += [{"distance": np.int64(2), "carrier": b"AA"}, {"distance": -2, "carrier": float("nan")}]
    rows += [{"distance": Fraction(2), "carrier": "AA"}, {"distance": -2, "carrier": pd.NA}]
    scores = client().predict(rows)
    assert scores[:2] == scores[2:4] == scores[4:]


def test_rows_are_validated_before_they_are_sent(client: MakeClient) -> None:
    with pytest.raises(BadRequest, match="row 1: no"):
        client(model="none", validate=lambda rows: ["row 1: no"]).predict(_ROWS)


def test_the_states_of_versions_are_returned(client: MakeClient) -> None:
    assert client().states() == {1: "AVAILABLE", 2: "AVAILABLE"}
    client().wait_ready(5)


def test_a_server_that_is_not_there_is_unreachable() -> None:
    port = free_port()
    for absent in (
        Client.rest(f"http://127.0.0.1:{port}", "m", seconds=1, tries=2),
        Client.grpc(f"127.0.0.1:{port}", "m", seconds=1, tries=2),
    ):
        with pytest.raises(Unreachable):
            absent.predict(_ROWS)
        with pytest.raises(TooLate, match=r"model m was not ready within 0\.3 s"):
            absent.wait_ready(0.3)


def test_the_port_of_grpc_is_recognized(server: ModelServer) -> None:
    with pytest.raises(ServerFailed, match="is this the port of gRPC"):
        Client.rest(f"http://127.0.0.1:{server.port}", "tiny").predict(_ROWS)


def test_a_server_that_says_nothing_is_too_late() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(TooLate):
            Client.rest(address, "m", seconds=0.3).predict(_ROWS)


def test_an_overloaded_server_is_asked_again(server: ModelServer) -> None:
    """Reject two requests, then pass the next one on."""
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as gate:

        def answer() -> None:
            for turn in range(3):
                connection, _ = gate.accept()
                with connection:
                    seen.append(connection.recv(65536))
                    body = (
                        b'{"error": "full"}'
                        if turn < 2
                        else (b'{"model_version_status": [{"version": "4", "state": "AVAILABLE"}]}')
                    )
                    status = b"503 Unavailable" if turn < 2 else b"200 OK"
                    connection.sendall(
                        b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
                        % (status, len(body), body)
                    )

        thread = threading.Thread(target=answer)
        thread.start()
        asked = Client.rest(f"http://127.0.0.1:{gate.getsockname()[1]}", "m")
        assert asked.states() == {4: "AVAILABLE"}
        thread.join()
    assert len(seen) == 3


def test_over_rest_nothing_of_tensorflow_is_imported() -> None:
    code = (
        "import sys\nfrom serving.client import Client\nClient.rest('http://127.0.0.1:1', 'm')\n"
        "sys.exit(any(name.split('.')[0] in ('tensorflow', 'tfx', 'grpc') for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True)


def test_the_command_prints_a_probability_a_row(
    server: ModelServer, base: Path, tmp_path: Path
) -> None:
    rest = f"--rest=http://127.0.0.1:{server.rest_port}"
    args = ("predict", rest, "--model", "tiny", "--version", "1")
    rows = [word for row in _ROWS for word in ("--row", json.dumps(row))]
    done = taxiway(*args, *rows)
    assert done.stdout.split() == [f"{score:.6f}" for score in _expected(base / "1")]
    (tmp_path / "rows.csv").write_text("distance,carrier\n2,AA\n-2,no such\n")
    as_json = taxiway(*args, "--json", "--csv", tmp_path / "rows.csv")
    assert json.loads(as_json.stdout)["scores"] == pytest.approx(_expected(base / "1"), abs=1e-6)
    refused = taxiway(*args, "--check", "--row", '{"carrier": "ZZ"}')
    assert refused.returncode == 3
    assert "row 1: carrier: expected one of 9E, AA" in refused.stderr
    misspelt = taxiway(*args, "--check", "--row", '{"carier": "AA"}')
    assert "row 1: carier: no such column; did you mean carrier?" in misspelt.stderr


def test_the_command_prints_the_state_of_each_version(server: ModelServer) -> None:
    done = taxiway("status", f"--rest=http://127.0.0.1:{server.rest_port}", "--model", "tiny")
    assert done.stdout == "tiny version 2: AVAILABLE\ntiny version 1: AVAILABLE\n"
    missing = taxiway("status", f"--rest=http://127.0.0.1:{free_port()}")
    assert (missing.returncode, "Next   taxiway serve" in missing.stderr) == (5, True)


_REST_ADDRESS = "--rest: expected an address such as http://127.0.0.1:8501, got "
_GRPC_ADDRESS = "--grpc: expected an address such as 127.0.0.1:8500, got "


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        (("--rest", "nonsense"), _REST_ADDRESS + "nonsense"),
        (("--rest", "127.0.0.1:8501"), _REST_ADDRESS + "127.0.0.1:8501"),
        (("--grpc", "http://127.0.0.1:1"), _GRPC_ADDRESS + "http://127.0.0.1:1"),
        (("--grpc", "127.0.0.1"), _GRPC_ADDRESS + "127.0.0.1"),
    ],
)
def test_an_invalid_address_is_reported(option: tuple[str, str], expected: str) -> None:
    for args in (("status",), ("predict", "--row", "{}")):
        done = taxiway(*args, *option)
        assert (done.returncode, done.stderr.startswith(f"Stopped: {expected}")) == (2, True)


def test_over_grpc_only_the_error_is_printed() -> None:
    done = taxiway("status", "--grpc", f"127.0.0.1:{free_port()}")
    assert done.returncode == 5
    assert [line.partition(" ")[0] for line in done.stderr.splitlines()] == ["Stopped:", "Next"]


def test_the_command_needs_rows() -> None:
    done = taxiway("predict")
    assert (done.returncode, "pass --row or --csv" in done.stderr) == (2, True)
