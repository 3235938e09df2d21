"""Damaged models: none becomes visible."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from serving.errors import DamagedModel
from serving.store import publish, verify
from serving.validation import model_check
from tests.proof import Proof
from tests.serving.damage import DAMAGES, ONLY_IN_A_FRESH_PROCESS
from tests.serving.promises import violations
from tests.serving.publishers import FACTS
from tests.serving.tiny import SIGNATURES

Another = Callable[[object], Path]


def _in_this_process(folder: Path) -> None:
    problems = model_check.check(folder, SIGNATURES)
    if problems:
        raise DamagedModel(folder, "; ".join(problems), "export it again")


_in_a_fresh_process = functools.partial(verify.in_worker_process, expected=SIGNATURES)


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_model_never_becomes_visible(
    name: str, saved_model: Path, another: Another, tmp_path: Path, proof: Proof, full: bool
) -> None:
    if name in ONLY_IN_A_FRESH_PROCESS or full:
        verifier: Callable[[Path], None] = _in_a_fresh_process
    else:
        verifier = _in_this_process
    base, model = tmp_path / "base", tmp_path / "model"
    publish.publish(another("good"), base, FACTS, lambda _: None)
    shutil.copytree(saved_model, model)
    DAMAGES[name](model)
    broken = []
    try:
        publish.publish(model, base, FACTS, verifier)
        broken.append(f"{name}: was published")
    except DamagedModel as error:
        assert error.what and error.next_step
    broken += violations(base, 1, clean=True)
    publish.publish(another("better"), base, FACTS, lambda _: None)
    broken += violations(base, 2, clean=True)
    proof.case("damaged models", broken)
    assert not broken
