"""gRPC with TensorFlow Serving's SSLConfig."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
import trustme

from serving.client import Client, Unreachable
from serving.server import options
from serving.server.errors import ServingError
from serving.server.server import ModelServer


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def _config(authority: trustme.CA, verify: bool) -> str:
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    fields = {
        "server_key": certificate.private_key_pem.bytes(),
        "server_cert": b"".join(blob.bytes() for blob in certificate.cert_chain_pems),
        "custom_ca": authority.cert_pem.bytes(),
    }
    lines = [f'{name}: "{content.decode()}"' for name, content in fields.items()]
    text = "\n".join(lines).replace("\n", "\\n").replace('"\\n', '"\n')
    return f"{text}\nclient_verify: {str(verify).lower()}"


@contextmanager
def _serving(model: Path, config: Path) -> Iterator[ModelServer]:
    server = ModelServer(
        options.parse([
            "--model_name=m", f"--model_base_path={model.parent}", "--port=0",
            f"--ssl_config_file={config}",
        ])
    )  # fmt: skip
    try:
        yield server
    finally:
        server.stop()


def _ask(server: ModelServer, credentials: grpc.ChannelCredentials | None) -> dict[int, str]:
    address = f"localhost:{server.port}"
    client = Client.grpc(address, "m", credentials=credentials, seconds=10, tries=1)
    try:
        return client.states()
    finally:
        client.close()


def test_clients_that_trust_the_authority_are_answered_and_plaintext_is_rejected(
    authority: trustme.CA, exported: dict[int, Path], tmp_path: Path
) -> None:
    file = tmp_path / "ssl.config"
    file.write_text(_config(authority, verify=False))
    with _serving(exported[1], file) as server:
        trusted = grpc.ssl_channel_credentials(authority.cert_pem.bytes())
        assert _ask(server, trusted) == {2: "AVAILABLE"}
        with pytest.raises(Unreachable):
            _ask(server, None)
        with pytest.raises(Unreachable):
            _ask(server, grpc.ssl_channel_credentials(trustme.CA().cert_pem.bytes()))


def test_a_client_shows_its_certificate_where_that_is_asked(
    authority: trustme.CA, exported: dict[int, Path], tmp_path: Path
) -> None:
    file = tmp_path / "ssl.config"
    file.write_text(_config(authority, verify=True))
    own = authority.issue_cert("client@example.org")
    with _serving(exported[1], file) as server:
        root = authority.cert_pem.bytes()
        shown = grpc.ssl_channel_credentials(
            root, own.private_key_pem.bytes(), own.cert_chain_pems[0].bytes()
        )
        assert _ask(server, shown) == {2: "AVAILABLE"}
        with pytest.raises(Unreachable):
            _ask(server, grpc.ssl_channel_credentials(root))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("key: 1", 'not a SSLConfig: .* "key"'),
        ("client_verify: true", "client_verify needs custom_ca"),
        ('server_key: "none"', "server_key and server_cert are no key and certificate"),
    ],
)
def test_an_invalid_configuration_is_reported(
    exported: dict[int, Path], tmp_path: Path, content: str, message: str
) -> None:
    file = tmp_path / "ssl.config"
    file.write_text(content)
    with pytest.raises(ServingError, match=message), _serving(exported[1], file):
        pass
