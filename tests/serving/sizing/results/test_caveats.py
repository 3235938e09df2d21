"""Caveats of recorded figures."""

from __future__ import annotations

from serving.sizing.results.caveats import caveats
from serving.sizing.results.result import SizingRequest
from tests.serving.sizing.measured import cell, sizing


def test_a_shared_machine_is_named_with_its_cpus() -> None:
    [shared, own] = caveats(sizing(), here=True, own=True)
    assert shared.startswith("Server (CPU 0) and load generator (CPU 1) share this machine")
    assert own.startswith("This is Taxiway's own server")
    [one] = caveats(sizing(generator_cpus=(0,)), here=True, own=False)
    assert one.startswith("Server and load generator share one CPU")
    [unbound] = caveats(sizing(server_cpus=()), here=True, own=False)
    assert "where they share a CPU" in unbound
    assert caveats(sizing(), here=False, own=False) == ()


def test_an_untried_larger_batch_is_reported() -> None:
    [edge] = caveats(sizing(request=SizingRequest(batches=(1, 8))), here=False, own=False)
    assert edge.endswith("larger ones may be better, see --batch 8,16,32.")


def test_others_are_named_when_they_were_there_most_of_the_time() -> None:
    busy = sizing(cells=(cell(others_cpus=0.7),))
    assert caveats(busy, here=False, own=False) == (
        "Other processes kept 0.7 CPUs busy: measure again without them.",
    )
    assert caveats(sizing(cells=(cell(others_cpus=0.2),)), here=False, own=False) == ()


def test_a_generator_at_its_end_is_named() -> None:
    sentences = caveats(sizing(cells=(cell(generator_cpus=0.9),)), here=False, own=False)
    assert [sentence.split(":")[0] for sentence in sentences] == [
        "The load generator reached its limit"
    ]


def test_unknown_figures_are_reported() -> None:
    unknown = sizing(cells=(cell(cpu_ms=None, memory_bytes=None),), memory=None)
    assert caveats(unknown, here=False, own=False) == (
        "CPU and memory of the server are unknown, so no pod can be sized.",
    )
    assert caveats(sizing(memory=None), here=False, own=False) == (
        "Memory with two versions is unknown, because Taxiway did not start the server.",
    )
