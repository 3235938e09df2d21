"""A job is not left on a cluster when nobody waits for it any longer."""

from __future__ import annotations

import json
from contextlib import ExitStack

import pytest

from pipeline.engine import clusters
from pipeline.engine.settings import BeamSettings, FlinkSettings
from pipeline.engine.work import Work
from tests.pipeline.engine.servers import answering

_JOBS = {
    "jobs": [
        {"jid": "1a", "name": "flights-Transform-1", "state": "FAILED"},
        {"jid": "2b", "name": "flights-Transform-1", "state": "RUNNING"},
        {"jid": "3c", "name": "flights-Transform-2", "state": "RUNNING"},
    ]
}


def _beam(master: str) -> BeamSettings:
    # The job server is somebody else's, and nobody calls it here.
    flink = FlinkSettings(master=master, parallelism=1, job_endpoint="localhost:1")
    return BeamSettings(engine="flink", flink=flink)


def test_what_ends_a_component_ends_its_own_job_that_still_runs() -> None:
    asked: list[str] = []
    with (
        answering(json.dumps(_JOBS).encode(), asked) as master,
        pytest.raises(KeyboardInterrupt),
        ExitStack() as opened,
        Work(_beam(master), opened).flags("Transform", "flights-Transform-1"),
    ):
        raise KeyboardInterrupt
    assert asked == ["GET /jobs/overview", "PATCH /jobs/2b?mode=cancel"]


def test_a_component_that_comes_to_its_end_asks_for_nothing() -> None:
    asked: list[str] = []
    with (
        answering(b"{}", asked) as master,
        ExitStack() as opened,
        Work(_beam(master), opened).flags("Transform", "flights-Transform-1") as flags,
    ):
        assert "--job_name=flights-Transform-1" in flags
    assert asked == []


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"errors": ["not now"]}'])
def test_a_cluster_that_cannot_say_is_let_be(body: bytes) -> None:
    with answering(body) as master:
        clusters.cancel(_beam(master), "Transform", "flights-Transform-1")


def test_what_has_no_beam_work_has_no_job() -> None:
    asked: list[str] = []
    with answering(b"{}", asked) as master:
        clusters.cancel(_beam(master), "Trainer", "flights-Trainer-1")
        clusters.cancel(_beam(master).all_on("local"), "Transform", "flights-Transform-1")
    assert asked == []
