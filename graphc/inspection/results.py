"""What a run gave, to be read, or kept in files."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote

import numpy as np

from graphc.errors import TargetError
from graphc.inspection.running import Outcome
from graphc.inspection.view import Block, Code, Column, Note, View, table
from graphc.ir.array_text import type_of_array
from graphc.ir.opdef import Array

#: The most elements that are shown in full as text, and as data.
_SHOWN, _AS_DATA = 60, 1000
_WIDTH = 96
_UPDATED = ".new"
_UPDATES = (
    Column("updated"),
    Column("type"),
    Column("least", right=True),
    Column("greatest", right=True),
    Column("mean", right=True),
)


def outcome_view(outcome: Outcome) -> View:
    """Types and values, large ones abbreviated (as data: left out), and times."""
    blocks: list[Block] = [Note(f"note: {notice}") for notice in outcome.notices]
    for name, array in outcome.results.items():
        blocks.append(Code(_array_text(name, array), "array"))
    if outcome.updates:
        rows = [_update_row(name, array) for name, array in outcome.updates.items()]
        blocks.append(table(_UPDATES, rows))
    blocks.append(Note(_times_text(outcome)))
    data = {
        "results": {name: _array_data(array) for name, array in outcome.results.items()},
        "updates": {name: _array_data(array) for name, array in outcome.updates.items()},
        "reference": outcome.reference,
        "compile_seconds": outcome.compile_seconds,
        "run_seconds": list(outcome.run_seconds),
        "kernels": outcome.kernels,
        "launches": outcome.launches,
        "notices": list(outcome.notices),
    }
    return View(data, tuple(blocks))


def arrays(outcome: Outcome) -> dict[str, Array]:
    """Everything computed: fetches by their names, new values of variables as NAME.new."""
    new = {f"{name}{_UPDATED}": array for name, array in outcome.updates.items()}
    return {**outcome.results, **new}


def save(outcome: Outcome, place: Path) -> list[Path]:
    """Keep all arrays: in one archive if the place ends in .npz, else as .npy in that folder."""
    found = arrays(outcome)
    try:
        if place.suffix == ".npz":
            np.savez(place, allow_pickle=False, **found)
            return [place]
        place.mkdir(parents=True, exist_ok=True)
        files = [place / f"{quote(name, safe=' ')}.npy" for name in found]
        for file, array in zip(files, found.values(), strict=True):
            np.save(file, array, allow_pickle=False)
    except OSError as error:
        raise TargetError(f"{place} cannot be written: {error}") from None
    return files


def _array_text(name: str, array: Array) -> str:
    head = f"{name}: {type_of_array(array)} ="
    text = np.array2string(array, max_line_width=_WIDTH, threshold=_SHOWN, separator=" ")
    if "\n" not in text and len(head) + len(text) < _WIDTH:
        return f"{head} {text}"
    return "\n".join([head, *(f"  {line}" for line in text.split("\n"))])


def _update_row(name: str, array: Array) -> tuple[str, ...]:
    measures = (array.min, array.max, array.mean) if array.size else ()
    numbers = [f"{float(measure()):.6g}" for measure in measures]
    return name, str(type_of_array(array)), *(numbers or [""] * 3)


def _array_data(array: Array) -> dict[str, Any]:
    type_ = type_of_array(array)
    values = _numbers(array.tolist()) if array.size <= _AS_DATA else None
    return {"dtype": type_.dtype.name, "shape": list(array.shape), "values": values}


def _numbers(value: Any) -> Any:
    """Nested lists in which what JSON has no number for is a text: nan, inf, -inf."""
    if isinstance(value, list):
        return [_numbers(part) for part in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _times_text(outcome: Outcome) -> str:
    if outcome.reference:
        made = "interpreted with NumPy"
    else:
        count = f"{outcome.launches} launches of {outcome.kernels} kernels"
        made = f"compiled in {_time_text(outcome.compile_seconds)}: {count}"
    times = outcome.run_seconds
    if len(times) == 1:
        return f"{made}; ran in {_time_text(times[0])}"
    best, middle = _time_text(min(times)), _time_text(median(times))
    return f"{made}; ran {len(times)} times: {best} at best, {middle} in the median"


def _time_text(seconds: float) -> str:
    for factor, unit in ((1.0, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"
