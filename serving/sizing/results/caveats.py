"""What to know before figures are used."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from serving.sizing.measurement.machine import MAX_OTHERS
from serving.sizing.results.result import Sizing

# Of its CPUs, that the generator may keep busy before it is what is measured.
_NEAR_ITS_END = 0.8


def caveats(sizing: Sizing, here: bool, own: bool) -> tuple[str, ...]:
    """Return what the figures do not say by themselves.

    Args:
      sizing: what was measured.
      here: whether server and load generator share a machine.
      own: whether Taxiway's own server was measured.
    """
    return tuple(_all(sizing, here, own))


def others_cpus(sizing: Sizing) -> float:
    """Return how many CPUs others kept busy meanwhile; none where that is not known."""
    figures = [each.others_cpus for cell in sizing.cells for each in cell.repeats]
    return median([each for each in figures if each is not None] or [0.0])


def _all(sizing: Sizing, here: bool, own: bool) -> Iterator[str]:
    if here:
        yield _shared(sizing)
    if own:
        yield (
            "This is Taxiway's own server, which answers in Python; TensorFlow Serving itself "
            "takes other CPU and memory. Measure that before production."
        )
    found = sizing.recommendation
    if found is not None and found.batch == max(sizing.wanted.batches):
        yield (
            f"{found.batch} rows is the largest batch that was tried: larger ones may be better, "
            f"see --batch {found.batch},{found.batch * 2},{found.batch * 4}."
        )
    others = others_cpus(sizing)
    if others > MAX_OTHERS:
        yield f"Others kept {others:.1f} CPUs busy meanwhile: measure again without them."
    figures = [each for cell in sizing.cells for each in cell.repeats]
    if any(each.generator_cpus > _NEAR_ITS_END * len(sizing.generator_cpus) for each in figures):
        yield "The load generator came to its own end: the server may answer more than that."
    if all(each.cpu_ms is None for each in figures):
        yield "CPU and memory of the server are not known, so no pod can be sized."
    elif sizing.memory is None and sizing.recommendation is not None:
        yield "Memory with two versions is not known: somebody else's server was measured."


def _shared(sizing: Sizing) -> str:
    if not sizing.server_cpus:
        return (
            "Server and load generator share this machine: where they share a CPU, each is slower."
        )
    if set(sizing.server_cpus) & set(sizing.generator_cpus):
        return "Server and load generator share one CPU: a server alone answers more."
    servers, generators = (
        f"CPU{'s' if len(cpus) > 1 else ''} {', '.join(map(str, cpus))}"
        for cpus in (sizing.server_cpus, sizing.generator_cpus)
    )
    return (
        f"Server ({servers}) and load generator ({generators}) share this machine, so there is no "
        "network in the latencies."
    )
