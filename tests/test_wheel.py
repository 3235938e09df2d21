"""A wheel of Taxiway holds all that an installation without a clone requires."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

from tests.conftest import PROJECT, copy_project

_PACKAGES = ("models", "pipeline", "schema", "serving")
_BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, built from the files that git has."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-c", _BUILD, folder],
        cwd=copy_project(folder / "clone"), capture_output=True, text=True, check=True,
    )  # fmt: skip
    [built] = folder.glob("taxiway-*.whl")
    return built


def _files(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as opened:
        return set(opened.namelist())


@pytest.fixture(scope="module")
def description(wheel: Path) -> Message:
    """What the wheel states about itself."""
    with zipfile.ZipFile(wheel) as opened:
        [name] = [name for name in opened.namelist() if name.endswith(".dist-info/METADATA")]
        return Parser().parsestr(opened.read(name).decode())


@pytest.mark.parametrize("package", _PACKAGES)
def test_a_package_states_that_it_has_types(package: str, wheel: Path) -> None:
    assert f"{package}/py.typed" in _files(wheel)


def test_code_and_data_are_in_the_wheel(wheel: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "--", *_PACKAGES],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    expected = {name for name in tracked if "k8s" not in Path(name).parts}
    files = _files(wheel)
    assert expected - files == set()
    assert {name for name in files if ".dist-info/" not in name} == expected


def test_its_licenses_come_along(wheel: Path) -> None:
    assert {Path(name).name for name in _files(wheel) if "/licenses/" in name} == {
        "LICENSE", "NOTICE",
    }  # fmt: skip


def test_its_description_names_the_versions_of_python_that_it_supports(
    description: Message,
) -> None:
    classifiers = description.get_all("Classifier", [])
    prefix = "Programming Language :: Python :: 3."
    minors = [int(text.removeprefix(prefix)) for text in classifiers if text.startswith(prefix)]
    supported = f">=3.{minors[0]},<3.{minors[-1] + 1}"
    assert set(description["Requires-Python"].split(",")) == set(supported.split(","))
    assert minors == list(range(minors[0], minors[-1] + 1))
    assert "Typing :: Typed" in classifiers
    assert description["Keywords"]


def test_its_description_links_to_pages_of_others_only_by_https(description: Message) -> None:
    urls = [text.partition(", ")[2] for text in description.get_all("Project-URL", [])]
    assert urls
    assert all(url.startswith("https://") for url in urls)
