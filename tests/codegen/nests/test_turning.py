"""The function that exchanges rows and columns, by itself and as what programs share."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from itertools import product
from pathlib import Path

import llvmlite.binding as llvm
import numpy as np
import pytest
from llvmlite import ir

from graphc.codegen.caching.object_cache import ObjectCache
from graphc.codegen.nests.turned import TILE
from graphc.codegen.nests.turning import SIZES, declare_turn, emit_turn, turn_name, turns_called
from graphc.codegen.shared_objects import shared_object
from graphc.codegen.target import Target, current_target
from graphc.codegen.translation import object_codes
from graphc.compiler import compile_graph
from graphc.ir.dtypes import DType, bool_, float32, float64, int8
from graphc.ir.graph import extract
from graphc.ops import ops
from tests.codegen.sampling import n, placeholder
from tests.codegen.targets import IS_X86, target_named

LENGTHS = (0, 1, 3, 8, 15, 16, 17, 40, TILE - 1, TILE, TILE + 5, 2 * TILE + 16)
WORDS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}

Objects = tuple[bytes, ...]
Turn = Callable[[np.ndarray, np.ndarray, int, int], None]


def loaded(size: int, target: Target, apart: int = 1) -> tuple[object, Turn]:
    """The function in this process, and what keeps it there."""
    module = ir.Module(name="turn")
    module.triple = target.triple
    emit_turn(module, size, target, apart)
    loader = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target.machine())
    image = object_codes({"turn": module}, target)["turn"]
    loader.add_object_file(llvm.object_file.ObjectFileRef.from_data(image))
    loader.finalize_object()
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p, ctypes.c_int64] * 2, *[ctypes.c_int64] * 2)
    call = kind(loader.get_function_address(turn_name(size, apart)))

    def turn(source: np.ndarray, goal: np.ndarray, height: int, width: int) -> None:
        steps = [array.strides[0] // size for array in (source, goal)]
        call(source.ctypes.data, steps[0], goal.ctypes.data, steps[1], height, width)

    return loader, turn


@pytest.mark.parametrize(
    ("size", "apart"), [*((size, 1) for size in SIZES), (1, 3), (4, 2), (8, 4)]
)
@pytest.mark.parametrize("cpu", ["", *(["x86-64-v3", "x86-64"] if IS_X86 else [])])
def test_rows_and_columns_of_all_sizes(size: int, apart: int, cpu: str) -> None:
    """All that is asked for, and nothing beside it."""
    _kept, turn = loaded(size, target_named(cpu) if cpu else current_target(), apart)
    draw = np.random.default_rng(0)
    for height, width in product(LENGTHS, LENGTHS):
        long = apart * height + 3
        source = draw.integers(0, 200, (width + 1, long)).astype(WORDS[size])
        goal = draw.integers(0, 200, (height + 2, width + 5)).astype(WORDS[size])
        expected = goal.copy()
        expected[:height, :width] = source[:width, : apart * height : apart].T
        turn(source, goal, height, width)
        np.testing.assert_array_equal(goal, expected)


def objects_of(dtype: DType, *, turned: bool) -> Objects:
    """Those of a program with transposes, or without."""
    x, y = placeholder(n, 100, dtype=dtype), placeholder(n, 100, dtype=dtype, name="y")
    outputs = [ops.permute_dims(x, axes=(1, 0)), ops.permute_dims(ops.abs(y), axes=(1, 0))]
    made = compile_graph(extract("turns", outputs if turned else [ops.abs(x)], inputs=[x, y]))
    assert made.executable is not None
    return made.executable.objects


@pytest.mark.parametrize("dtype", [float32, float64, int8], ids=str)
def test_a_program_has_one_object_for_all_its_transposes(dtype: DType) -> None:
    target, name = current_target(), turn_name(dtype.itemsize)
    calling = turns_called([], [b"." + name.encode() + b"\0"], target)
    own = shared_object(name, calling.pop(name), target)
    assert not calling
    assert objects_of(dtype, turned=True).count(own) == 1
    assert own not in objects_of(dtype, turned=False)


def test_kernels_from_the_cache_have_it_too(tmp_path: Path) -> None:
    x, cache = placeholder(n, 100), ObjectCache(tmp_path)
    cold, warm = (
        compile_graph(extract(name, [ops.permute_dims(x, axes=(1, 0))]), cache=cache)
        for name in ("first", "second")
    )
    assert cold.modules is not None and warm.modules is not None and warm.kernels is not None
    assert not warm.kernels.keys() & warm.modules.keys()
    assert cold.executable is not None and warm.executable is not None
    assert warm.executable.objects == cold.executable.objects and len(warm.executable.objects) == 3


def test_only_what_is_called_is_made() -> None:
    target = current_target()
    module = ir.Module()
    assert turns_called([module], [b"graphc_turn.16\0"], target) == {}
    assert declare_turn(module, 4) is declare_turn(module, 4)
    assert turns_called([module], [], target).keys() == {turn_name(4)}
    declare_turn(module, 4, 2)
    assert turns_called([module], [], target).keys() == {turn_name(4), turn_name(4, 2)}
    assert bool_.itemsize in SIZES
