"""A report that nobody measured, for what is done with reports."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.driver.records import Measurement, Report, Run
from benchmarks.families.registry import WORKLOADS
from benchmarks.workload import Reach


def run(name: str, *rounds: float, ratios: tuple[float, ...] = ()) -> Run:
    return Run(name, name.upper(), rounds=[*rounds], ratios=[*ratios], compile_seconds=0.5)


TWICE = Reach(ratio=2)


def measurement(reach: Reach = TWICE) -> Measurement:
    """graphc takes 1 ms at the median, JAX 1.5 ms, NumPy 8 ms; PyTorch is absent.

    On one thread graphc takes 1.9 ms, where that one could do the work in 1 ms.
    """
    absent = Run("torch", "TORCH")
    absent.stop("absent", "No module named 'torch'")
    return Measurement(
        replace(WORKLOADS["fused_elementwise"], reach=reach),
        "float32",
        run("graphc", 1.1e-3, 1e-3, 0.9e-3),
        [
            run("numpy", 8e-3, 9e-3, 7e-3, ratios=(7.0, 9.0, 8.0)),
            run("jax", 1.5e-3, 1.6e-3, 1.4e-3, ratios=(1.5, 1.4, 1.6)),
            absent,
        ],
        alone=run("graphc-alone", 1.8e-3, 1.9e-3, 2e-3, ratios=(1.8, 1.9, 1.95)),
        flops=100_000_000,
        least_seconds=0.5e-3,
        alone_seconds=1e-3,
    )


def report() -> Report:
    return Report(
        {"cpu": "a cpu", "cores": 4, "load": 0.0},
        {"threads": 2, "copy_bytes": 40e9, "flops": {"float32": 500e9, "float64": 250e9}},
        {"small": False},
        [measurement()],
        {"threads": 1, "copy_bytes": 30e9, "flops": {"float32": 250e9, "float64": 125e9}},
    )
