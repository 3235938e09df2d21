"""Caveats of the figures of a sizing."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from serving.sizing.results.analysis import MAX_OTHERS
from serving.sizing.results.result import Sizing

# Share of its CPUs that the load generator may keep busy before it limits the figures.
_NEAR_ITS_END = 0.8


def caveats(sizing: Sizing, here: bool, own: bool) -> tuple[str, ...]:
    """Return the caveats of the figures, one sentence each.

    Args:
      sizing: sizing with its figures.
      here: whether server and load generator share a machine.
      own: whether Taxiway's own server was measured.
    """
    return tuple(_all(sizing, here, own))


def others_cpus(sizing: Sizing) -> float:
    """Return the number of CPUs that other processes kept busy; 0 when it is unknown.

    Args:
      sizing: sizing with its figures.
    """
    figures = [repeat.others_cpus for cell in sizing.cells for repeat in cell.repeats]
    return median([cpus for cpus in figures if cpus is not None] or [0.0])


def _all(sizing: Sizing, here: bool, own: bool) -> Iterator[str]:
    if here:
        yield _shared(sizing)
    if own:
        yield (
            "This is Taxiway's own server, which answers in Python; TensorFlow Serving itself "
            "uses CPU and memory differently. Measure it before production."
        )
    advice = sizing.recommendation
    if advice is not None and advice.batch == max(sizing.request.batches):
        yield (
            f"{advice.batch} rows is the largest batch that was tried: larger ones may be better, "
            f"see --batch {advice.batch},{advice.batch * 2},{advice.batch * 4}."
        )
    others = others_cpus(sizing)
    if others > MAX_OTHERS:
        yield f"Other processes kept {others:.1f} CPUs busy: measure again without them."
    figures = [repeat for cell in sizing.cells for repeat in cell.repeats]
    if any(
        repeat.generator_cpus > _NEAR_ITS_END * len(sizing.generator_cpus) for repeat in figures
    ):
        yield "The load generator reached its limit: the server may answer more than that."
    if all(repeat.cpu_ms is None for repeat in figures):
        yield "CPU and memory of the server are unknown, so no pod can be sized."
    elif sizing.memory is None and sizing.recommendation is not None:
        yield "Memory with two versions is unknown, because Taxiway did not start the server."


def _shared(sizing: Sizing) -> str:
    if not sizing.server_cpus:
        return (
            "Server and load generator share this machine: where they share a CPU, both are slower."
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
