"""Graphs from text: `parse_graph` reads what `print_graph` writes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from graphc.errors import DimError, GraphcError
from graphc.ir.array_text import Array
from graphc.ir.attr_text import read_attribute, read_tensor_type, read_type
from graphc.ir.cursor import Cursor
from graphc.ir.dim_text import read_dim
from graphc.ir.dims import Guard
from graphc.ir.graph import PLACEHOLDER, VARIABLE, Graph
from graphc.ir.guards import Equalities
from graphc.ir.location import Location, created_at
from graphc.ir.node import Node
from graphc.ir.opdef import REGISTRY, AttrKind, OpDef
from graphc.ir.printer import NAME, TYPE_ATTRS, USUAL_ATTRS
from graphc.ir.types import Type

_VALUE = re.compile(rf'%(?:([0-9]{{1,18}})|({NAME.pattern})|(?="))')
_GRAPH_NAME = re.compile(rf'@(?:({NAME.pattern})|(?="))')
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_INPUT_KIND = re.compile(rf"(?:{PLACEHOLDER}|{VARIABLE})\b")
_GRAPH, _WHERE, _UPDATE, _RETURN = (
    re.compile(rf"{word}\b") for word in ("graph", "where", "update", "return")
)


def parse_graph(
    text: str, constants: Mapping[str, Array] | None = None, file: str = "<text>"
) -> Graph:
    """The graph that the text describes; `constants` holds the arrays it refers to by name.

    Ops are looked up in the registry and their type rules are applied: a declared type must
    agree with the inferred one, up to the graph's guards. `// name.py:14` at the end of a
    statement is the node's location; other comments are ignored. Raises ParseError.

    Whether guards are complete and updates fit is for `verify` to say.
    """
    cursor = Cursor(text, file)
    try:
        graph = _GraphReader(cursor, constants or {}, ()).read()
    except RecursionError:
        cursor.fail("nested too deeply")
    if cursor.skip() < len(text):
        cursor.fail_expecting("the end of the text")
    return graph


class _GraphReader:
    """Reads one graph; those in attributes have readers of their own, and names of their own."""

    def __init__(
        self, cursor: Cursor, constants: Mapping[str, Array], outer: tuple[Guard, ...]
    ) -> None:
        self.cursor = cursor
        self.constants = constants
        self.outer = outer
        self.values: dict[str, Node] = {}
        self.nodes: list[Node] = []
        self.equalities = Equalities(())

    def read(self) -> Graph:
        """graph @name(inputs) -> results where guards { statements }."""
        cursor = self.cursor
        cursor.require(_GRAPH, "graph")
        name = self._graph_name()
        self._inputs()
        cursor.expect("->")
        start = cursor.skip()
        results = self._results()
        guards = self._guards()
        self.equalities = Equalities((*self.outer, *guards))
        updates, outputs = self._statements(guards)
        self._check_results(results, outputs, start)
        return Graph(
            name,
            tuple(node for node in self.nodes if node.op.name == PLACEHOLDER),
            tuple(node for node in self.nodes if node.op.name == VARIABLE),
            tuple(self.nodes),
            outputs,
            updates,
            guards,
        )

    def _graph_name(self) -> str:
        match = self.cursor.match(_GRAPH_NAME)
        if match is None:
            self.cursor.fail_expecting("the graph's @name")
        return match.group(1) or self.cursor.string()

    def _inputs(self) -> None:
        cursor = self.cursor
        cursor.expect("(")
        while not cursor.accept(")"):
            start = cursor.skip()
            kind = cursor.match(_INPUT_KIND)
            op = self._op(kind.group() if kind else PLACEHOLDER, start)
            attrs = self._input_attrs(op)
            name, key = self._new_value()
            cursor.expect(":")
            type_ = read_tensor_type(cursor)
            attrs |= {"shape": type_.shape, "dtype": type_.dtype}
            location = cursor.location()
            more = cursor.accept(",")  # which comes before the location, except at the end
            node = self._build(op, (), attrs, name, start)
            self._define(key, replace(node, location=cursor.location() if more else location))
            if not more:
                cursor.expect(")")
                return

    def _input_attrs(self, op: OpDef) -> dict[str, Any]:
        attrs = {key: USUAL_ATTRS[key] for key in op.attrs if key in USUAL_ATTRS}
        allowed = {key: kind for key, kind in op.attrs.items() if key not in TYPE_ATTRS}
        if self.cursor.accept("("):
            attrs |= self._attributes(op, allowed, None, first=True)
        return attrs

    def _results(self) -> tuple[Type, ...]:
        if not self.cursor.accept("("):
            return (read_tensor_type(self.cursor),)
        types: list[Type] = []
        while not self.cursor.accept(")"):
            if types:
                self.cursor.expect(",")
            types.append(read_type(self.cursor))
        return tuple(types)

    def _guards(self) -> tuple[Guard, ...]:
        guards: list[Guard] = []
        if self.cursor.match(_WHERE):
            guards.append(self._guard())
            while self.cursor.accept(","):
                guards.append(self._guard())
        return tuple(guards)

    def _guard(self) -> Guard:
        cursor = self.cursor
        start = cursor.skip()
        try:
            left, cursor.position = read_dim(cursor.text, start)
            cursor.expect("==")
            right, cursor.position = read_dim(cursor.text, cursor.position)
        except DimError as error:
            cursor.fail(error.message, start, cause=error)
        return Guard(left, right)

    def _statements(
        self, guards: tuple[Guard, ...]
    ) -> tuple[tuple[tuple[Node, Node], ...], tuple[Node, ...]]:
        cursor = self.cursor
        cursor.expect("{")
        inner = (*self.outer, *guards)
        updates: list[tuple[Node, Node]] = []
        while not cursor.match(_RETURN):
            if cursor.match(_UPDATE):
                variable = self._value()
                cursor.expect("=")
                updates.append((variable, self._value()))
            else:
                self._statement(inner)
        outputs = self._returned()
        return tuple(updates), outputs

    def _returned(self) -> tuple[Node, ...]:
        outputs: list[Node] = []
        while not self.cursor.accept("}"):
            if outputs:
                self.cursor.expect(",")
            outputs.append(self._value())
        return tuple(outputs)

    def _statement(self, guards: tuple[Guard, ...]) -> None:
        """%name: type = op(%input, ..., attribute=value, ...)."""
        cursor = self.cursor
        name, key = self._new_value()
        cursor.expect(":")
        type_at = cursor.skip()
        declared = read_type(cursor)
        cursor.expect("=")
        start = cursor.skip()
        op = self._op(cursor.require(_WORD, "the name of an op"), start)
        cursor.expect("(")
        inputs = self._operands()
        attrs = self._attributes(op, op.attrs, declared, first=not inputs, guards=guards)
        node = self._build(op, inputs, attrs, name, start)
        if not self.equalities.same_type(node.type, declared):
            cursor.fail(f"declared as {declared}, but it is {node.type}", type_at, op=op.name)
        self._define(key, replace(node, type=declared, location=cursor.location()))

    def _operands(self) -> tuple[Node, ...]:
        """Inputs up to the closing parenthesis or the first attribute, neither read."""
        inputs: list[Node] = []
        cursor = self.cursor
        while cursor.text.startswith("%", cursor.skip()):
            inputs.append(self._value())
            before = cursor.position
            if not cursor.accept(","):
                break
            if not cursor.text.startswith("%", cursor.skip()):
                cursor.position = before
                break
        return tuple(inputs)

    def _attributes(
        self,
        op: OpDef,
        allowed: Mapping[str, AttrKind],
        type_: Type | None,
        *,
        first: bool,
        guards: tuple[Guard, ...] = (),
    ) -> dict[str, Any]:
        """Attributes up to and including the closing parenthesis."""
        cursor = self.cursor
        attrs: dict[str, Any] = {}
        while not cursor.accept(")"):
            if not first:
                cursor.expect(",")
            first = False
            start = cursor.skip()
            key = cursor.require(_WORD, "an attribute")
            if key not in allowed or key in attrs:
                cursor.fail(_wrong_attribute(key, allowed, key in attrs), start, op=op.name)
            cursor.expect("=")
            attrs[key] = self._attribute(allowed[key], type_, guards)
        return attrs

    def _attribute(self, kind: AttrKind, type_: Type | None, guards: tuple[Guard, ...]) -> Any:
        if kind is AttrKind.GRAPH:
            return _GraphReader(self.cursor, self.constants, guards).read()
        return read_attribute(self.cursor, kind, type_, self.constants)

    def _op(self, name: str, start: int) -> OpDef:
        if name not in REGISTRY:
            close = get_close_matches(name, REGISTRY, 1)
            hint = f"; did you mean {close[0]}?" if close else ""
            self.cursor.fail(f"there is no op {name}{hint}", start)
        return REGISTRY[name]

    def _build(
        self,
        op: OpDef,
        inputs: tuple[Node, ...],
        attrs: dict[str, Any],
        name: str | None,
        start: int,
    ) -> Node:
        """The node, typed by the op's rule; what the rule refuses is a ParseError."""
        cursor = self.cursor
        missing = [key for key in op.attrs if key not in attrs]
        if missing:
            cursor.fail(f"{op.name} needs the attribute {missing[0]}", start, op=op.name)
        try:
            with created_at(_IN_TEXT):
                return op(*inputs, name=name, **attrs)
        except GraphcError as error:
            cursor.fail(f"{op.name}: {error.message}", start, op=op.name, cause=error)

    def _new_value(self) -> tuple[str | None, str]:
        """The name of a value that is being defined (None for a number), and its key."""
        start = self.cursor.skip()
        name, key = self._value_name("a value such as %0")
        if key in self.values:
            self.cursor.fail(f"{key} is defined twice", start)
        return name, key

    def _value(self) -> Node:
        start = self.cursor.skip()
        _, key = self._value_name("a value such as %0")
        if key not in self.values:
            self.cursor.fail(f"{key} is not defined before", start)
        return self.values[key]

    def _value_name(self, what: str) -> tuple[str | None, str]:
        match = self.cursor.match(_VALUE)
        if match is None:
            self.cursor.fail_expecting(what)
        number, name = match.groups()
        if number is not None:
            return None, f"%{int(number)}"
        name = name or self.cursor.string()
        return name, f"%{name}" if NAME.fullmatch(name) else f'%"{name}"'

    def _define(self, key: str, node: Node) -> None:
        self.values[key] = node
        self.nodes.append(node)

    def _check_results(
        self, declared: tuple[Type, ...], outputs: tuple[Node, ...], start: int
    ) -> None:
        if len(declared) != len(outputs):
            text = f"declares {len(declared)} results, but {len(outputs)} are returned"
            self.cursor.fail(text, start)
        for k, (type_, node) in enumerate(zip(declared, outputs, strict=True)):
            if not self.equalities.same_type(type_, node.type):
                self.cursor.fail(f"result {k} is declared {type_}, but it is {node.type}", start)


#: Overrides the search for the user's line, which would find the caller of the parser.
_IN_TEXT = Location("<text>", 0)


def _wrong_attribute(key: str, allowed: Mapping[str, AttrKind], twice: bool) -> str:
    if twice:
        return f"the attribute {key} is given twice"
    return f"there is no attribute {key}; there are: {', '.join(allowed) or 'none'}"
