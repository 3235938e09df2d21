"""Load on both protocols while versions are published and rolled back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from serving import aliases, store
from serving.manifest import Blessing, Facts
from tests.proof import Proof
from tests.serving.server.conftest import Server, serving
from tests.serving.server.models import export

_RATE = 50  # requests a second and protocol
_FACTS = Facts(name="m", blessing=Blessing(blessed=True))


class _Load:
    """Ask at a fixed rate over one protocol, and keep what was answered, and when."""

    def __init__(self, ask: Callable[[], float]) -> None:
        self.answers: list[tuple[float, float, float]] = []
        self.failures: list[str] = []
        self._ask = ask
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=[at]) for at in range(4)]
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
    publishes, rollbacks = (50, 10) if full else (3, 1)
    base = tmp_path / "served" / "m"
    published: set[float] = set()

    def publish(number: int) -> None:
        factor = 1 / (number + 1)
        published.add(round(factor, 6))
        model = export(tmp_path / "models" / str(number), factor)
        version = store.publish(model, base, _FACTS, lambda _: None)
        aliases.promote(base, int(version.name), "m", action="publish", verify=lambda _: None)

    def settled(server: Server) -> None:
        stable = aliases.of_model(base).aliases[aliases.STABLE]
        server.wait("m", **{f"v{stable}": "AVAILABLE"})
        time.sleep(0.5)

    publish(0)
    with serving(
        command,
        f"--model_config_file={base.parent / aliases.CONFIG}",
        "--model_config_file_poll_wait_seconds=1",
        "--allow_version_labels_for_unavailable_models=true",
    ) as server:
        server.wait("m", v1="AVAILABLE")
        ask_grpc = _grpc(server)
        loads = {"REST": _Load(lambda: _rest(server)), "gRPC": _Load(ask_grpc)}
        time.sleep(3)
        swaps_began = time.monotonic()
        for number in range(1, publishes + 1):
            publish(number)
            settled(server)
        for _ in range(rollbacks):
            before = aliases.of_model(base).previous()
            assert before is not None
            aliases.promote(base, before, "m", action="rollback", verify=lambda _: None)
            settled(server)
        for load in loads.values():
            load.end()
    for protocol, load in loads.items():
        wrong = {round(value, 6) for value, _, _ in load.answers} - published
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
                f"{rollbacks} rollbacks"
            )
