"""Scalar expressions as LLVM IR: one value, or one for every lane of the current window."""

from __future__ import annotations

from dataclasses import dataclass, field

from llvmlite import ir

from graphc.codegen.expressions.access import (
    CLOSE,
    every_lane,
    from_memory,
    load_apart,
    load_row_either_way,
    store_apart,
    to_memory,
)
from graphc.codegen.expressions.checked import report
from graphc.codegen.expressions.scalar_ops import emit_operation
from graphc.codegen.expressions.spaced import spaced_row, spacing
from graphc.codegen.scopes import Scope, Scopes, Window
from graphc.codegen.values import (
    I32,
    I64,
    POINTER,
    VOID,
    both,
    constant_like,
    is_vector,
    lane_numbers,
    memory_type,
    overloaded,
    register_type,
    same_width,
    splat,
    suffix,
    zeros,
)
from graphc.ir import dims, scalar
from graphc.ir.dims import Dim, Maximum, Opaque, Quotient, Remainder, Size, Symbol
from graphc.ir.dtypes import DType
from graphc.ir.scalar import Expr, Site, conditions


@dataclass(eq=False)
class Elements:
    """Emits expressions and positions into the scopes of a kernel's function.

    `buffers` are the kernel's pointers by name, `changing` those to which it writes; `status` is
    the memory in which the first failed check is reported: 1 + the number of its site, the index
    and the size of the axis.
    """

    scopes: Scopes
    buffers: dict[str, tuple[ir.Value, DType]]
    changing: frozenset[str]
    status: ir.Value
    sites: dict[Site, int]
    extents: dict[str, Size] = field(default_factory=dict)
    shared: frozenset[str] = frozenset()
    _needs: dict[Expr | Dim, frozenset[str]] = field(default_factory=dict)
    _loads: dict[Expr, bool] = field(default_factory=dict)
    _fresh: dict[Expr, bool] = field(default_factory=dict)

    @property
    def builder(self) -> ir.IRBuilder:
        return self.scopes.builder

    def value(self, expr: Expr) -> ir.Value:
        """The expression's value, a vector if it differs from lane to lane of the window."""
        scope = self._scope_for(self.needs(expr), self._touches_memory(expr))
        if self.reads_changing(expr):
            scope = self.scopes.stack[-1]
        if expr not in scope.memo:
            scope.memo[expr] = self._emit(expr, scope)
        return scope.memo[expr]

    def remember(self, expr: Expr, value: ir.Value) -> None:
        """Take a value for an expression's, which is loaded with others."""
        scope = self._scope_for(self.needs(expr), self._touches_memory(expr))
        scope.memo[expr] = value

    def size(self, size: Size) -> ir.Value:
        """A position as one int64; of a window, that of its first lane."""
        if isinstance(size, int):
            return ir.Constant(I64, size)
        scope = self._scope_for(self.needs(size), bool(scalar.opaque_values(size)))
        if size not in scope.memo:
            scope.memo[size] = self._first_lane(size, scope)
        return scope.memo[size]

    def _first_lane(self, size: Dim, scope: Scope) -> ir.Value:
        """A position worked out, what is fixed last, so that neighbours share the rest."""
        fixed = size.terms.get((), 0)
        if fixed and len(size.terms) > 1:
            return scope.builder.add(self.size(size - fixed), ir.Constant(I64, fixed))
        return self._polynomial(size, scope.builder, self._first_lane_atom)

    def needs(self, what: Expr | Size) -> frozenset[str]:
        """Names of the axes, dims and locals on which a value depends."""
        if isinstance(what, int):
            return frozenset()
        if what not in self._needs:
            if isinstance(what, Dim):
                parts = [self.needs(value) for value in scalar.opaque_values(what)]
                self._needs[what] = dims.symbols(what).union(*parts)
            else:
                own = {str(what.data)} if what.name == "local" else set()
                parts = [self.needs(size) for size in what.indices()]
                parts += [self.needs(arg) for arg in what.args]
                self._needs[what] = frozenset(own).union(*parts)
        return self._needs[what]

    def varies(self, what: Expr | Size) -> bool:
        """Whether a value differs from lane to lane of the current window."""
        window = self.scopes.window
        if window is None:
            return False
        needs = self.needs(what)
        return window.axis in needs or any(is_vector(self.scopes.find(name)) for name in needs)

    def _touches_memory(self, expr: Expr) -> bool:
        if expr not in self._loads:
            self._loads[expr] = expr.name in ("load", "checked") or any(
                self._touches_memory(inner) for inner in expr.operands
            )
        return self._loads[expr]

    def reads_changing(self, expr: Expr) -> bool:
        """Whether the value comes from memory to which the kernel itself writes."""
        if expr not in self._fresh:
            own = expr.name == "load" and str(expr.source) in self.changing
            self._fresh[expr] = own or any(map(self.reads_changing, expr.operands))
        return self._fresh[expr]

    def _scope_for(self, needs: frozenset[str], guarded: bool) -> Scope:
        depth = max((self.scopes.depth(name) for name in needs), default=0)
        if guarded:
            depth = max(depth, self.scopes.innermost_guard())
        return self.scopes.stack[depth]

    def _emit(self, expr: Expr, scope: Scope) -> ir.Value:
        builder = scope.builder
        match expr.name:
            case "const":
                return ir.Constant(register_type(expr.dtype), scalar.constant_value(expr))
            case "index":
                return self._positions(expr.data, builder)
            case "local":
                return self.scopes.find(str(expr.data))
            case "load":
                return self._load(expr, scope)
            case "checked":
                return self._checked(expr, scope)
            case _:
                args = same_width(builder, [self.value(arg) for arg in expr.args])
                return emit_operation(builder, expr, args)

    # Positions -------------------------------------------------------------------------------

    def _positions(self, size: Size, builder: ir.IRBuilder) -> ir.Value:
        """A position in every lane, as a vector if it varies."""
        if isinstance(size, int) or not self.varies(size):
            return self.size(size)
        window = self._window()
        step = self.step(size)
        if step is not None:
            first = splat(builder, self.size(size), window.lanes)
            steps = splat(builder, self.size(step), window.lanes)
            return builder.add(first, builder.mul(steps, lane_numbers(window.lanes)))
        return self._polynomial(size, builder, self._every_lane_atom)

    def _window(self) -> Window:
        assert self.scopes.window is not None
        return self.scopes.window

    def step(self, size: Size) -> Size | None:
        """How much a position grows from lane to lane, if by the same everywhere."""
        window = self._window()
        found = [
            atom
            for atom in (size.atoms() if isinstance(size, Dim) else [])
            if isinstance(atom, Symbol) and atom.name == window.axis
        ]
        if not found:
            return None if self.varies(size) else 0
        split = dims.affine(size, found[0])
        if split is None or self.varies(split[0]) or self.varies(split[1]):
            return None
        return split[0]

    def _polynomial(self, size: Dim, builder: ir.IRBuilder, atom_value: object) -> ir.Value:
        total: ir.Value | None = None
        for monomial, coefficient in size.terms.items():
            factors = [atom_value(atom, builder) for atom in monomial]  # type: ignore[operator]
            if coefficient != 1 or not factors:
                factors.append(ir.Constant(I64, coefficient))
            term = factors[0]
            for factor in factors[1:]:
                term = builder.mul(*same_width(builder, [term, factor]))
            total = term if total is None else builder.add(*same_width(builder, [total, term]))
        assert total is not None
        return total

    def _first_lane_atom(self, atom: dims.Atom, builder: ir.IRBuilder) -> ir.Value:
        match atom:
            case Symbol(name, _):
                return self.scopes.find(name)
            case Opaque(value, _):
                number = self.value(value)  # type: ignore[arg-type]
                if is_vector(number):
                    return builder.extract_element(number, ir.Constant(I32, 0))
                return number
            case Quotient(a, b) | Remainder(a, b) | Maximum(a, b):
                return _combine(atom, builder, self.size(a), self.size(b))

    def _every_lane_atom(self, atom: dims.Atom, builder: ir.IRBuilder) -> ir.Value:
        match atom:
            case Symbol():
                return self._positions(dims.of_atom(atom), builder)
            case Opaque(value, _):
                return self.value(value)  # type: ignore[arg-type]
            case Quotient(a, b) | Remainder(a, b) | Maximum(a, b):
                left, right = self._positions(a, builder), self._positions(b, builder)
                return _combine(atom, builder, *same_width(builder, [left, right]))

    # Memory ----------------------------------------------------------------------------------

    def _load(self, expr: Expr, scope: Scope) -> ir.Value:
        builder = scope.builder
        pointer, dtype = self.buffers[str(expr.source)]
        if not self.varies(expr.offset):
            where = self.value(expr.args[0]) if expr.args else None
            if where is None or not is_vector(where):
                return self._load_one(expr.offset, where, pointer, dtype, builder)
        alike, apart = self._conditions(expr)
        if abs(spacing(self, expr.offset)) > 1 and apart is None:
            return from_memory(builder, dtype, spaced_row(self, expr, alike, scope))
        return self._load_lanes(expr.offset, (alike, apart), pointer, dtype, builder)

    def _conditions(self, expr: Expr) -> tuple[ir.Value | None, ir.Value | None]:
        """What a load waits for: the same for all lanes, and what differs from lane to lane."""
        parts = conditions(expr.args[0]) if expr.args else []
        varying = [self.varies(part) for part in parts]
        alike, apart = (
            [part for part, varies in zip(parts, varying, strict=True) if varies is which]
            for which in (False, True)
        )
        found = [self.value(scalar.logical_and(*some)) if some else None for some in (alike, apart)]
        return found[0], found[1]

    def _load_one(
        self, offset: Size, where: ir.Value | None, pointer: ir.Value, dtype: DType,
        builder: ir.IRBuilder,
    ) -> ir.Value:  # fmt: skip
        type_ = memory_type(dtype)
        address = builder.gep(pointer, [self.size(offset)], source_etype=type_)
        if where is not None:
            address = builder.select(where, address, self.scopes.zeros(type_))
        return from_memory(builder, dtype, builder.load(address, typ=type_))

    def _load_lanes(
        self, offset: Size, where: tuple[ir.Value | None, ir.Value | None], pointer: ir.Value,
        dtype: DType, builder: ir.IRBuilder,
    ) -> ir.Value:  # fmt: skip
        """Elements under conditions: one on all of them, and a mask.

        A condition on all of them chooses the address and makes no mask: LLVM 22 makes a plain
        load of one under such a mask where the row is then turned around.
        """
        lanes, step = self._window().lanes, self.step(offset)
        type_ = ir.VectorType(memory_type(dtype), lanes)
        mask = both(builder, self._window().mask, where[1])
        is_near = mask is not None and step in range(2, CLOSE + 1)
        if not isinstance(step, int) or (abs(step) != 1 and not is_near):
            raw = self._gather(
                offset, both(builder, mask, where[0]), pointer, type_, dtype, builder
            )
            return from_memory(builder, dtype, raw)
        first = self.size(offset)
        if step == -1:
            first = builder.sub(first, ir.Constant(I64, lanes - 1))
        start = builder.gep(pointer, [first], source_etype=type_.element)
        if where[0] is not None:
            span = lanes * max(step, 1)
            zeros_ = self.scopes.zeros(ir.VectorType(type_.element, span))
            start = builder.select(where[0], start, zeros_)
        if is_near:
            raw = load_apart(builder, type_, start, step, splat(builder, mask, lanes))
        else:
            raw = load_row_either_way(builder, type_, start, mask, dtype.itemsize, step == -1)
        return from_memory(builder, dtype, raw)

    def _addresses(
        self, offset: Size, pointer: ir.Value, type_: ir.Type, builder: ir.IRBuilder
    ) -> ir.Value:
        positions = splat(builder, self._positions(offset, builder), self._window().lanes)
        address = builder.gep(pointer, [positions], source_etype=type_)
        # llvmlite types this GEP as a scalar pointer; LLVM knows better
        address.type = ir.VectorType(POINTER, self._window().lanes)
        return address

    def _gather(
        self, offset: Size, mask: ir.Value | None, pointer: ir.Value, type_: ir.Type,
        dtype: DType, builder: ir.IRBuilder,
    ) -> ir.Value:  # fmt: skip
        addresses = self._addresses(offset, pointer, type_.element, builder)
        name, lanes = f"llvm.masked.gather.{suffix(type_)}.v{type_.count}p0", type_.count
        return overloaded(
            builder, name, type_, addresses, ir.Constant(I32, dtype.itemsize),
            splat(builder, every_lane(mask, lanes), lanes), zeros(type_),
        )  # fmt: skip

    def store(self, target: str, offset: Size, value: ir.Value) -> None:
        """Store a value at an offset of a buffer, in every lane of the window that exists."""
        builder = self.builder
        pointer, dtype = self.buffers[target]
        type_ = memory_type(dtype)
        if not self.varies(offset):
            address = builder.gep(pointer, [self.size(offset)], source_etype=type_)
            builder.store(to_memory(builder, dtype, value), address)
            return
        window = self._window()
        row = splat(builder, to_memory(builder, dtype, value), window.lanes)
        if window.is_single:
            # LLVM 22 makes one store of the whole integer of a narrowed one under a mask like this
            address = builder.gep(pointer, [self.size(offset)], source_etype=type_)
            builder.store(builder.extract_element(row, ir.Constant(I32, 0)), address)
            return
        step = self.step(offset)
        if isinstance(step, int) and 1 <= step <= CLOSE:
            start = builder.gep(pointer, [self.size(offset)], source_etype=type_)
            store_apart(builder, row, start, step, window.mask, dtype.itemsize)
            return
        addresses = self._addresses(offset, pointer, type_, builder)
        name = f"llvm.masked.scatter.{suffix(row.type)}.v{window.lanes}p0"
        overloaded(
            builder, name, VOID, row, addresses, ir.Constant(I32, dtype.itemsize),
            every_lane(window.mask, window.lanes),
        )  # fmt: skip

    def current(self, target: str, offset: Size) -> ir.Value:
        """What the buffer holds now at an offset that the kernel itself writes to."""
        pointer, dtype = self.buffers[target]
        if not self.varies(offset):
            return self._load_one(offset, None, pointer, dtype, self.builder)
        return self._load_lanes(offset, (None, None), pointer, dtype, self.builder)

    # Checks ----------------------------------------------------------------------------------

    def _checked(self, expr: Expr, scope: Scope) -> ir.Value:
        """An index wrapped from below; out of range it is reported and becomes 0."""
        builder = scope.builder
        extent_size, site = expr.data
        raw = self.value(expr.args[0])
        where = self.value(expr.args[1]) if len(expr.args) > 1 else None
        lanes = raw.type.count if is_vector(raw) else 1
        extent = splat(builder, self.size(extent_size), lanes)
        zero = splat(builder, ir.Constant(I64, 0), lanes)
        wrapped = builder.select(builder.icmp_signed("<", raw, zero), builder.add(raw, extent), raw)
        inside = builder.icmp_unsigned("<", wrapped, extent)
        active = both(builder, self._window().mask if lanes > 1 else None, where)
        outside = both(builder, builder.not_(inside), active)
        assert outside is not None
        extent = self.size(extent_size)
        report(builder, self.status, outside, raw, extent, self.sites[site])
        return scope.builder.select(inside, wrapped, zero)


def _combine(
    atom: Quotient | Remainder | Maximum, builder: ir.IRBuilder, a: ir.Value, b: ir.Value
) -> ir.Value:
    if isinstance(atom, Maximum):
        return builder.select(builder.icmp_signed(">", a, b), a, b)
    if not dims.is_nonnegative(atom.denominator - 1):
        # a dim of size 0: no element is read at the position, but it may still be computed
        b = builder.select(builder.icmp_signed(">", b, constant_like(b, 0)), b, constant_like(b, 1))
    positive = dims.is_nonnegative(atom.numerator)
    if isinstance(atom, Quotient):
        return builder.udiv(a, b) if positive else _floor_divide(builder, a, b)
    if positive:
        return builder.urem(a, b)
    return builder.sub(a, builder.mul(_floor_divide(builder, a, b), b))


def _floor_divide(builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> ir.Value:
    """Quotient rounded down, for a positive divisor."""
    quotient = builder.sdiv(a, b)
    below = builder.icmp_signed(">", builder.mul(quotient, b), a)
    return builder.add(quotient, builder.sext(below, quotient.type))
