"""From groups of graph nodes to kernels: each node's declared form becomes a stage."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from graphc.errors import CompileError
from graphc.ir import lowering, scalar
from graphc.ir.dims import Size
from graphc.ir.dtypes import DType, int64
from graphc.ir.graph import Graph, topological
from graphc.ir.indexing import linearize
from graphc.ir.location import created_at
from graphc.ir.node import Node
from graphc.ir.scalar import Expr, Index
from graphc.ops import ops
from graphc.schedule import kernel as form
from graphc.schedule.collapse import collapse
from graphc.schedule.fusion import Fusion, Group, fuse, is_buffer, is_literal
from graphc.schedule.kernel import Argument, Axis, Kernel, Launch, Schedule, Stage, Workspace


def own_results(graph: Graph) -> Graph:
    """The graph with a node of its own, to be computed, for every output and update.

    Feeds, variables, numbers and values asked for twice are copied, so every result is fresh.
    """
    taken: set[Node] = set()

    def own(node: Node) -> Node:
        if node in taken or is_buffer(node) or is_literal(node):
            with created_at(node.location):
                node = ops.identity(node)
        taken.add(node)
        return node

    outputs = tuple(own(node) for node in graph.outputs)
    updates = tuple((variable, own(value)) for variable, value in graph.updates)
    sources = [*graph.placeholders, *graph.variables]
    nodes = topological([*sources, *outputs, *(value for _, value in updates)])
    return replace(graph, nodes=tuple(nodes), outputs=outputs, updates=updates)


def schedule(graph: Graph) -> Schedule:
    """Cut a graph into kernels in running order; every result must be a node of its own."""
    fusion = fuse(graph)
    launches = [_Lowering(group, fusion).launch() for group in fusion.groups]
    return Schedule(tuple(launches))


@dataclass
class _Lowering:
    """Builds the kernel of one group of nodes."""

    group: Group
    fusion: Fusion
    arguments: dict[Node | Workspace, tuple[str, bool]] = field(default_factory=dict)
    stages: list[Stage] = field(default_factory=list)
    computed: dict[Node, Expr] = field(default_factory=dict)
    memo: dict[tuple[Node, Index, Expr | None], Expr] = field(default_factory=dict)
    axes: int = 0

    def launch(self) -> Launch:
        domain_sizes = self._domain_sizes()
        domain = tuple(self._axis(size) for size in domain_sizes)
        self.domain = tuple(axis.position for axis in domain)
        for node in self.group.nodes:
            self._lower(node)
        kernel = self._kernel(domain)
        nodes = tuple(self.group.nodes)
        reason = self.fusion.reasons[nodes[0]]
        return Launch(kernel, tuple(self.arguments), nodes, reason, kernel.sites)

    def _domain_sizes(self) -> tuple[Size, ...]:
        """The group's shape, without the axis along which a scan or sort runs."""
        first = self.group.nodes[0]
        form_of = first.op.lowering
        if isinstance(form_of, lowering.Scan | lowering.Sort):
            axis = form_of.axis(first)
            return first.shape[:axis] + first.shape[axis + 1 :]
        return () if isinstance(form_of, lowering.Scatter) else self.group.domain

    def _axis(self, extent: Size) -> Axis:
        self.axes += 1
        return Axis(f"${self.axes - 1}", extent)

    def _name(self, buffer: Node | Workspace, written: bool) -> str:
        name, was_written = self.arguments.get(buffer, (f"a{len(self.arguments)}", False))
        self.arguments[buffer] = (name, was_written or written)
        return name

    def _lower(self, node: Node) -> None:
        match node.op.lowering:
            case lowering.Pointwise():
                value = self._value(node, self.domain, None, compute=True)
                self.computed[node] = value
                self._store(node, value)
            case lowering.Reduce() as rule:
                self._reduce(node, rule)
            case lowering.Scan() as rule:
                self._scan(node, rule)
            case lowering.Scatter() as rule:
                self._scatter(node, rule)
            case lowering.Sort() as rule:
                self._sort(node, rule)
            case _:
                raise CompileError(
                    "has no lowering; the compiler should have removed it",
                    op=node.op.name,
                    location=node.location,
                )

    def _store(self, node: Node, value: Expr) -> None:
        if node not in self.fusion.kept:
            return
        offset = linearize(self.domain, node.shape)
        self.stages.append(form.Map(self._name(node, True), offset, value))

    def _reduce(self, node: Node, rule: lowering.Reduce) -> None:
        axes = tuple(self._axis(size) for size in rule.extents(node))
        inner = tuple(axis.position for axis in axes)
        operands = rule.operands(node, self.domain, inner, self._reader(node, None))
        result = scalar.local(f"r{len(self.computed)}", node.dtype)
        lanes = rule.inner_last(node)
        self.stages.append(
            form.Reduce(axes, rule.combiner, operands, str(result.data), node.dtype, lanes)
        )
        self.computed[node] = result
        self._store(node, result)

    def _scan(self, node: Node, rule: lowering.Scan) -> None:
        axis, index = self._along(node, rule.axis(node))
        operand = self._reader(node, None)(0, index)
        offset = linearize(index, node.shape)
        target = self._name(node, True)
        self.stages.append(form.Scan((axis,), rule.combiner, operand, target, offset))

    def _along(self, node: Node, axis: int) -> tuple[Axis, Index]:
        """A loop along one axis of the node, and the index with the domain around it."""
        loop = self._axis(node.shape[axis])
        return loop, (*self.domain[:axis], loop.position, *self.domain[axis:])

    def _scatter(self, node: Node, rule: lowering.Scatter) -> None:
        """First the base is copied, then the updates are added in order."""
        copy_axes = tuple(self._axis(size) for size in node.shape)
        at = tuple(axis.position for axis in copy_axes)
        read = self._reader(node, None)
        target = self._name(node, True)
        self.stages.append(form.Map(target, linearize(at, node.shape), read(0, at), copy_axes))
        axes = tuple(self._axis(size) for size in rule.extents(node))
        index = tuple(axis.position for axis in axes)
        offset = linearize(rule.target(node, index, read), node.shape)
        value = rule.value(node, index, read)
        self.stages.append(form.Scatter(axes, target, offset, value, _all_in_range(offset)))

    def _sort(self, node: Node, rule: lowering.Sort) -> None:
        axis, index = self._along(node, rule.axis(node))
        key = self._reader(node, None)(0, index)
        keys = self._name(Workspace(key.dtype, 2 * axis.extent), True)
        places = self._name(Workspace(int64, 2 * axis.extent), True)
        offset = linearize(index, node.shape)
        target = self._name(node, True)
        self.stages.append(form.Sort((axis,), key, keys, places, target, offset, rule.positions))

    def _reader(self, node: Node, outer: Expr | None) -> lowering.Read:
        def read(k: int, index: Index, where: Expr | None = None) -> Expr:
            both = where if outer is None else outer
            if where is not None and outer is not None:
                both = scalar.logical_and(outer, where)
            return self._value(node.inputs[k], index, both)

        return read

    def _value(self, node: Node, index: Index, where: Expr | None, compute: bool = False) -> Expr:
        """The node's element at an index; `compute` it even though it has a buffer of its own."""
        if is_literal(node):
            return scalar.const(node.attrs["value"].reshape(())[()].item(), node.dtype)
        if node in self.computed and index == self.domain:
            return self.computed[node]
        if is_buffer(node) or (node in self.fusion.reasons and not compute):
            offset = linearize(index, node.shape)
            return scalar.load(self._name(node, False), offset, node.dtype, where)
        key = (node, index, where)
        if key not in self.memo:
            rule = node.op.lowering
            assert isinstance(rule, lowering.Pointwise), node
            self.memo[key] = rule.element(node, index, self._reader(node, where))
        return self.memo[key]

    def _kernel(self, domain: tuple[Axis, ...]) -> Kernel:
        arguments = tuple(
            Argument(name, _dtype_of(buffer), _size_of(buffer), written)
            for buffer, (name, written) in self.arguments.items()
        )
        kernel = Kernel(domain, tuple(self.stages), arguments, None)
        kernel = collapse(kernel)
        sites: dict[Node, None] = {}
        for expr in kernel.expressions():
            if expr.name == "checked":
                sites.setdefault(expr.data[1])
        return Kernel(kernel.domain, kernel.stages, arguments, vector_axis(kernel), tuple(sites))


def _all_in_range(offset: Size) -> Expr | None:
    """Whether every computed index in an offset is inside its axis; None if there is none."""
    conditions = [
        scalar.is_in_range(expr.args[0], expr.data[0])
        for expr in scalar.walk(tuple(scalar.opaque_values(offset)))
        if expr.name == "checked"
    ]
    return scalar.logical_and(*conditions) if conditions else None


def _dtype_of(buffer: Node | Workspace) -> DType:
    return buffer.dtype


def _size_of(buffer: Node | Workspace) -> Size:
    return buffer.size if isinstance(buffer, Workspace) else buffer.tensor.size


def vector_axis(kernel: Kernel) -> str | None:
    """The axis to work on several positions at a time of.

    A reduction that keeps lanes takes its own last axis. Otherwise it is the domain's last,
    which suits every stage that has no order across the domain; without a domain, a map's own.
    """
    for stage in kernel.stages:
        if isinstance(stage, form.Reduce) and stage.lanes:
            return stage.axes[-1].name
        if isinstance(stage, form.Sort | form.Scatter):
            return None
    return kernel.domain[-1].name if kernel.domain else None
