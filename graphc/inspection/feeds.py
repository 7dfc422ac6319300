"""Feeds that a user types: a file of arrays, or an expression of NumPy."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from graphc.codegen.executable import Input
from graphc.errors import FeedError
from graphc.ir.opdef import Array
from graphc.runtime.feeds import as_input

_ARCHIVE = re.compile(r"(?P<file>.+\.npz)(?::(?P<key>.+))?")


def array_of(declared: Input, text: str, seed: int) -> Array:
    """The array that `FILE.npy`, `FILE.npz:KEY` or an expression gives to an input.

    Without a key, an archive's array of the input's name is meant. A file must hold the dtype that
    the input declares; an expression is converted to it, since digits tell nothing of dtypes. It
    may use `np` and `rng`, a generator that depends on the seed and the input's name alone.
    FeedError.
    """
    archive = _ARCHIVE.fullmatch(text)
    if archive:
        name = archive["key"] or declared.name
        return as_input(declared, _from_archive(declared, Path(archive["file"]), name))
    if text.endswith(".npy"):
        return as_input(declared, _loaded(declared, Path(text)))
    return as_input(declared, _evaluated(declared, text, seed))


def _from_archive(declared: Input, file: Path, key: str) -> Array:
    arrays = _loaded(declared, file)
    with arrays:
        if key not in arrays.files:
            have = ", ".join(arrays.files) or "none"
            raise FeedError(f"{declared.name}: {file} has no array {key}; it has {have}")
        try:
            return np.asarray(arrays[key])
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise FeedError(f"{declared.name}: {key} of {file} cannot be read: {error}") from None


def _loaded(declared: Input, file: Path) -> Any:
    try:
        return np.load(file, allow_pickle=False)
    except FileNotFoundError:
        raise FeedError(f"{declared.name}: there is no file {file}") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise FeedError(f"{declared.name}: {file} cannot be read: {error}") from None


def _evaluated(declared: Input, text: str, seed: int) -> Array:
    rng = np.random.default_rng([seed, *declared.name.encode()])
    scope: Mapping[str, Any] = {"np": np, "rng": rng, "__builtins__": {}}
    try:
        array = np.asarray(eval(text, dict(scope)))
    except Exception as error:
        raise FeedError(
            f"{declared.name}: {text!r} is neither a file (.npy, .npz) nor an expression of np and "
            f"rng: {type(error).__name__}: {error}"
        ) from None
    if array.dtype.kind not in "biuf":
        raise FeedError(f"{declared.name}: {text!r} gives {array.dtype}, not numbers")
    with np.errstate(all="ignore"):
        return array.astype(declared.dtype.numpy)
