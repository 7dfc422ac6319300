"""The products of a kernel, each emitted as its plan says."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from llvmlite import ir

from graphc.codegen.products.below import below, emit_below
from graphc.codegen.products.choice import chosen
from graphc.codegen.products.direct import DirectEmission
from graphc.codegen.products.plan import Plan
from graphc.codegen.products.products import Emission
from graphc.codegen.products.window_plan import WindowPlan
from graphc.codegen.products.window_products import WindowEmission
from graphc.codegen.target import Target
from graphc.schedule.statements import Loop, Product

if TYPE_CHECKING:
    from graphc.codegen.nests.statements import Statements

#: Emits a loop between two bounds.
Emit = Callable[[tuple[ir.Value, ir.Value]], None]


class Products:
    """Emits a kernel's products."""

    def __init__(self, statements: Statements, target: Target) -> None:
        self.statements, self.target = statements, target

    def emit(self, product: Product) -> None:
        """All rows and columns of a product."""
        self._emit(product, chosen(product, self.target))

    def in_runs(self, loop: Loop) -> Emit | None:
        """What emits a loop over blocks of a product, several at once; None if they are apart."""
        found = below(loop, self.target)
        if found is None:
            return None
        return lambda bounds: emit_below(self.statements.elements, found, bounds, self._emit)

    def _emit(self, product: Product, made: Plan | WindowPlan) -> None:
        with self.statements.elements.scopes.for_a_while():
            if isinstance(made, WindowPlan):
                WindowEmission(self.statements, made).emit()
            elif made.direct is not None:
                DirectEmission(self.statements, product, made).emit()
            else:
                Emission(self.statements, product, made).emit()
