"""Tensors: what users hold and compute with."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from graphc.api import elementwise as el
from graphc.api import formulas, linalg, manipulation, reductions
from graphc.api.blame import fail_graph
from graphc.api.indexing import index
from graphc.api.operands import Array, TensorLike, is_operand
from graphc.api.shapes import AxesLike, ShapeLike
from graphc.api.value import Value
from graphc.ir.dims import Dim

Operator = Callable[["Tensor", TensorLike], "Tensor"]


def _operator(function: Callable[[TensorLike, TensorLike], Tensor]) -> Operator:
    def apply(self: Tensor, other: TensorLike) -> Tensor:
        return function(self, other) if is_operand(other) else NotImplemented

    return apply


def _reflected(function: Callable[[TensorLike, TensorLike], Tensor]) -> Operator:
    def apply(self: Tensor, other: TensorLike) -> Tensor:
        return function(other, self) if is_operand(other) else NotImplemented

    return apply


class Tensor(Value):
    """An array in a program: it has a dtype and a shape, and gets its elements in a session.

    Operators work element by element, comparisons too, and broadcast dims of size 1. Python
    numbers take the tensor's dtype; NumPy arrays and nested lists become constants. Indexing with
    `x[...]` has NumPy's meaning.
    """

    __slots__ = ()
    __hash__ = Value.__hash__  # by identity, since == compares elements
    __array_ufunc__ = None  # a NumPy array on the left leaves the operation to the tensor
    __array_priority__ = 1000.0

    __add__ = _operator(el.add)
    __radd__ = _reflected(el.add)
    __sub__ = _operator(el.subtract)
    __rsub__ = _reflected(el.subtract)
    __mul__ = _operator(el.multiply)
    __rmul__ = _reflected(el.multiply)
    __truediv__ = _operator(el.divide)
    __rtruediv__ = _reflected(el.divide)
    __floordiv__ = _operator(el.floor_divide)
    __rfloordiv__ = _reflected(el.floor_divide)
    __mod__ = _operator(el.remainder)
    __rmod__ = _reflected(el.remainder)
    __pow__ = _operator(formulas.pow)
    __rpow__ = _reflected(formulas.pow)
    __matmul__ = _operator(linalg.matmul)
    __rmatmul__ = _reflected(linalg.matmul)
    __and__ = _operator(el.bitwise_and)
    __rand__ = _reflected(el.bitwise_and)
    __or__ = _operator(el.bitwise_or)
    __ror__ = _reflected(el.bitwise_or)
    __xor__ = _operator(el.bitwise_xor)
    __rxor__ = _reflected(el.bitwise_xor)
    __lshift__ = _operator(el.bitwise_left_shift)
    __rlshift__ = _reflected(el.bitwise_left_shift)
    __rshift__ = _operator(el.bitwise_right_shift)
    __rrshift__ = _reflected(el.bitwise_right_shift)
    __lt__ = _operator(el.less)
    __le__ = _operator(el.less_equal)
    __gt__ = _operator(el.greater)
    __ge__ = _operator(el.greater_equal)
    __eq__ = _operator(el.equal)  # type: ignore[assignment]
    __ne__ = _operator(el.not_equal)  # type: ignore[assignment]

    def __neg__(self) -> Tensor:
        return el.negative(self)

    def __pos__(self) -> Tensor:
        return formulas.positive(self)

    def __abs__(self) -> Tensor:
        return el.abs(self)

    def __invert__(self) -> Tensor:
        return el.bitwise_invert(self)

    def __getitem__(self, key: object) -> Tensor:
        return index(self, key)

    def __setitem__(self, key: object, value: object) -> None:
        fail_graph(
            "index",
            f"{self!r} never changes; gc.put(x, key, values) is a tensor with other elements, and "
            "gc.assign gives a variable another value",
        )

    def __len__(self) -> int:
        return self._first_dim("len")

    def __iter__(self) -> Iterator[Tensor]:
        return (self[k] for k in range(self._first_dim("iter")))

    def __bool__(self) -> bool:  # noqa: PLE0304 - it never returns
        fail_graph(
            "bool",
            f"whether {self!r} is true is known only when it is run; choose with gc.where, or "
            "with gc.cond",
        )

    def __array__(self, dtype: object = None, copy: bool | None = None) -> Array:
        fail_graph(
            "array",
            f"{self!r} has no elements while the graph is built; run it in a session, or use the "
            "function of graphc in place of NumPy's",
        )

    def _first_dim(self, op: str) -> int:
        if not self.shape:
            fail_graph(op, f"{self!r} has no dims")
        size = self.shape[0]
        if isinstance(size, Dim):
            fail_graph(op, f"the first dim of {self!r} is known only when it is fed")
        return size

    @property
    def T(self) -> Tensor:
        """A matrix with rows and columns exchanged."""
        if self.ndim != 2:
            fail_graph("T", f"needs a matrix, not {self!r}; use .mT or gc.permute_dims")
        return manipulation.matrix_transpose(self)

    @property
    def mT(self) -> Tensor:
        """The last two dims exchanged."""
        return manipulation.matrix_transpose(self)

    def astype(self, dtype: object) -> Tensor:
        """See `gc.astype`."""
        return formulas.astype(self, dtype)

    def reshape(self, *shape: ShapeLike) -> Tensor:
        """See `gc.reshape`; the sizes may also be given one by one."""
        return manipulation.reshape(self, shape[0] if len(shape) == 1 else shape)  # type: ignore[arg-type]

    def sum(self, axis: AxesLike = None, *, dtype: object = None, keepdims: bool = False) -> Tensor:
        """See `gc.sum`."""
        return reductions.sum(self, axis, dtype=dtype, keepdims=keepdims)

    def mean(self, axis: AxesLike = None, *, keepdims: bool = False) -> Tensor:
        """See `gc.mean`."""
        return reductions.mean(self, axis, keepdims=keepdims)

    def max(self, axis: AxesLike = None, *, keepdims: bool = False) -> Tensor:
        """See `gc.max`."""
        return reductions.max(self, axis, keepdims=keepdims)

    def min(self, axis: AxesLike = None, *, keepdims: bool = False) -> Tensor:
        """See `gc.min`."""
        return reductions.min(self, axis, keepdims=keepdims)


class Variable(Tensor):
    """A tensor that a session keeps between runs and that `gc.assign` changes."""

    __slots__ = ()

    @property
    def trainable(self) -> bool:
        """Whether optimisers change it unless told otherwise."""
        return bool(self.node.attrs["trainable"])

    @property
    def initial_value(self) -> Array:
        """What it holds when a session begins; read-only."""
        return self.graph.initial_values[self.node]
