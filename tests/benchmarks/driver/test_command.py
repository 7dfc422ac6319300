"""`graphc bench` as users type it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from benchmarks.driver import command, limits
from graphc import cli


@pytest.fixture(autouse=True)
def quick_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits are tested by themselves."""
    flops = {"float32": 1e9, "float64": 1e9}
    monkeypatch.setattr(command.limits, "probe", lambda threads: limits.Limits(threads, 1e9, flops))


def bench(*words: str) -> Result:
    return CliRunner().invoke(cli.main, ["bench", *words], prog_name="graphc")


def test_a_workload_is_measured_and_reported(tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    words = ["sum_axis0", "--dtype", "int32", "--peers", "numpy", "--threads", "1"]
    result = bench(*words, "--rounds", "1", "--small", "--json", str(file))
    assert result.exit_code == 0, result.output
    assert "sum_axis0 int32" in result.stdout
    assert "sizes are tiny" in result.stdout
    (found,) = json.loads(file.read_text())["measurements"]
    assert found["graphc"]["status"] == found["peers"][0]["status"] == "measured"
    assert found["graphc"]["difference"] == found["peers"][0]["difference"] == 0
    assert found["least_seconds"] == pytest.approx(6 * 10 * 4 / 1e9)
    assert [path.name for path in tmp_path.iterdir()] == ["found.json"]


def test_flops_and_the_limits_of_one_thread_are_reported(tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    words = ["matmul_512", "--dtype", "float32", "--peers", "numpy"]
    result = bench(*words, "--rounds", "1", "--small", "--json", str(file))
    assert result.exit_code == 0, result.output
    assert "limits of one thread: " in result.stdout
    (found,) = json.loads(file.read_text())["measurements"]
    assert found["flops"] == 2 * 20 * 21 * 22
    assert found["graphc"]["flops_a_second"] > 0
    assert found["graphc_alone"]["share"] > 0


def test_products_are_shown_and_kept_where_that_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    words = ["matmul_512", "--dtype", "float64", "--peers", "numpy", "--rounds", "1", "--small"]
    result = bench(*words, "--products", "--threads", "1", "--json", str(file))
    assert result.exit_code == 0, result.output
    title, *rows = result.stdout[result.stdout.index("rows x columns x depth") :].splitlines()
    assert "of peak" in title and any("matmul" in row for row in rows)
    (found,) = json.loads(file.read_text())["measurements"]
    (job,) = found["graphc"]["profile"]["jobs"]
    assert job["flops"] == found["flops"] == 2 * 20 * 21 * 22
    plain = bench(*words, "--threads", "1", "--json", str(file))
    assert "rows x columns x depth" not in plain.stdout
    assert json.loads(file.read_text())["measurements"][0]["graphc"]["profile"] is None


def test_the_list() -> None:
    result = bench("--list")
    assert result.exit_code == 0
    assert "  sgd_step" in result.stdout
    assert "torch-compile (PyTorch compiled)" in result.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sgd_stop"], "there is no workload sgd_stop; did you mean sgd_step?"),
        (["call", "--peers", "numpi"], "there is no peer numpi; did you mean numpy?"),
        (["call", "--peers", "graphc"], "there is no peer graphc; "),
        (["call", "--dtype", "int32"], "none of these workloads makes sense in int32"),
        (["call", "--threads", "4096"], "4096 threads need as many cores; there are "),
    ],
)
def test_errors(words: list[str], message: str) -> None:
    result = bench(*words)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: {message}")


def test_what_fails_is_an_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "run", lambda names, **options: False)
    assert bench("call").exit_code == 1


def test_it_needs_the_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "__file__", str(tmp_path / "graphc" / "cli.py"))
    result = bench("--list")
    assert (result.exit_code, result.stdout) == (1, "")
    assert (
        result.stderr == "Error: the benchmarks are not installed with graphc; run a clone of it\n"
    )
