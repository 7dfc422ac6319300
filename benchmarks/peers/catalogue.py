"""The peers: what they are called, which module has them, and whose Python runs them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Literal

from benchmarks.peers.program import Peer


@dataclass(frozen=True)
class Entry:
    """A peer's name, title and class, the variant, the toolkit whose formulas it takes.

    `python` is "own" for the interpreter that runs graphc, "peers" for the peers' own. `threads`
    are those it has where not as many as everyone else.
    """

    name: str
    title: str
    place: str
    toolkit: str
    variant: str = ""
    python: Literal["own", "peers"] = "peers"
    threads: int | None = None

    def make(self) -> Peer:
        module, _, name = self.place.partition(":")
        found = getattr(import_module(f"benchmarks.peers.{module}"), name)(self.variant)
        assert isinstance(found, Peer)
        return found


_ENTRIES = (
    Entry("graphc", "graphc", "graphc_peer:GraphcPeer", "graphc", python="own"),
    Entry("reference", "reference", "graphc_peer:GraphcPeer", "graphc", "reference", python="own"),
    Entry("graphc-alone", "graphc, one thread", "graphc_peer:GraphcPeer", "graphc", "", "own", 1),
    Entry("numpy", "NumPy", "numpy_peer:NumpyPeer", "numpy", python="own"),
    Entry("jax", "JAX", "jax_peer:JaxPeer", "jax"),
    Entry("torch", "PyTorch", "torch_peer:TorchPeer", "torch"),
    Entry("torch-compile", "PyTorch compiled", "torch_peer:TorchPeer", "torch", "compile"),
    Entry("pytensor", "PyTensor, C", "pytensor_peer:PytensorPeer", "pytensor", "CVM"),
    Entry("pytensor-numba", "PyTensor, Numba", "pytensor_peer:PytensorPeer", "pytensor", "NUMBA"),
    Entry("tensorflow", "TensorFlow 1", "tensorflow_peer:TensorflowPeer", "tensorflow"),
    Entry(
        "tensorflow-xla", "TensorFlow 1, XLA", "tensorflow_peer:TensorflowPeer", "tensorflow", "xla"
    ),
)
CATALOGUE = {entry.name: entry for entry in _ENTRIES}
GRAPHC, REFERENCE, ALONE = "graphc", "reference", "graphc-alone"
#: Those graphc is compared with.
PEERS = tuple(name for name in CATALOGUE if CATALOGUE[name].toolkit != "graphc")
