"""Measuring the contenders of a benchmark."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.bench import measure


def test_a_contender_is_measured_from_start_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "busy.py").write_text(
        "import sys\nfrom pathlib import Path\nfrom scripts.bench.measure import Recorder\n"
        "recorder = Recorder()\n"
        "with recorder.part('fill'):\n    rows = bytearray(200 << 20)\n"
        "recorder.save(Path(sys.argv[2]) / 'measured.json', 0.5)\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path.cwd()}")
    result = measure.run("busy", tmp_path, tmp_path)
    assert result.auc == 0.5
    assert 200 < result.parts["fill"].peak_mb <= result.total.peak_mb
    assert result.total.wall >= result.parts["fill"].wall


def test_a_failed_contender_is_reported_with_its_log(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=f"no_such_contender failed; see {tmp_path}/log"):
        measure.run("no_such_contender", tmp_path, tmp_path)
    assert "No module named" in (tmp_path / "log").read_text()
    assert sys.executable in (tmp_path / "log").read_text()


def test_memory_is_not_inherited_from_the_parent_process(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from scripts.bench.measure import Recorder; "
        "Recorder().save(Path(sys.argv[1]), 0.0)"
    )
    parent = (
        "import subprocess, sys; x = bytearray(600 << 20); del x; "
        "subprocess.run([sys.executable, '-c', *sys.argv[1:]], check=True)"
    )
    file = tmp_path / "measured.json"
    subprocess.run([sys.executable, "-c", parent, program, file], check=True)
    assert json.loads(file.read_text())["peak_mb"] < 300
