"""From settings to a package: the graph that `taxiway run` runs, as tasks."""

from __future__ import annotations

import json
from pathlib import Path

from tfx.dsl.compiler import compiler
from tfx.proto.orchestration import pipeline_pb2

from pipeline.beam import check as engine
from pipeline.errors import UsageError
from pipeline.kubeflow import names
from pipeline.kubeflow.compiler import check, resources, slices
from pipeline.kubeflow.compiler.package import Package, Parameter, Task, build
from pipeline.kubeflow.encoding import encode
from pipeline.kubeflow.placing import apply_layout
from pipeline.pipeline import create_pipeline
from pipeline.project import files as project
from pipeline.project.files import Project
from pipeline.settings.kubeflow import KubeflowSettings
from pipeline.settings.loading import absolute
from pipeline.settings.metadata import MetadataSettings
from pipeline.settings.sections import Settings
from pipeline.sources.layout import Layout

# Stands for the data until a run has laid it out.
_NO_DATA = Layout(1, (0,), Path("/"))


def compile_package(here: Settings, plain: Settings) -> Package:
    """Compile the pipeline for Kubeflow; no cluster, bucket or network is needed.

    Args:
      here: settings with the paths of this machine, to read the project's files.
      plain: the same settings with paths as they are written.

    Returns:
      The package, which has passed the check.

    Raises:
      UsageError: a file is missing or wrong, there is no image, or KFP would refuse the package.
    """
    resources.image_of(here.kubeflow)
    engine.check_settings(here.beam)
    files = project.load(here)
    there = in_container(plain)
    package = _build(there, files, here.kubeflow, here.metadata)
    problems = check.problems(package)
    if problems:
        raise UsageError(
            f"Kubeflow Pipelines would refuse the package: {'; '.join(problems)}.",
            "make the settings or the features file smaller, or correct [kubeflow]",
        )
    return package


def in_container(plain: Settings) -> Settings:
    """Return settings as a task has them: paths in its container, no secrets, no database.

    Args:
      plain: settings with paths as they are written.
    """
    kubeflow = plain.kubeflow
    bare = plain.model_copy(
        update={
            "workspace": kubeflow.workspace,
            "metadata": MetadataSettings(),
            "kubeflow": KubeflowSettings(timeout_seconds=_longest(kubeflow)),
        }
    )
    return absolute(bare, kubeflow.project)


def variants(settings: Settings, files: Project) -> dict[str, pipeline_pb2.Pipeline]:
    """Return the compiled pipeline in each variant, for data that is not known yet.

    Args:
      settings: as a task has them.
      files: of the project.
    """
    # The logs are in the cluster.
    source = settings.source.model_copy(update={"serving_logs": None})
    settings = settings.model_copy(update={"source": source})
    found = {}
    for variant, options in slices.VARIANTS.items():
        pipeline = create_pipeline(settings, files.features, files.policy, _NO_DATA, **options)
        ir = compiler.Compiler().compile(pipeline)
        apply_layout(ir, settings, _NO_DATA, code_hash="")
        found[variant] = ir
    return found


def _build(
    there: Settings, files: Project, kubeflow: KubeflowSettings, database: MetadataSettings
) -> Package:
    irs = variants(there, files)
    upstream = {
        variant: {
            node.pipeline_node.node_info.id: sorted(node.pipeline_node.upstream_nodes)
            for node in ir.nodes
        }
        for variant, ir in irs.items()
    }
    words = ["--settings", encode(_as_json(there).encode())]
    needs: dict[str, set[str]] = {}
    for of_variant in upstream.values():
        for node, upstream_nodes in of_variant.items():
            needs.setdefault(node, set()).update(upstream_nodes)
    unknown = sorted(kubeflow.components.keys() - needs.keys() - {names.START, names.RECORD})
    if unknown:
        raise UsageError(
            f"kubeflow.components: there is no component {unknown[0]}; "
            f"there are {', '.join(sorted(needs))}, {names.START} and {names.RECORD}."
        )

    def task(node: str, after: set[str], more: list[str], parameters: bool = False) -> Task:
        asked = resources.of_task(node, kubeflow)
        return Task(node, sorted(after), [*words, *more], asked, parameters)

    tasks = [task(names.START, set(), [], parameters=True)]
    for node, before in needs.items():
        found = slices.shared(
            {
                variant: slices.slice_node(ir, node)
                for variant, ir in irs.items()
                if node in upstream[variant]
            }
        )
        encoded = [word for pair in found.items() for word in ("--ir", *pair)]
        # Start makes the database; what waits for others waits for it through them.
        tasks.append(task(node, before or {names.START}, encoded))
    graph = encode(json.dumps(upstream, sort_keys=True).encode())
    last = task(names.RECORD, set(), ["--graph", graph])
    return build(there.name, tasks, last, _parameters(there), kubeflow, database)


def _as_json(settings: Settings) -> str:
    values = settings.model_dump(mode="json", exclude_defaults=True)
    return json.dumps(values, sort_keys=True, separators=(",", ":"))


def _longest(kubeflow: KubeflowSettings) -> int:
    """Return the longest that any task may take."""
    own = [each.timeout_seconds or 0 for each in kubeflow.components.values()]
    return max(kubeflow.timeout_seconds, *own, 0)


def _parameters(settings: Settings) -> dict[str, Parameter]:
    source = settings.source
    return {
        names.SPAN: Parameter(
            "NUMBER_INTEGER", float(source.span or 0), "evaluate on this span; 0 for the newest"
        ),
        names.WINDOW: Parameter(
            "NUMBER_INTEGER", float(source.window), "train on this many earlier spans"
        ),
        names.DATA_ROOT: Parameter(
            "STRING", str(source.path or ""), "folder of the files, for a source of that kind"
        ),
        names.TUNE: Parameter("BOOLEAN", False, "search for better training settings first"),
        names.WARM_START: Parameter(
            "BOOLEAN", False, "go on from the weights of the latest blessed model"
        ),
        names.PROMOTE: Parameter(
            "BOOLEAN", settings.publish.promote, "a new version becomes `stable` by itself"
        ),
    }
