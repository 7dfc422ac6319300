from __future__ import annotations

import io
import json

from rich.console import Console

from benchmarks.driver.report import show
from tests.benchmarks.made_up import report


def shown() -> list[str]:
    console = Console(file=io.StringIO())
    show(report(), console)
    assert isinstance(console.file, io.StringIO)
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]


def test_the_tables_say_what_was_measured() -> None:
    lines = shown()
    assert "a cpu, 2 threads of 4 cores" in lines
    assert (
        "limits: copying 40.0 GB/s (read and written), 500 GFLOP/s float32, 250 GFLOP/s float64"
        in lines
    )
    assert "fused_elementwise float32 GRAPHC 1.00 ms 100 50% 500 ms" in lines
    assert "JAX 1.50 ms 1.50x (1.40 to 1.60) 66.7 33% 500 ms" in lines
    assert "GRAPHC-ALONE 1.90 ms 1.90x (1.80 to 1.95) 52.6 53% 500 ms" in lines
    assert (
        "limits of one thread: copying 30.0 GB/s (read and written), 250 GFLOP/s float32, "
        "125 GFLOP/s float64" in lines
    )
    assert "TORCH absent No module named 'torch'" in lines
    assert "fused_elementwise float32 speed against JAX 1.50x 2x missed by 25%" in lines


def test_the_data_is_json_and_has_every_round() -> None:
    (found,) = json.loads(json.dumps(report().data(), allow_nan=False))["measurements"]
    jax = found["peers"][1]
    assert jax["ratios"] == [1.5, 1.4, 1.6]
    assert jax["ratio"] == {"median": 1.5, "least": 1.4, "most": 1.6}
    assert found["graphc"]["seconds"]["median"] == 1e-3
    assert found["graphc"]["share"] == 0.5
    assert found["graphc"]["flops_a_second"] == 100e9
    assert found["peers"][2]["seconds"] is None


def test_a_report_is_sound_unless_something_failed_or_differed() -> None:
    found = report()
    assert found.is_sound
    found.measurements[0].peers[0].stop("differs", "by 1")
    assert not found.is_sound
