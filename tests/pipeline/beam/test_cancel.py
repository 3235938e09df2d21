"""A job on a cluster is cancelled when its component ends early."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import grpc
import pytest
from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc

from pipeline.beam import configured_clusters
from pipeline.beam.work import BeamExecutor
from pipeline.settings.beam import BeamSettings, FlinkSettings, SparkSettings
from tests.pipeline.beam.servers import answering

_JOBS = {
    "jobs": [
        {"jid": "1a", "name": "flights-Transform-1", "state": "FAILED"},
        {"jid": "2b", "name": "flights-Transform-1", "state": "RUNNING"},
        {"jid": "3c", "name": "flights-Transform-2", "state": "RUNNING"},
    ]
}


def _beam(master: str) -> BeamSettings:
    # The settings name a job server, and no process listens there.
    flink = FlinkSettings(master=master, parallelism=1, job_endpoint="localhost:1")
    return BeamSettings(engine="flink", flink=flink)


def test_a_component_that_ends_early_cancels_its_running_job() -> None:
    requests: list[str] = []
    with (
        answering(json.dumps(_JOBS).encode(), requests) as master,
        pytest.raises(KeyboardInterrupt),
        ExitStack() as resources,
        BeamExecutor(_beam(master), resources).flags("Transform", "flights-Transform-1"),
    ):
        raise KeyboardInterrupt
    assert requests == ["GET /jobs/overview", "PATCH /jobs/2b?mode=cancel"]


def test_a_component_that_completes_cancels_nothing() -> None:
    requests: list[str] = []
    with (
        answering(b"{}", requests) as master,
        ExitStack() as resources,
        BeamExecutor(_beam(master), resources).flags("Transform", "flights-Transform-1") as flags,
    ):
        assert "--job_name=flights-Transform-1" in flags
    assert requests == []


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b'{"jobs": null}', b'{"jobs": [{}]}', b'{"errors": []}']
)
def test_an_unexpected_answer_of_a_cluster_is_logged(
    body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with answering(body) as master:
        configured_clusters.cancel(_beam(master), "Transform", "flights-Transform-1")
    message = caplog.messages[-1]
    assert message.startswith("Job flights-Transform-1 may still run: ")


def test_a_job_of_an_earlier_run_is_cancelled_with_any_engine_set() -> None:
    requests: list[str] = []
    with answering(json.dumps(_JOBS).encode(), requests) as master:
        beam = BeamSettings(engine="local", flink=FlinkSettings(master=master))
        configured_clusters.cancel_abandoned(beam, "Transform", "flights-Transform-2")
        configured_clusters.cancel_abandoned(beam, "Trainer", "flights-Trainer-2")
        configured_clusters.cancel_abandoned(BeamSettings(), "Transform", "flights-Transform-1")
    assert requests == ["GET /jobs/overview", "PATCH /jobs/3c?mode=cancel"]


class _JobServer(beam_job_api_pb2_grpc.JobServiceServicer):
    """Lists two jobs, and records which of them is cancelled."""

    def __init__(self) -> None:
        self.cancelled: list[str] = []

    def GetJobs(self, request: Any, context: Any) -> Any:  # noqa: N802 (Beam's name)
        jobs = [
            beam_job_api_pb2.JobInfo(job_id=f"id-{name}", job_name=name)
            for name in ("flights-Transform-1", "flights-Transform-2")
        ]
        return beam_job_api_pb2.GetJobsResponse(job_info=jobs)

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802 (Beam's name)
        self.cancelled.append(request.job_id)
        return beam_job_api_pb2.CancelJobResponse()


def test_a_job_server_that_outlives_the_run_cancels_the_job() -> None:
    service = _JobServer()
    server = grpc.server(ThreadPoolExecutor())
    beam_job_api_pb2_grpc.add_JobServiceServicer_to_server(service, server)
    endpoint = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    spark = SparkSettings(master="localhost:1", job_endpoint=endpoint)
    beam = BeamSettings(engine="spark", spark=spark)
    configured_clusters.cancel(beam, "Transform", "flights-Transform-1")
    server.stop(grace=None)
    assert service.cancelled == ["id-flights-Transform-1"]
    configured_clusters.cancel(
        beam, "Transform", "flights-Transform-2"
    )  # the server is gone, which is only logged
    assert service.cancelled == ["id-flights-Transform-1"]


def test_a_node_without_beam_work_has_no_job() -> None:
    requests: list[str] = []
    with answering(b"{}", requests) as master:
        configured_clusters.cancel(_beam(master), "Trainer", "flights-Trainer-1")
        configured_clusters.cancel(
            _beam(master).all_on("local"), "Transform", "flights-Transform-1"
        )
    assert requests == []
