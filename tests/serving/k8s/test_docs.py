"""What docs/kubernetes.md tells to type is there to be typed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from pipeline import settings
from pipeline.cli import taxiway
from tests.conftest import PROJECT
from tests.serving.k8s import rendered

_FILE = PROJECT / "docs" / "kubernetes.md"
_TEXT = rendered.text(_FILE)


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", _TEXT, re.DOTALL | re.MULTILINE)


_COMMANDS = [
    shlex.split(line, comments=True) for block in _blocks("sh") for line in block.splitlines()
]


@pytest.mark.parametrize(
    "words", [words for words in _COMMANDS if words[0] == "taxiway"], ids=" ".join
)
def test_a_command_of_taxiway_takes_these_words(words: list[str]) -> None:
    command: click.Command = taxiway
    rest = words[1:]
    context = click.Context(command)
    while isinstance(command, click.Group):
        _, found, rest = command.resolve_command(context, rest)
        assert found is not None
        command = found
    command.make_context(words[0], list(rest))


def test_the_folders_applied_are_rendered_by_the_tests() -> None:
    applied = {words[3] for words in _COMMANDS if words[2:3] == ["-k"]}
    assert applied <= {f"serving/k8s/{name}" for name in rendered.ALL}
    assert len(applied) == 4


def test_the_objects_named_are_rendered() -> None:
    named = set(re.findall(r"\b(deployment|service|pod)/([\w-]+)", _TEXT))
    objects = {
        (each["kind"].lower(), each["metadata"]["name"])
        for name in rendered.ALL
        for each in rendered.objects(name)
    }
    assert named and named <= objects


def test_the_settings_name_the_folder_that_servers_see(tmp_path: Path) -> None:
    [shown] = _blocks("toml")
    file = tmp_path / "taxiway.toml"
    file.write_text(shown, encoding="utf-8")
    [models] = [
        each["mountPath"]
        for each in rendered.container("overlays/production")["volumeMounts"]
        if each["name"] == "workspace"
    ]
    assert settings.load(file).publish.base_path == f"{models}/flights"


def test_what_it_links_to_exists() -> None:
    linked = re.findall(r"\]\(([^)#:]+)\)", _TEXT)
    assert linked
    for name in linked:
        assert (_FILE.parent / name).exists(), name
