"""Recorded figures to analyse."""

from __future__ import annotations

from typing import Any

from serving.sizing.results.result import (
    Cell,
    Check,
    Figures,
    Memory,
    Recommendation,
    Sizing,
    SizingRequest,
)


def figures(per_second: float = 1000.0, p99_ms: float = 20.0, **fields: Any) -> Figures:
    """Return the figures of one load."""
    values: dict[str, Any] = {
        "requests": 2000, "errors": 0, "p50_ms": p99_ms / 4, "p95_ms": p99_ms / 2,
        "cpu_ms": 0.9, "memory_bytes": 600 << 20,
    }  # fmt: skip
    return Figures(per_second=per_second, p99_ms=p99_ms, **(values | fields))


def cell(
    rates: tuple[float, ...] = (980.0, 1000.0, 1010.0),
    p99s: tuple[float, ...] = (18.0, 20.0, 22.0),
    protocol: str = "grpc",
    batch: int = 1,
    concurrency: int = 4,
    **fields: Any,
) -> Cell:
    """Return a cell whose repeats had these rates and p99s."""
    repeats = tuple(figures(rate, p99, **fields) for rate, p99 in zip(rates, p99s))
    return Cell(protocol=protocol, batch=batch, concurrency=concurrency, repeats=repeats)


def sizing(**fields: Any) -> Sizing:
    """Return a sizing that recommends 4,200 rows/s a replica, for 20,000."""
    steady = figures(525.0, cpu_ms=1.0)
    full = Check(promised_rows=6000, measured=figures(750.0), measured_rows=6000, holds=True)
    recommendation = Recommendation(
        protocol="grpc", batch=8, concurrency=4, capacity=6000, rate=4200, replicas=5, cpus=0.73,
        full=full,
        steady=Check(promised_rows=4200, measured=steady, measured_rows=4200, holds=True),
    )  # fmt: skip
    values: dict[str, Any] = {
        "model": "flights", "version": 3, "server": "Taxiway's own server",
        "at": "2026-11-23T10:00:00+00:00", "request": SizingRequest(rate=20_000.0),
        "server_cpus": (0,),
        "generator_cpus": (1,),
        "cells": (
            cell(), cell(batch=8, rates=(740.0, 750.0, 760.0)),
            cell(protocol="rest"), cell(protocol="rest", batch=8, p99s=(20.0, 60.0, 90.0)),
        ),
        "memory": Memory(loaded=600 << 20, driven=640 << 20, swap=700 << 20),
        "recommendation": recommendation,
        "caveats": ("Server (CPU 0) and load generator (CPU 1) share this machine.",),
    }  # fmt: skip
    return Sizing(**(values | fields))
