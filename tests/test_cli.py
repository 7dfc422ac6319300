"""The command as users type it: what it prints, where, and its exit code."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import graphc
from graphc.cli import main
from graphc.inspection.stages import TAKES
from tests.inspection.targets import AFFINE, FAILING, FEEDS, PERCEPTRON, STOPPED, line_of

STEP = f"{PERCEPTRON}:step"
FEED = [word for name, text in FEEDS.items() for word in ("--feed", f"{name}={text}")]


def call(*words: str) -> Result:
    return CliRunner().invoke(main, words, prog_name="graphc")


def printed(*words: str) -> str:
    result = call(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_version() -> None:
    assert re.fullmatch(r"graphc (\d+\.\d+.*|\(not installed\))\n", printed("--version"))


@pytest.mark.parametrize(
    "command", [[], ["show"], ["info"], ["run"], ["profile"], ["check"], ["cache"]]
)
def test_every_command_has_help(command: list[str]) -> None:
    assert printed(*command, "--help").startswith(f"Usage: graphc {' '.join(command)}".rstrip())


def test_derivatives_are_checked_with_an_exit_code(tmp_path: Path) -> None:
    words = ["check", STEP, "--fetch", "loss", "--first-order", "--directions", "1"]
    assert printed(*words).endswith("all 8 derivatives agree\n")
    assert json.loads(printed(*words, "--json"))["ok"] is True
    file = tmp_path / "stopped.graph"
    file.write_text(STOPPED, encoding="utf-8")
    found = call("check", str(file), "--first-order")
    assert found.exit_code == 1
    assert "6 of 12 derivatives disagree" in found.stdout


@pytest.mark.parametrize("stage", TAKES)
@pytest.mark.parametrize("target", [STEP, str(AFFINE)])
def test_every_stage_is_printed_as_text_and_as_data(target: str, stage: str) -> None:
    assert len(printed("show", target, "--stage", stage).splitlines()) > 4
    data = json.loads(printed("show", target, "--stage", stage, "--json"))
    assert data["stage"] == stage


def test_the_graph_is_shown_unless_another_stage_is_named() -> None:
    text = printed("show", str(AFFINE))
    assert text == printed("show", str(AFFINE), "--stage", "graph")
    assert text.startswith("graph @affine(%x: f32[batch, 3], variable %w: f32[3, 2]) -> ")


def test_what_is_shown_can_be_narrowed() -> None:
    whole = printed("show", STEP)
    assert "update %w1" in whole
    assert "update %w1" not in printed("show", STEP, "--fetch", "loss")
    assert printed("show", STEP, "--stage", "kernels", "--kernel", "1").startswith("kernel 1\n")
    assert "fma(" not in printed("show", STEP, "--stage", "optimized", "--pass", "cse")
    assert "| end" in printed("show", STEP, "--stage", "memory", "--dim", "batch=4")
    assert "; preds =" in printed("show", STEP, "--stage", "llvm", "--optimized")


def test_a_profile_as_text_and_as_data() -> None:
    words = ("profile", STEP, *FEED, "--repeat", "2", "--threads", "1")
    text = printed(*words)
    assert re.match(r"\S+ \w+ in the median of 2 runs, .* at best; 1 thread, batch = 4\n\n", text)
    assert "peak of multiplying and adding on one thread: " in text
    data = json.loads(printed(*words, "--apart", "--json"))
    assert data["repeats"] == 2 and data["sizes"] == {"batch": 4}
    assert all(len(job["launches"]) == 1 for job in data["jobs"])
    assert {"seconds", "share_of_peak", "bytes_a_second"} <= data["jobs"][0].keys()


def test_a_view_can_be_kept_and_used_as_a_target(tmp_path: Path) -> None:
    file = tmp_path / "step.graph"
    result = call("show", STEP, "--out", str(file))
    assert (result.exit_code, result.stdout) == (0, "")
    assert f"wrote {file}\nwrote {file.with_suffix('.npz')}\n" in result.stderr
    values = [
        json.loads(printed("run", target, *FEED, "--json"))["results"][name]
        for target, name in ((STEP, "loss"), (str(file), _first_fetch(file)))
    ]
    assert values[0] == values[1]


def _first_fetch(file: Path) -> str:
    return str(json.loads(printed("info", str(file), "--json"))["fetches"][0]["name"])


def test_info() -> None:
    text = printed("info", STEP, "--dim", "batch=8")
    assert text.startswith(f"{STEP}: graph @step\n")
    assert "50 parameters, 50 of them trainable; " in text
    data = json.loads(printed("info", STEP, "--dim", "batch=8", "--json"))
    assert data["memory"]["peak"]["bytes"] > 224


def test_run() -> None:
    text = printed("run", STEP, *FEED, "--repeat", "3")
    assert re.search(r"^loss: f32\[\] = \d", text, re.MULTILINE)
    assert re.search(r"^w1 +f32\[6, 5\] ", text, re.MULTILINE)
    assert re.search(r"^compiled in .*; ran 3 times: .* at best, ", text, re.MULTILINE)
    reference = printed("run", STEP, *FEED, "--reference")
    assert "interpreted with NumPy; ran in " in reference


def test_a_seed_makes_other_numbers_and_the_same_seed_the_same() -> None:
    runs = [
        json.loads(printed("run", STEP, *FEED, "--seed", seed, "--json"))["results"]
        for seed in ("1", "1", "2")
    ]
    assert runs[0] == runs[1] != runs[2]


def test_results_are_kept(tmp_path: Path) -> None:
    result = call("run", STEP, *FEED, "--fetch", "loss", "--out", str(tmp_path / "out"))
    assert f"wrote {tmp_path / 'out' / 'loss.npy'}\n" in result.stderr
    assert np.load(tmp_path / "out" / "loss.npy").dtype == np.float32


def test_files_are_fed(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((2, 3), np.float32))
    np.savez(tmp_path / "w.npz", w=np.ones((3, 2), np.float32))
    feeds = ["--feed", f"x={tmp_path / 'x.npy'}", "--feed", f"w={tmp_path / 'w.npz'}"]
    assert "loss: f32[] = 36." in printed("run", str(AFFINE), *feeds)


_AT = line_of(FAILING, "divides by zero")
_HELP = "Usage: graphc {0} [OPTIONS] TARGET\nTry 'graphc {0} --help' for help.\n\nError: "


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["show", "absent.py:f"], 1, "Error: there is no file absent.py\n"),
        (["show", "absent.graph"], 1, "Error: there is no file absent.graph\n"),
        (
            ["show", f"{FAILING}:divide"],
            1,
            f"Error: there is no function divide in {FAILING}; did you mean divides?\n",
        ),
        (
            ["show", f"{FAILING}:divides"],
            1,
            f"Error: {FAILING}:{_AT}: in divides: ZeroDivisionError: division by zero\n",
        ),
        (
            ["info", str(AFFINE), "--fetch", "los"],
            1,
            "Error: there is nothing to fetch that is named 'los'; did you mean 'loss'?\n",
        ),
        (
            ["info", str(AFFINE), "--dim", "rows=3"],
            1,
            "Error: the program has no dim named rows; it has batch\n",
        ),
        (
            ["show", str(AFFINE), "--stage", "kernels", "--kernel", "9"],
            1,
            "Error: there is no kernel 9; there are ",
        ),
        (
            ["run", str(AFFINE), "--feed", "w=1"],
            1,
            "Error: the placeholder x: f32[batch, 3] is needed and not fed; add --feed x=FILE.npy, "
            "or an expression: --feed x='rng.normal(size=(8, 3))'\n",
        ),
        (
            ["run", str(AFFINE), "--feed", "x=np.ones(3)"],
            1,
            "Error: x is declared with 2 dims, [batch, 3], but is fed an array of shape [3]\n",
        ),
        (
            ["show", "model.py"],
            2,
            _HELP.format("show") + "Invalid value for 'TARGET': 'model.py' is no target; give "
            "file.py:function, or a text-form file (*.graph)\n",
        ),
        (
            ["show", str(AFFINE), "--stage", "ast"],
            2,
            _HELP.format("show") + "Invalid value for '--stage': 'ast' is not one of ",
        ),
        (
            ["show", str(AFFINE), "--kernel", "1"],
            2,
            _HELP.format("show")
            + "the stage graph has no use for kernel; that goes with kernels, llvm, asm\n",
        ),
        (
            ["info", str(AFFINE), "--dim", "batch=many"],
            2,
            _HELP.format("info") + "Invalid value for '--dim': 'many' is no size\n",
        ),
        (
            ["run", str(AFFINE), "--feed", "x"],
            2,
            _HELP.format("run") + "Invalid value for '--feed': 'x' is not NAME=VALUE\n",
        ),
        (
            ["run", str(AFFINE), "--feed", "x=1", "--feed", "x=2"],
            2,
            _HELP.format("run") + "Invalid value for '--feed': x is given twice\n",
        ),
        (
            ["run", str(AFFINE), "--repeat", "0"],
            2,
            _HELP.format("run") + "Invalid value for '--repeat': 0 is not in the range x>=1.\n",
        ),
    ],
)
def test_errors(words: list[str], code: int, message: str) -> None:
    result = call(*words)
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith(message)


def test_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_CACHE", "1")
    monkeypatch.setenv("GRAPHC_CACHE_DIR", str(tmp_path))
    printed("run", str(AFFINE), "--feed", "x=np.ones((2, 3))")
    assert json.loads(printed("cache", "--json"))["entries"] > 1
    assert printed("cache", "--clear").startswith("removed ")
    assert json.loads(printed("cache", "--json"))["entries"] == 0
    monkeypatch.setenv("GRAPHC_CACHE", "yes")
    result = call("cache")
    assert (result.exit_code, "GRAPHC_CACHE must be 0 or 1" in result.stderr) == (1, True)


def test_a_users_error_at_build_time_names_the_line() -> None:
    result = call("show", f"{FAILING}:does_not_fit")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: matmul: ")
    assert result.stderr.endswith(f"created at {FAILING}:{line_of(FAILING, 'does not fit')}\n")


def test_what_a_program_prints_is_kept_out_of_the_data() -> None:
    result = call("show", STEP, "--json")
    assert json.loads(result.stdout)
    assert result.stderr == "perceptron.py is being imported\n"


def _python(*arguments: str) -> subprocess.CompletedProcess[str]:
    root = str(Path(graphc.__file__).parents[1])
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )


def test_importing_graphc_imports_no_command_line() -> None:
    code = "import sys, graphc; graphc.Session; print({'click', 'rich'} & {*sys.modules} or 'no')"
    assert _python("-c", code).stdout == "no\n"


def test_python_m_graphc() -> None:
    done = _python("-m", "graphc", "show", str(AFFINE), "--fetch", "los")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: there is nothing to fetch")
