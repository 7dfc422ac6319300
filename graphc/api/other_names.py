"""Names by which other libraries call things, and what is written here in their place."""

from __future__ import annotations

from importlib import import_module
from typing import Final

#: Where names may be, and how to call them.
_PLACES: Final = {
    "graphc": "gc",
    **{f"graphc.api.{room}": f"gc.{room}" for room in ("nn", "linalg", "special", "optim")},
}

_NO_RANDOM: Final = "a graph draws no random numbers; feed them through a placeholder"
_NO_LAYERS: Final = (
    "layers are functions of tensors, as gc.nn.conv2d(x, w, bias=b) or x @ w + b, and weights "
    "are made with gc.variable"
)
_SHAPE: Final = "its shape would depend on the data"

#: What stands for a name that there is not, or why there is nothing.
_INSTEAD: Final = {
    "nonzero": f"{_SHAPE}; use gc.where or gc.argsort of a mask",
    **dict.fromkeys(("unique_all", "unique_counts", "unique_inverse", "unique_values"), _SHAPE),
    **dict.fromkeys(("cat", "concatenate"), "use gc.concat"),
    **dict.fromkeys(("transpose", "permute", "swapaxes"), "use gc.permute_dims, x.T or x.mT"),
    "cumsum": "use gc.cumulative_sum",
    "cumprod": "use gc.cumulative_prod",
    "view": "use gc.reshape",
    "unsqueeze": "use gc.expand_dims",
    **dict.fromkeys(("mm", "bmm", "dot"), "use gc.matmul or @"),
    "clamp": "use gc.clip",
    "masked_fill": "use gc.where",
    "gather": "use gc.take_along_axis, or gc.take for whole rows",
    "scatter": "use gc.put_along_axis, or gc.put for any key",
    **dict.fromkeys(("segment_sum", "index_add"), "use gc.scatter_add"),
    **dict.fromkeys(("segment_max", "scatter_reduce"), 'use gc.put(x, key, values, mode="max")'),
    **dict.fromkeys(
        ("index_select", "embedding", "Embedding"), "use gc.take(table, positions, axis=0)"
    ),
    **dict.fromkeys(("grad", "value_and_grad", "backward"), "use gc.gradients(loss, variables)"),
    **dict.fromkeys(("random", "normal", "randn", "rand", "dropout", "Dropout"), _NO_RANDOM),
    **dict.fromkeys(("Module", "Linear", "Conv2d", "BatchNorm2d", "LayerNorm"), _NO_LAYERS),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), "write a cell and gc.scan it along the sequence"),
    "mse_loss": "use gc.nn.mse",
    **dict.fromkeys(("interpolate", "upsample"), "use gc.nn.resize"),
    "solve_triangular": "use gc.linalg.triangular_solve",
    "fft": "there are no complex dtypes; multiply by matrices of cosines and sines",
    "AdamW": "gc.optim.Adam decays no weights; subtract rate * decay * w from w in a gc.assign",
}


def no_attribute(module: str, name: str) -> AttributeError:
    """The error for a name that a module lacks, with what to write in its place if known."""
    message = f"module {module!r} has no attribute {name!r}"
    if name.startswith("_"):
        return AttributeError(message)
    for place, prefix in _PLACES.items():
        if name in import_module(place).__all__:
            return AttributeError(f"{message}: use {prefix}.{name}")
    return AttributeError(f"{message}: {_INSTEAD[name]}" if name in _INSTEAD else message)
