"""A job is not left on a cluster when nobody waits for it any longer."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import grpc
import pytest
from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc

from pipeline.beam import clusters
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
    # The job server is somebody else's, and nobody answers there.
    flink = FlinkSettings(master=master, parallelism=1, job_endpoint="localhost:1")
    return BeamSettings(engine="flink", flink=flink)


def test_what_ends_a_component_ends_its_own_job_that_still_runs() -> None:
    asked: list[str] = []
    with (
        answering(json.dumps(_JOBS).encode(), asked) as master,
        pytest.raises(KeyboardInterrupt),
        ExitStack() as opened,
        BeamExecutor(_beam(master), opened).flags("Transform", "flights-Transform-1"),
    ):
        raise KeyboardInterrupt
    assert asked == ["GET /jobs/overview", "PATCH /jobs/2b?mode=cancel"]


def test_a_component_that_comes_to_its_end_asks_for_nothing() -> None:
    asked: list[str] = []
    with (
        answering(b"{}", asked) as master,
        ExitStack() as opened,
        BeamExecutor(_beam(master), opened).flags("Transform", "flights-Transform-1") as flags,
    ):
        assert "--job_name=flights-Transform-1" in flags
    assert asked == []


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b'{"jobs": null}', b'{"jobs": [{}]}', b'{"errors": []}']
)
def test_a_cluster_that_cannot_say_is_let_be_and_told_of(
    body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with answering(body) as master:
        clusters.cancel(_beam(master), "Transform", "flights-Transform-1")
    said = caplog.messages[-1]
    assert said.startswith("Job flights-Transform-1 may still run: ")


def test_what_an_earlier_run_has_left_is_ended_wherever_work_is_done_now() -> None:
    asked: list[str] = []
    with answering(json.dumps(_JOBS).encode(), asked) as master:
        beam = BeamSettings(engine="local", flink=FlinkSettings(master=master))
        clusters.cancel_abandoned(beam, "Transform", "flights-Transform-2")
        clusters.cancel_abandoned(beam, "Trainer", "flights-Trainer-2")
        clusters.cancel_abandoned(BeamSettings(), "Transform", "flights-Transform-1")
    assert asked == ["GET /jobs/overview", "PATCH /jobs/3c?mode=cancel"]


class _JobServer(beam_job_api_pb2_grpc.JobServiceServicer):
    """Knows two jobs, and hears which is to be ended."""

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


def test_a_job_server_that_outlives_the_run_is_told_to_end_the_job() -> None:
    known = _JobServer()
    server = grpc.server(ThreadPoolExecutor())
    beam_job_api_pb2_grpc.add_JobServiceServicer_to_server(known, server)
    endpoint = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    spark = SparkSettings(master="localhost:1", job_endpoint=endpoint)
    beam = BeamSettings(engine="spark", spark=spark)
    clusters.cancel(beam, "Transform", "flights-Transform-1")
    server.stop(grace=None)
    assert known.cancelled == ["id-flights-Transform-1"]
    clusters.cancel(beam, "Transform", "flights-Transform-2")  # it is gone, which is let be
    assert known.cancelled == ["id-flights-Transform-1"]


def test_what_has_no_beam_work_has_no_job() -> None:
    asked: list[str] = []
    with answering(b"{}", asked) as master:
        clusters.cancel(_beam(master), "Trainer", "flights-Trainer-1")
        clusters.cancel(_beam(master).all_on("local"), "Transform", "flights-Transform-1")
    assert asked == []
