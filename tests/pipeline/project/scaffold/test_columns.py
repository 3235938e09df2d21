"""What the columns of a table are used for."""

from __future__ import annotations

import datetime
import random
from pathlib import Path

import pandas as pd
import pytest

from pipeline.errors import UsageError
from pipeline.project.scaffold.columns import Decision
from pipeline.project.scaffold.proposal import Proposal, Request, propose

_ROWS = 2000


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    random.seed(1)
    late = [int(random.random() < 0.3) for _ in range(_ROWS)]
    day = datetime.date(2024, 1, 1)
    return pd.DataFrame({
        "late": late,
        "customerId": [f"C{n:06}" for n in random.sample(range(10**6), _ROWS)],
        "row": range(_ROWS),
        "phone": [10**10 + random.randrange(10**9) for _ in range(_ROWS)],
        "income": random.sample(range(20_000, 90_000), _ROWS),
        "country": "KR",
        "empty": None,
        "rare": [1.5 if n < 5 else None for n in range(_ROWS)],
        "flag": ["x" if random.random() < 0.2 else None for _ in range(_ROWS)],
        "booked": [str(day + datetime.timedelta(random.randrange(300))) for _ in range(_ROWS)],
        "German day": [
            (day + datetime.timedelta(random.randrange(300))).strftime("%d.%m.%Y")
            for _ in range(_ROWS)
        ],
        "compact": [
            int((day + datetime.timedelta(random.randrange(300))).strftime("%Y%m%d"))
            for _ in range(_ROWS)
        ],
        "created_at": [1_704_067_200 + random.randrange(10**7) for _ in range(_ROWS)],
        "arrival_delay": [16 + random.randrange(99) if y else random.randrange(16) for y in late],
        "status": ["delayed" if y else random.choice(["on time", "early"]) for y in late],
        "refund": [random.random() if y else None for y in late],
        "hint": [y + random.gauss(0, 0.45) for y in late],
        "street": [f"street {random.randrange(900)}" for _ in range(_ROWS)],
        "city": [random.choice(["서울", "부산", "Zürich"]) for _ in range(_ROWS)],
        "weight": [str(random.randrange(90)) if random.random() < 0.97 else "heavy?"
                   for _ in range(_ROWS)],
        "hour": [random.randrange(6, 23) for _ in range(_ROWS)],
        "dayOfWeek": [random.randrange(1, 8) for _ in range(_ROWS)],
        "월": [random.randrange(1, 13) for _ in range(_ROWS)],
        "per hour": [random.random() for _ in range(_ROWS)],
        "seats": [random.randrange(1, 300) for _ in range(_ROWS)],
        "distance": [random.gauss(100, 20) for _ in range(_ROWS)],
    })  # fmt: skip


def _propose(folder: Path, rows: pd.DataFrame, **options: object) -> Proposal:
    file = folder / "rides.csv"
    rows.to_csv(file, index=False)
    return propose(Request(file, folder, "late", **options))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def decisions(rows: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Decision]:
    proposal = _propose(tmp_path_factory.mktemp("columns"), rows)
    return {decision.column: decision for decision in proposal.decisions}


@pytest.mark.parametrize(
    ("column", "role", "reason"),
    [
        ("late", "label", "stated with --label"),
        ("customerId", "left out", "id-like: "),
        ("row", "left out", "id-like: whole numbers without a gap"),
        ("phone", "left out", "id-like: "),
        ("income", "numeric", "whole number"),
        ("country", "left out", "constant"),
        ("empty", "left out", "no value in any train row"),
        ("rare", "left out", ""),
        ("flag", "categorical", "text with 1 value"),
        ("booked", "left out", "dates or times"),
        ("German day", "left out", "dates or times"),
        ("compact", "left out", "dates or times"),
        ("created_at", "left out", "dates or times"),
        ("arrival_delay", "left out", "suspected leak: it alone has an AUC of 1.000"),
        ("status", "left out", "suspected leak"),
        ("refund", "left out", "suspected leak"),
        ("hint", "numeric", "number"),
        ("street", "left out", "high cardinality"),
        ("city", "categorical", "text with 3 values"),
        ("weight", "categorical", "are numbers"),
        ("hour", "bucket", "part of a date, 6 to 22"),
        ("dayOfWeek", "bucket", "part of a date, 1 to 7"),
        ("월", "bucket", "part of a date, 1 to 12"),
        ("per hour", "numeric", "number"),
        ("seats", "numeric", "whole number"),
        ("distance", "numeric", "number"),
    ],
)
def test_a_column_has_a_role_and_a_reason(
    decisions: dict[str, Decision], column: str, role: str, reason: str
) -> None:
    decision = decisions[column]
    assert decision.role == role, decision
    assert reason in decision.reason


def test_every_column_is_decided_in_the_order_of_the_table(
    rows: pd.DataFrame, decisions: dict[str, Decision]
) -> None:
    assert list(decisions) == list(rows.columns)


def test_a_column_that_is_left_out_states_how_to_use_it(decisions: dict[str, Decision]) -> None:
    assert "--keep arrival_delay" in decisions["arrival_delay"].remedy
    assert "--time booked" in decisions["booked"].remedy
    assert "--key" in decisions["customerId"].remedy
    assert "'German day'" in decisions["German day"].remedy


def test_missing_shares_and_buckets_are_stated(decisions: dict[str, Decision]) -> None:
    assert decisions["empty"].missing == 1
    assert 0.7 < decisions["flag"].missing < 0.9
    assert decisions["hour"].size == 24
    assert decisions["dayOfWeek"].size == 8
    assert decisions["월"].size == 13


def test_a_strong_column_is_used_but_the_user_is_asked_to_check_it(
    decisions: dict[str, Decision],
) -> None:
    assert 0.93 < (decisions["hint"].auc or 0) < 0.97
    assert "check that its value is available before the prediction" in decisions["hint"].remedy
    assert decisions["distance"].remedy == ""


def test_the_user_has_the_last_word(rows: pd.DataFrame, tmp_path: Path) -> None:
    proposal = _propose(
        tmp_path, rows, keep=("arrival_delay", "booked"), drop=("city",), keys=("customerId",)
    )
    roles = {decision.column: decision.role for decision in proposal.decisions}
    assert roles["arrival_delay"] == "numeric"
    assert roles["booked"] == "categorical"
    assert roles["city"] == "left out"
    assert roles["customerId"] == "key"
    assert 'split_keys = ["customerId"]' in proposal.contents["taxiway.toml"]


def test_a_table_without_a_usable_column_is_refused_with_the_reasons(
    rows: pd.DataFrame, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="no column is left to predict late from") as error:
        _propose(tmp_path, rows[["late", "customerId", "arrival_delay"]])
    assert "arrival_delay: suspected leak" in error.value.what
    assert "--keep" in error.value.next_step


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label": "lat"}, "--label lat: the table has no such column; did you mean late"),
        ({"keys": ("customer",)}, "--key: no column customer; did you mean customerId"),
        ({"time": "bookd"}, "--time: no column bookd"),
        ({"keep": ("zzz",)}, "--keep zzz: .* columns: late, customerId"),
        ({"drop": ("zzz",)}, "--drop zzz: "),
    ],
)
def test_a_column_that_does_not_exist_is_named_with_the_nearest(
    rows: pd.DataFrame, tmp_path: Path, options: dict[str, object], message: str
) -> None:
    rows[:200].to_csv(tmp_path / "rides.csv", index=False)
    values = {"label": "late"} | options
    with pytest.raises(UsageError, match=message):
        propose(Request(tmp_path / "rides.csv", tmp_path, **values))  # type: ignore[arg-type]
