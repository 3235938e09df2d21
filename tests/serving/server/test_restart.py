"""A server that is killed while the newest version is damaged."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from serving.store import aliases, model_config, publish
from serving.store.manifest import Blessing, Facts
from tests.serving.server.conftest import Server, serving

_FACTS = Facts(name="m", blessing=Blessing(blessed=True))


def _answer(server: Server, path: str = "") -> float | None:
    status, content = server.json(f"/v1/models/m{path}:predict", {"instances": [1]})
    return float(content["predictions"][0]) if status == 200 else None


@pytest.mark.slow
def test_after_a_restart_the_last_good_version_answers(
    command: str, exported: dict[int, Path], tmp_path: Path
) -> None:
    base = tmp_path / "m"
    for model in exported.values():
        version = publish.publish(model, base, _FACTS, lambda _: None)
        aliases.promote(base, int(version.name), "m", action="publish", verify=lambda _: None)
    flags = (
        f"--model_config_file={tmp_path / model_config.CONFIG}",
        "--model_config_file_poll_wait_seconds=1",
        "--allow_version_labels_for_unavailable_models=true",
        "--max_num_load_retries=0",
    )
    with serving(command, *flags) as server:
        server.wait("m", v1="AVAILABLE", v2="AVAILABLE")
        assert _answer(server, "/labels/stable") == 0.25
        os.kill(server.pid, signal.SIGKILL)
    graph = base / "2" / "saved_model.pb"
    graph.write_bytes(graph.read_bytes()[:100])
    with serving(command, *flags) as server:
        server.wait("m", v1="AVAILABLE", v2="END")
        assert _answer(server) == 0.5
        aliases.promote(
            base, 1, "m", action="rollback", verify=lambda _: None,
            server=model_config.ServerPolicy(settle_seconds=2.5),
        )  # fmt: skip
        for _ in range(200):  # until it looks at the file again
            if _answer(server, "/labels/stable") == 0.5:
                return
            time.sleep(0.05)
    raise AssertionError("the label did not move")
