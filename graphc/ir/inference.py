"""What type rules work with: the inputs' types, and ways to compare them that collect guards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from graphc.errors import DTypeError, ShapeError
from graphc.ir.dims import Guard, Size, maximum, unify
from graphc.ir.dtypes import DType
from graphc.ir.location import Location
from graphc.ir.types import Shape, TensorType, Type


@dataclass
class Inference:
    """One application of a type rule.

    Dims that must be equal but may differ when fed become `guards`; what can never fit raises.
    """

    op: str
    types: tuple[Type, ...]
    attrs: Mapping[str, Any]
    location: Location | None = None
    guards: list[Guard] = field(default_factory=list)

    def tensor(self, k: int) -> TensorType:
        """The type of the k-th input, which must be a tensor."""
        type_ = self.types[k]
        if not isinstance(type_, TensorType):
            self.fail(f"input {k} is a tuple {type_}; take one result with item")
        return type_

    @property
    def tensors(self) -> tuple[TensorType, ...]:
        return tuple(self.tensor(k) for k in range(len(self.types)))

    def fail(self, message: str) -> NoReturn:
        """Raise a ShapeError that also shows the inputs' types."""
        raise ShapeError(f"{message}{self._given()}", op=self.op, location=self.location)

    def fail_dtype(self, message: str) -> NoReturn:
        """Raise a DTypeError that also shows the inputs' types."""
        raise DTypeError(f"{message}{self._given()}", op=self.op, location=self.location)

    def _given(self) -> str:
        return f" (given {', '.join(map(str, self.types))})" if self.types else ""

    def same_dim(self, left: Size, right: Size, what: str) -> Size:
        """The dim that both must be; adds a guard if that is known only when fed."""
        found = unify(left, right)
        if found is None:
            self.fail(f"{what} must be equal, but {left} is not {right}")
        size, guard = found
        if guard is not None and guard not in self.guards:
            self.guards.append(guard)
        return size

    def not_negative(self, size: Size) -> None:
        """Rely on a size being at least 0; adds a guard if that is known only when fed."""
        guard = Guard(maximum(size, 0), size)
        if guard.left != guard.right and guard not in self.guards:
            self.guards.append(guard)

    def same_shape(self, left: Shape, right: Shape, what: str = "shapes") -> Shape:
        """The shape that both must have."""
        if left == right:
            return left
        if len(left) != len(right):
            self.fail(f"{what} must have the same number of dims")
        return tuple(self.same_dim(a, b, what) for a, b in zip(left, right, strict=True))

    def same_dtype(self, *which: int) -> DType:
        """The dtype that all inputs (or the named ones) must have."""
        chosen = [self.tensor(k).dtype for k in (which or range(len(self.types)))]
        if any(dtype is not chosen[0] for dtype in chosen):
            self.fail_dtype("inputs must have one dtype; convert with gc.astype")
        return chosen[0]

    def require_kind(self, k: int, kinds: str, what: str) -> DType:
        """The k-th input's dtype, which must be of one of the kinds (`b`, `u`, `i`, `f`)."""
        dtype = self.tensor(k).dtype
        if dtype.kind not in kinds:
            self.fail_dtype(f"needs {what}, not {dtype.name}")
        return dtype

    def axis(self, axis: int, rank: int) -> int:
        """The axis, which must already lie in 0..rank-1."""
        if not 0 <= axis < rank:
            self.fail(f"there is no axis {axis} in {rank} dims")
        return axis
