"""What a value is: its dtype and shape."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from graphc.ir.dims import Size
from graphc.ir.dtypes import DType

Shape = tuple[Size, ...]


@dataclass(frozen=True, slots=True)
class TensorType:
    """A dtype and a shape whose dims are ints or symbolic.

    >>> from graphc.ir.dtypes import float32
    >>> print(TensorType(float32, (2, 3)))
    f32[2, 3]
    """

    dtype: DType
    shape: Shape

    def __str__(self) -> str:
        return f"{self.dtype.short}[{', '.join(map(str, self.shape))}]"

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> Size:
        """Number of elements."""
        return prod(self.shape)

    @property
    def nbytes(self) -> Size:
        """Bytes of the elements laid out contiguously."""
        return self.size * self.dtype.itemsize

    def with_shape(self, shape: Shape) -> TensorType:
        return TensorType(self.dtype, shape)

    def with_dtype(self, dtype: DType) -> TensorType:
        return TensorType(dtype, self.shape)


@dataclass(frozen=True, slots=True)
class TupleType:
    """The type of an op with several results, taken apart by the op `item`."""

    elements: tuple[TensorType, ...]

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.elements))})"


Type = TensorType | TupleType
