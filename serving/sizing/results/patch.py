"""Resources and number of pods, as patches for `serving/k8s`."""

from __future__ import annotations

from collections.abc import Iterator

from serving.sizing.results import analysis
from serving.sizing.results.result import Memory, Recommendation, Sizing

# The names that `serving/k8s/base` uses.
WORKLOAD = "taxiway-serving"
CONTAINER = "tensorflow-serving"


def patch(sizing: Sizing) -> str | None:
    """Return the patches as YAML, with the reason of every figure.

    Args:
      sizing: sizing with its figures.

    Returns:
      Patches of a Deployment and a HorizontalPodAutoscaler, for `patches:` of a kustomization;
      None when nothing is recommended, or no figure of a pod is available.
    """
    advice = sizing.recommendation
    if advice is None or sizing.refused:
        return None
    parts = [*_resources(sizing, advice), *_scaling(sizing, advice)]
    return _head(sizing, advice) + "---\n".join(parts) if parts else None


def _head(sizing: Sizing, advice: Recommendation) -> str:
    version = "" if sizing.version is None else f" version {sizing.version}"
    lines = [
        f"Written by `taxiway size` at {sizing.at}, from {sizing.model}{version}.",
        f"Served by {sizing.server}.",
        f"Called over {advice.protocol} with {advice.batch} rows per request: one replica answers",
        f"{advice.capacity:,.0f} rows/s with p99 within {sizing.request.target_ms:g} ms.",
        *sizing.caveats,
    ]
    return "".join(f"# {line}\n" for line in lines)


def _resources(sizing: Sizing, advice: Recommendation) -> Iterator[str]:
    requests, limits = [], []
    if advice.cpus is not None:
        cpu = f"cpu: {analysis.cpu_request(advice.cpus)}m"
        requests.append(
            f"{cpu}  # it keeps {advice.cpus:.2f} busy at {advice.capacity:,.0f} rows/s"
        )
    if sizing.memory is not None:
        memory = f"memory: {analysis.memory_limit(sizing.memory)}Mi"
        requests.append(memory)
        limits.append(f"{memory}  # {_why(sizing.memory)}")
    if not requests:
        return
    yield f"""\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {WORKLOAD}
spec:
  template:
    spec:
      containers:
        - name: {CONTAINER}
          resources:
{_block("requests", requests)}{_block("limits", limits)}"""


def _block(name: str, lines: list[str]) -> str:
    indent = 12 * " "
    return f"{indent}{name}:\n" + "".join(f"{indent}  {line}\n" for line in lines) if lines else ""


def _why(memory: Memory) -> str:
    version = max(0, memory.swap - memory.driven)
    return (
        f"{memory.swap / 2**20:,.0f} Mi while two versions were loaded, "
        f"{version / 2**20:,.0f} Mi for the one that was stable before, and a fifth"
    )


def _scaling(sizing: Sizing, advice: Recommendation) -> Iterator[str]:
    lines = []
    if advice.replicas is not None:
        least, most = analysis.scale(advice.replicas)
        lines = [
            f"  minReplicas: {least}  # {advice.replicas} for {sizing.request.rate:,.0f} rows/s at "
            f"{advice.rate:,.0f} each, two at least",
            f"  maxReplicas: {most}  # for twice as much",
        ]
    if advice.cpus is not None:
        request = analysis.cpu_request(advice.cpus)
        share = analysis.utilization(advice.steady.measured, request / 1e3)
        lines += [
            "  metrics:",
            "    - type: Resource",
            "      resource:",
            "        name: cpu",
            "        target:",
            "          type: Utilization",
            f"          averageUtilization: {min(share, analysis.MOST_UTILIZATION)}  "
            f"# {share} at {advice.rate:,.0f} rows/s, "
            f"{sizing.request.headroom:.0%} below the capacity"
            + (", but too near 100" if share > analysis.MOST_UTILIZATION else ""),
        ]
    if not lines:
        return
    yield (
        "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata:\n"
        f"  name: {WORKLOAD}\nspec:\n" + "".join(f"{line}\n" for line in lines)
    )
