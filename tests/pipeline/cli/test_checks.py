"""What `taxiway doctor` checks, on this machine and on worse ones."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli import checks
from pipeline.cli.checks import Check
from pipeline.settings.metadata import MetadataSettings
from pipeline.settings.sections import Settings
from tests.conftest import PROJECT, taxiway
from tests.pipeline.databases import PASSWORD, mariadb


def _named(results: list[Check], name: str) -> Check:
    return next(check for check in results if check.name == name)


def test_this_machine_is_fit(tmp_path: Path) -> None:
    done = taxiway("doctor", "--workspace", tmp_path / "new")
    assert done.returncode == 0, done.stdout
    assert "✗" not in done.stdout
    assert not (tmp_path / "new").exists()


def test_json_holds_the_same_checks(tmp_path: Path) -> None:
    done = taxiway("doctor", "--json", "--workspace", tmp_path)
    results = json.loads(done.stdout)["checks"]
    assert {check["name"] for check in results} == {
        "Python", "g++", "packages", "memory", "workspace", "disk", "files", "source",
    }  # fmt: skip
    assert all(check["passed"] for check in results)


def test_wrong_settings_are_a_finding(tmp_path: Path) -> None:
    (tmp_path / "taxiway.toml").write_text("workspce = 1\n")
    done = taxiway("doctor", cwd=tmp_path)
    assert done.returncode == 2
    assert "✗ settings" in done.stdout
    assert "did you mean workspace?" in done.stdout
    assert "taxiway settings --schema" in done.stdout
    assert "✓ Python" in done.stdout


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ('features = "none.toml"', "files", "features: there is no file {folder}/none.toml."),
        ('schema_file = "none"', "files", "schema_file: there is no file {folder}/none."),
        ('policy_file = "none"', "files", "policy_file: there is no file {folder}/none."),
        (
            '[train]\nrun_fn = "mine.run"',
            "files",
            "train.run_fn: there is no function mine.run because there is no module mine.",
        ),
        ("[source]\nspan = 7", "source", "there is no span 7; the source has 201301 to 201312."),
        (
            '[source]\nkind = "folder"\npath = "none"',
            "source",
            "{folder}/none: no such file or folder.",
        ),
    ],
)
def test_what_a_run_would_refuse_is_a_finding(
    tmp_path: Path, text: str, name: str, said: str
) -> None:
    whole = f"""features = "{PROJECT}/models/flights.toml"
schema_file = "{PROJECT}/schema/schema.pbtxt"
"""
    kept = [line for line in whole.splitlines() if line.partition(" ")[0] not in text]
    file = tmp_path / "taxiway.toml"
    file.write_text("\n".join([*kept, text]))
    done = taxiway("doctor", "--settings", file, "--workspace", tmp_path / "new")
    assert done.returncode == 2
    assert f"✗ {name:<12} {said.format(folder=tmp_path)}" in done.stdout


def test_a_workspace_in_a_file_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = taxiway("doctor", "--workspace", tmp_path / "file" / "workspace")
    assert done.returncode == 2
    assert "✗ workspace" in done.stdout


def test_a_missing_compiler_is_a_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    check = _named(checks.check_machine(), "g++")
    assert (check.passed, check.detail) == (False, "none")


def _with_lock(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str) -> Check:
    lock = folder / "requirements.lock"
    lock.write_text(text)
    monkeypatch.setattr(checks, "_LOCK", lock)
    return _named(checks.check_machine(), "packages")


def test_the_project_s_lock_is_understood() -> None:
    entries = re.findall(r"^\S+==", (PROJECT / "requirements.lock").read_text(), re.MULTILINE)
    assert len(entries) > 100
    assert _named(checks.check_machine(), "packages").passed


def test_packages_that_differ_from_the_lock_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    check = _with_lock(
        monkeypatch,
        tmp_path,
        "click==0.1 ; python_version >= '3' \\\n    --hash=sha256:00\n"
        "no-such-package==1.0 ; python_version >= '3' \\\n    --hash=sha256:00\n"
        "of-the-other-line==1.0 ; python_version < '3' \\\n    --hash=sha256:00\n",
    )
    assert not check.passed
    assert "click is " in check.detail and "not ==0.1" in check.detail
    assert "no-such-package is missing" in check.detail
    assert "other" not in check.detail


def test_an_installation_without_a_lock_passes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(checks, "_LOCK", tmp_path / "none")
    assert _named(checks.check_machine(), "packages").passed


@pytest.mark.parametrize(("limit", "passes"), [("1073741824", False), ("max", True)])
def test_a_container_s_memory_limit_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, limit: str, passes: bool
) -> None:
    file = tmp_path / "memory.max"
    file.write_text(limit + "\n")
    monkeypatch.setattr(checks, "_CONTAINER_LIMIT", file)
    assert _named(checks.check_machine(), "memory").passed is passes


@pytest.mark.parametrize(
    ("version", "libc", "passes"),
    [
        ((3, 10, 13), "2.28", True),
        ((3, 11, 7), "2.36", False),
        ((3, 11, 7), "2.38", True),
        ((3, 13, 0), "2.41", True),
        ((3, 14, 0), "2.41", False),
        ((3, 11, 7), "", False),  # not glibc at all
    ],
)
def test_each_python_has_its_oldest_glibc(
    monkeypatch: pytest.MonkeyPatch, version: tuple[int, ...], libc: str, passes: bool
) -> None:
    monkeypatch.setattr(checks.sys, "version_info", version)
    monkeypatch.setattr(checks.platform, "libc_ver", lambda: ("glibc", libc))
    assert _named(checks.check_machine(), "Python").passed is passes


def test_a_remedy_is_shown_only_for_what_failed() -> None:
    table = checks.as_table([Check("good", True, "fine", "no"), Check("bad", False, "off", "yes")])
    assert table.splitlines() == ["✓ good         fine", "✗ bad          off", "    yes"]


def test_a_full_disk_is_a_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(checks, "_DISK_GB", shutil.disk_usage(tmp_path).total)
    check = _named(checks.check_project(Settings(workspace=tmp_path)), "disk")
    assert not check.passed


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_a_finding(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    check = _named(checks.check_project(Settings(workspace=tmp_path)), "workspace")
    assert not check.passed


def test_looking_does_not_import_tensorflow() -> None:
    code = (
        "import sys; from pipeline.cli import checks; checks.check_machine();"
        "print(sorted({'tensorflow', 'apache_beam', 'tfx'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """A MariaDB server's port and socket."""
    if not (shutil.which("mariadbd") or Path("/usr/sbin/mariadbd").exists()):
        pytest.skip("no MariaDB server; on Debian: apt-get install mariadb-server-core")
    folder = tmp_path_factory.mktemp("mariadb")
    with mariadb(folder) as port:
        yield port, folder / "socket"


def _metadata(folder: Path, **server: Any) -> Check:
    settings = Settings(
        workspace=folder,
        metadata=MetadataSettings(host="127.0.0.1", database="taxiway_d", **server),
    )
    return _named(checks.check_project(settings), "metadata")


def test_a_database_is_reached_and_written_to(
    database: tuple[int, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, socket = database
    monkeypatch.setenv("TAXIWAY_METADATA_PASSWORD", PASSWORD)
    for _ in range(2):
        good = _metadata(tmp_path, port=port)
        assert (good.passed, good.detail) == (True, f"taxiway_d at 127.0.0.1:{port}, as taxiway")

    reader = "CREATE USER reader IDENTIFIED BY 'r'; GRANT SELECT, CREATE ON taxiway_d.* TO reader"
    subprocess.run(["mariadb", "--no-defaults", f"--socket={socket}", "-uroot", "-e", reader],
                   check=True)  # fmt: skip
    monkeypatch.setenv("TAXIWAY_METADATA_PASSWORD", "r")
    bad = _metadata(tmp_path, port=port, user="reader")
    assert bad.detail == f"user reader may not write to database taxiway_d at 127.0.0.1:{port}."
    assert bad.remedy == "GRANT ALL ON taxiway_d.* TO 'reader'@'%'"

    monkeypatch.setenv("TAXIWAY_METADATA_PASSWORD", "wrong")
    assert "refuses user taxiway with the given password" in _metadata(tmp_path, port=port).detail


def test_a_database_that_is_not_there(tmp_path: Path) -> None:
    assert "no server answers at 127.0.0.1:1" in _metadata(tmp_path, port=1).detail
