"""Load on both protocols while versions are published and rolled back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from serving.store import aliases, model_config
from serving.store import publish as store
from serving.store.manifest import Blessing, Facts
from tests.proof import Proof
from tests.serving.server.conftest import Server, serving
from tests.serving.server.models import export

_RATE = 50  # requests a second and protocol
# It looks every second, and loads in less than one.
_SERVER = model_config.ServerPolicy(settle_seconds=2.5)
_FACTS = Facts(name="m", blessing=Blessing(blessed=True))


class _Load:
    """Send requests at a fixed rate over one protocol, and record answers and times."""

    def __init__(self, ask: Callable[[], float]) -> None:
        self.answers: list[tuple[float, float, float]] = []
        self.failures: list[str] = []
        self._ask = ask
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=[at], daemon=True) for at in range(4)
        ]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, at: int) -> None:
        period = len(self._threads) / _RATE
        due = time.monotonic() + period * at / len(self._threads)
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            began = time.monotonic()
            try:
                self.answers.append((self._ask(), began, time.monotonic() - began))
            except Exception as error:  # any of them is a request that failed
                self.failures.append(repr(error))
            due += period


def _rest(server: Server) -> float:
    status, content = server.json("/v1/models/m/labels/stable:predict", {"instances": [1]})
    assert status == 200, content
    return float(content["predictions"][0])


def _grpc(server: Server) -> Callable[[], float]:
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.version_label = "m", "stable"
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.float32([1])))
    return lambda: float(server.prediction.Predict(request, timeout=20).outputs["y"].float_val[0])


@pytest.mark.slow
def test_no_request_fails_while_versions_come_and_go(
    command: str, tmp_path: Path, full: bool, proof: Proof, capsys: pytest.CaptureFixture[str]
) -> None:
    publishes, rollbacks, steady_seconds = (50, 10, 20) if full else (3, 1, 3)
    base = tmp_path / "served" / "m"
    # Made before, as making them takes the processor from the server.
    factors = [round(1 / (number + 1), 6) for number in range(publishes + 1)]
    models = [
        export(tmp_path / "models" / str(number), factor) for number, factor in enumerate(factors)
    ]

    def promote(version: int, action: Literal["publish", "rollback"]) -> None:
        aliases.promote(base, version, "m", action=action, server=_SERVER, verify=lambda _: None)

    def publish(model: Path) -> None:
        version = store.publish(model, base, _FACTS, lambda _: None)
        promote(int(version.name), "publish")

    publish(models[0])
    with serving(
        command,
        f"--model_config_file={base.parent / model_config.CONFIG}",
        "--model_config_file_poll_wait_seconds=1",
        "--allow_version_labels_for_unavailable_models=true",
    ) as server:
        server.wait("m", v1="AVAILABLE")
        ask_grpc = _grpc(server)
        loads = {"REST": _Load(lambda: _rest(server)), "gRPC": _Load(ask_grpc)}
        time.sleep(steady_seconds)
        swaps_began, memory = time.monotonic(), [server.memory()]
        for model in models[1:]:
            publish(model)
            memory.append(server.memory())
        for _ in range(rollbacks):
            before = model_config.load_served_model(base).previous()
            assert before is not None
            promote(before, "rollback")
            memory.append(server.memory())
        for load in loads.values():
            load.end()
    # The first swaps fill what every later one uses again.
    grown = memory[-1] - memory[len(memory) // 4]
    proof.case(
        "megabytes more after swaps of a small model than after a quarter of them, at most 20",
        [] if grown <= 20 << 20 else [f"{grown >> 20} MB"],
    )
    assert grown <= 20 << 20
    for protocol, load in loads.items():
        wrong = {round(value, 6) for value, _, _ in load.answers} - set(factors)
        for failure in [*load.failures, *[""] * len(load.answers)]:
            proof.case(f"requests over {protocol} during swaps", [failure] if failure else [])
        assert (load.failures, wrong) == ([], set())
        steady, during = (
            [taken for _, began, taken in load.answers if (began >= swaps_began) == swapping]
            for swapping in (False, True)
        )
        with capsys.disabled():
            print(
                f"\n{protocol}: {len(load.answers)} requests, 0 failed; p99 "
                f"{np.percentile(steady, 99) * 1e3:.1f} ms steady, "
                f"{np.percentile(during, 99) * 1e3:.1f} ms during {publishes} publishes and "
                f"{rollbacks} rollbacks; memory {memory[0] >> 20} MB, {memory[-1] >> 20} MB after"
            )
