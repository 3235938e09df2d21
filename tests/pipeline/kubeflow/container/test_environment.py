"""A task reads from its environment how to reach ML Metadata."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.kubeflow.container import environment
from pipeline.metadata import store
from pipeline.settings.metadata import MetadataSettings
from pipeline.settings.sections import Settings


def test_without_variables_ml_metadata_is_a_file_in_the_workspace(tmp_path: Path) -> None:
    settings = environment.metadata_settings({"PATH": "/bin"})
    assert settings == MetadataSettings()
    config = store.connection(Settings(workspace=tmp_path, metadata=settings))
    assert config.sqlite.filename_uri == str(tmp_path / "metadata" / "metadata.sqlite")


def test_a_server_is_reached_with_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {}
    for name, field in (("ca.crt", "CA"), ("tls.crt", "CERT"), ("tls.key", "KEY")):
        (tmp_path / name).touch()
        files[f"TAXIWAY_METADATA_SSL_{field}"] = str(tmp_path / name)
    monkeypatch.setenv("TAXIWAY_METADATA_PASSWORD", "from-the-secret")
    settings = environment.metadata_settings(
        {"TAXIWAY_METADATA_HOST": "mysql", "TAXIWAY_METADATA_PORT": "3307",
         "TAXIWAY_METADATA_DATABASE": "flights", "TAXIWAY_METADATA_USER": "ann", **files}
    )  # fmt: skip
    mysql = store.connection(Settings(metadata=settings)).mysql
    assert (mysql.host, mysql.port, mysql.database, mysql.user, mysql.password) == (
        "mysql", 3307, "flights", "ann", "from-the-secret",
    )  # fmt: skip
    assert mysql.ssl_options.ca == str(tmp_path / "ca.crt")
    assert mysql.ssl_options.cert == str(tmp_path / "tls.crt")
    assert mysql.ssl_options.key == str(tmp_path / "tls.key")
    assert mysql.ssl_options.verify_server_cert


def test_an_invalid_variable_is_named() -> None:
    with pytest.raises(UsageError, match=r"port: .* \(got 'many'\)"):
        environment.metadata_settings(
            {"TAXIWAY_METADATA_HOST": "h", "TAXIWAY_METADATA_PORT": "many"}
        )
    with pytest.raises(UsageError, match=r"TAXIWAY_METADATA_SSL_CA: there is no file /none"):
        environment.metadata_settings({"TAXIWAY_METADATA_SSL_CA": "/none"})
