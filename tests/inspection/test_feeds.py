from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from graphc.codegen.executable import Input
from graphc.errors import FeedError
from graphc.inspection.feeds import array_of
from graphc.ir.dims import symbol
from graphc.ir.dtypes import DType, float32, int32

X = np.arange(6, dtype=np.float32).reshape(2, 3)


def declared(dtype: DType = float32, name: str = "x") -> Input:
    return Input(name, dtype, (symbol("batch"), 3), None)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    np.save(tmp_path / "x.npy", X)
    np.savez(tmp_path / "both.npz", x=X, other=X + 1)
    (tmp_path / "bad.npy").write_bytes(b"nonsense")
    (tmp_path / "bad.npz").write_bytes(b"nonsense")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x.npy", X),
        ("./x.npy", X),
        ("both.npz", X),
        ("both.npz:other", X + 1),
        ("np.arange(6).reshape(2, 3)", X),
        ("[[0, 1, 2], [3, 4, 5]]", X),
        ("1", np.float32(1)),
        ("np.array([True, False])", np.array([1, 0], np.float32)),
    ],
)
def test_arrays(text: str, expected: np.ndarray) -> None:  # type: ignore[type-arg]
    found = array_of(declared(), text, 0)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


def test_an_expression_takes_the_inputs_dtype() -> None:
    found = array_of(declared(int32), "np.array([1.9, -1.9])", 0)
    np.testing.assert_array_equal(found, np.array([1, -1], np.int32), strict=True)


def test_random_numbers_depend_on_the_seed_and_the_name_alone() -> None:
    text = "rng.normal(size=(2, 3))"
    one, again = (array_of(declared(), text, 7) for _ in range(2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, array_of(declared(), text, 8))
    assert not np.array_equal(one, array_of(declared(name="y"), text, 7))


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("dtype", "text", "message"),
    [
        (float32, "absent.npy", "x: there is no file absent.npy"),
        (float32, "absent.npz:x", "x: there is no file absent.npz"),
        (float32, "both.npz:y", "x: both.npz has no array y; it has x, other"),
        (
            int32,
            "x.npy",
            "x is declared as int32, but is fed an array of float32; "
            "convert it with .astype(np.int32)",
        ),
        (
            float32,
            "xs",
            "x: 'xs' is neither a file (.npy, .npz) nor an expression of np and rng: "
            "NameError: name 'xs' is not defined",
        ),
        (float32, "'text'", "x: \"'text'\" gives <U4, not numbers"),
        (float32, "1j", "x: '1j' gives complex128, not numbers"),
    ],
)
def test_feeds_that_are_refused(dtype: DType, text: str, message: str) -> None:
    with pytest.raises(FeedError, match=f"^{re.escape(message)}$"):
        array_of(declared(dtype), text, 0)


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("text", ["bad.npy", "bad.npz"])
def test_files_that_hold_no_arrays(text: str) -> None:
    with pytest.raises(FeedError, match=f"^x: {text} cannot be read: "):
        array_of(declared(), text, 0)


@pytest.mark.parametrize("text", ["__import__('os')", "open('x')", "exec('1')"])
def test_an_expression_has_np_and_rng_only(text: str) -> None:
    with pytest.raises(FeedError, match="NameError"):
        array_of(declared(), text, 0)
