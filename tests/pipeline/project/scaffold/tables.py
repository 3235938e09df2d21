"""Tables that projects are created for, and what `taxiway init` is asked for."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets

from pipeline.project import scaffold
from pipeline.project.scaffold import Proposal, Request
from pipeline.settings import loading
from pipeline.settings.sections import Settings
from tests.conftest import PROJECT


def breast_cancer(folder: Path) -> dict[str, Any]:
    """Write 30 measurements of tumours, with spaces in the names of columns."""
    frame = datasets.load_breast_cancer(as_frame=True).frame
    frame.to_csv(folder / "breast cancer.csv", index=False)
    return {"data": folder / "breast cancer.csv", "label": "target"}


def penguins(folder: Path) -> dict[str, Any]:
    """Write three species of penguins."""
    shutil.copy(PROJECT / "tests/data/penguins.csv", folder / "penguins.csv")
    return {"data": folder / "penguins.csv", "label": "species", "positive": "Adelie"}


def wine(folder: Path) -> dict[str, Any]:
    """Write three kinds of wine, as Parquet."""
    datasets.load_wine(as_frame=True).frame.to_parquet(folder / "wine.parquet", index=False)
    return {"data": folder / "wine.parquet", "label": "target", "positive": "2"}


def korean(folder: Path) -> dict[str, Any]:
    """Write customers, with Korean names and values."""
    random.seed(2)
    rows = pd.DataFrame({
        "고객 번호": [f"K{n:05}" for n in range(3000)],
        "도시": [random.choice(["서울", "부산", "대구 (중구)"]) for _ in range(3000)],
        "나이?": [random.randrange(19, 80) for _ in range(3000)],
        "금액(원)": [random.gauss(30_000, 9_000) for _ in range(3000)],
    })  # fmt: skip
    chance = 0.2 + 0.4 * (rows["금액(원)"] > 30_000) + 0.2 * (rows["도시"] == "서울")
    rows["해지"] = np.where(np.random.default_rng(1).random(3000) < chance, "예", "아니오")
    rows.to_csv(folder / "고객.csv", index=False)
    return {"data": folder / "고객.csv", "label": "해지"}


def decimal_comma(folder: Path) -> dict[str, Any]:
    """Write customers as spreadsheets do in countries with a decimal comma."""
    options = korean(folder)
    rows = pd.read_csv(options["data"])
    rows.to_csv(options["data"], index=False, sep=";", decimal=",", encoding="cp949")
    return options | {"reader": {"encoding": "cp949"}}


def wide(folder: Path) -> dict[str, Any]:
    """Write 500 columns, in a folder."""
    generator = np.random.default_rng(1)
    rows = pd.DataFrame(
        generator.normal(size=(300, 500)), columns=[f"sensor {n:03}" for n in range(500)]
    )
    rows["failed"] = (rows["sensor 007"] + generator.normal(size=300) > 0).astype(int)
    (folder / "wide").mkdir()
    rows.to_parquet(folder / "wide" / "sensors.parquet", index=False)
    return {"data": folder / "wide", "label": "failed"}


def monthly(folder: Path) -> dict[str, Any]:
    """Write five months of rides, by file name."""
    random.seed(3)
    (folder / "rides").mkdir()
    for month in range(1, 6):
        rows = pd.DataFrame({
            # A city that is new in the newest month.
            "city": [random.choice("abcx" if month == 5 else "abc") for _ in range(400)],
            "distance": [random.expovariate(1 / (month * 10)) for _ in range(400)],
            "late": [random.random() < 0.3 for _ in range(400)],
        })  # fmt: skip
        rows.to_csv(folder / "rides" / f"rides-2024-{month:02}.csv", index=False)
    return {"data": folder / "rides", "label": "late"}


def by_time(folder: Path) -> dict[str, Any]:
    """Write five months of rides, by a column."""
    options = monthly(folder)
    parts = [
        pd.read_csv(file).assign(started=f"{file.stem[-7:]}-03 08:30")
        for file in sorted(options["data"].glob("*.csv"))
    ]
    pd.concat(parts).to_csv(folder / "all.csv", index=False)
    return {"data": folder / "all.csv", "label": "late", "time": "started"}


def create(make: Callable[[Path], dict[str, Any]], folder: Path) -> tuple[Proposal, Settings]:
    """Create a project, and return what was decided and its settings."""
    proposal = scaffold.create(Request(folder=folder / "project", **make(folder)))
    return proposal, loading.load(folder / "project" / "taxiway.toml")
