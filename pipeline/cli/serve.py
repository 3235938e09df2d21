"""`taxiway serve`: a model server with TF Serving's flags."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import load, settings_option, workspace_option
from pipeline.cli.terminal import silence_libraries
from pipeline.errors import InfrastructureError, UsageError

if TYPE_CHECKING:
    from serving.server.server import ModelServer

_REAL = "tensorflow_model_server"
_PORTS = {"port": "8500", "rest_api_port": "8501"}
_POLL = "--model_config_file_poll_wait_seconds=1"
_LABELS = "--allow_version_labels_for_unavailable_models=true"


class _WithServersFlags(click.Command):
    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from serving.server.options import described

        with formatter.section("TF Serving's flags"):
            formatter.write_dl([(f"--{name}", text) for name, text in described().items()])


@click.command(
    cls=_WithServersFlags,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    options_metavar="[OPTIONS] [TF SERVING'S FLAGS]",
)
@click.option(
    "--backend",
    type=click.Choice(["local", _REAL, "docker"]),
    default="local",
    show_default=True,
    help="What serves: this program, or the real TF Serving on PATH or in Docker.",
)
@click.option(
    "--image", default="tensorflow/serving:2.19.1", show_default=True, help="For --backend docker."
)
@settings_option
@workspace_option
@click.pass_context
def serve(
    context: click.Context,
    backend: str,
    image: str,
    settings_file: Path | None,
    workspace: Path | None,
) -> None:
    """Serve models over gRPC and REST, as TF Serving does.

    Without flags that name a model, it serves the workspace's, on ports 8500 (gRPC) and 8501
    (REST); --port and --rest_api_port name others.
    """
    words = list(context.args)
    if not _named(words, "model_base_path") and not _named(words, "model_config_file"):
        words = [*_of_workspace(settings_file, workspace), *words]
    for name, value in _PORTS.items():
        if not _named(words, name):
            words.append(f"--{name}={value}")
    if backend == _REAL:
        program = shutil.which(_REAL)
        if program is None:
            raise UsageError(f"{_REAL} is not on PATH.", "taxiway serve, without --backend")
        os.execv(program, [_REAL, *words])
    if backend == "docker":
        program = shutil.which("docker")
        if program is None:
            raise UsageError("docker is not on PATH.", "taxiway serve, without --backend")
        os.execv(program, _in_docker(words, image))
    _serve_here(words)


def _of_workspace(settings_file: Path | None, workspace: Path | None) -> list[str]:
    from pipeline.workspace import Workspace
    from serving.store import model_config, publish

    settings = load(settings_file, workspace)
    base = Workspace(settings.workspace, settings.name).model_base
    if not publish.versions(base):
        raise UsageError(f"{base}: no version is published yet.", "taxiway run")
    config = base.parent / model_config.CONFIG
    if config.exists() and settings.publish.base_path is None:
        return [f"--model_config_file={config}", _POLL, _LABELS]
    return [f"--model_name={base.name}", f"--model_base_path={base}"]


def _named(words: Sequence[str], flag: str) -> bool:
    return any(word.lstrip("-").partition("=")[0] == flag for word in words)


def _value(words: Sequence[str], flag: str) -> str:
    for place, word in enumerate(words):
        name, separator, value = word.lstrip("-").partition("=")
        if name == flag:
            return value if separator else words[place + 1]
    return ""


def _in_docker(words: Sequence[str], image: str) -> list[str]:
    """Return a command that lets the image see what the flags name, and nobody else its ports."""
    command = ["docker", "run", "--rm", "--init"]
    for flag in _PORTS:
        port = _value(words, flag)
        command += ["--publish", f"127.0.0.1:{port}:{port}"]
    for flag in ("model_base_path", "model_config_file"):
        if _named(words, flag):
            place = Path(_value(words, flag)).resolve()
            folder = place if place.is_dir() else place.parent
            command += ["--mount", f"type=bind,source={folder},target={folder},readonly"]
    return [*command, "--entrypoint", _REAL, image, *words]


def _serve_here(words: Sequence[str]) -> None:
    from serving.server.errors import Code, ServingError
    from serving.server.options import UnusableFlags, parse

    try:
        options = parse(words)
    except UnusableFlags as error:
        end = "" if str(error).endswith("?") else "."
        raise UsageError(f"{error}{end}", "taxiway serve --help") from error
    silence_libraries()
    from serving.server import server  # TensorFlow takes seconds to import

    try:
        server.main(options, _tell)
    except OSError as error:
        raise InfrastructureError(f"{error}.", "choose other ports") from error
    except ServingError as error:
        if error.code == Code.UNKNOWN:  # the flags are right, and the models are not
            raise InfrastructureError(f"{error.message}.", "taxiway registry verify") from error
        raise UsageError(f"{error.message}.", "taxiway serve --help") from error


def _tell(server: ModelServer) -> None:
    for name, base in server.without_versions().items():
        missing = "no version is in" if base.is_dir() else "there is no folder"
        click.echo(f"Waiting for model {name}: {missing} {base}.", err=True)
    rest = "" if server.rest_port is None else f", REST on {server.rest_port}"
    click.echo(f"Serving: gRPC on {server.port}{rest}. End with Ctrl-C.")
