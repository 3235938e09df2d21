"""Reading a policy, and refusing a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from schema import policy
from tests.conftest import PROJECT


def _load(folder: Path, text: str) -> policy.Policy:
    (folder / "policy.toml").write_text(text)
    return policy.load(folder / "policy.toml")


def test_without_a_file_everything_stops() -> None:
    default = policy.load(None)
    warned = {"unlearnable", "rare_values"}
    for kind in policy.Kinds.model_fields.keys() - warned:
        assert default.decide(kind).action == "stop"
    for kind in warned:
        assert (default.decide(kind).action, bool(default.decide(kind).reason)) == ("warn", True)


def test_a_feature_can_differ_from_its_kind(tmp_path: Path) -> None:
    loaded = _load(
        tmp_path,
        '[kinds.drift]\naction = "warn"\nreason = "seasons"\n'
        '[kinds.drift.features.origin]\naction = "stop"\n',
    )
    assert loaded.decide("drift", "temp").action == "warn"
    assert loaded.decide("drift", "origin").action == "stop"
    assert loaded.decide("skew", "temp").action == "stop"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[kinds.drift]\naction = "warn"\n', "requires a reason"),
        ('[kinds.drift]\naction = "warm"\nreason = "x"\n', "'stop', 'warn' or 'ignore'"),
        ('[kinds.drifts]\naction = "stop"\n', "Extra inputs are not permitted"),
        ("[limits]\nmin_rows = 0\n", "greater than or equal to 1"),
        ("[limits\n", "Expected"),
    ],
)
def test_a_wrong_policy_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _load(tmp_path, text)


def test_the_projects_policy_gives_a_reason_for_what_does_not_stop() -> None:
    kinds = policy.load(PROJECT / "schema" / "policy.toml").kinds
    for kind in policy.Kinds.model_fields:
        rule = getattr(kinds, kind)
        for decision in [rule, *rule.features.values()]:
            assert decision.action == "stop" or decision.reason
