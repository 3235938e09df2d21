"""The server that `taxiway size` measures: a running one, or one to start."""

from __future__ import annotations

import pytest

from pipeline.serving_tools.sizing import SERVERS, Target


def test_a_target_without_addresses_is_started() -> None:
    target = Target(None, None, None, "docker", None)
    assert target.addresses == {}
    assert str(target) == SERVERS["docker"]


@pytest.mark.parametrize(
    ("rest", "grpc", "is_local"),
    [
        (None, None, True),
        ("http://127.0.0.1:8501", "localhost:8500", True),
        ("http://127.0.0.1:8501", "192.0.2.1:8500", False),
        ("http://192.0.2.1:8501/v1", None, False),
    ],
)
def test_a_server_on_another_machine_is_not_local(
    rest: str | None, grpc: str | None, is_local: bool
) -> None:
    target = Target(rest, grpc, None, "local", None)
    assert target.is_local is is_local
    assert set(target.addresses.values()) == {rest, grpc} - {None}
