"""The products of a kernel, each emitted as its plan says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.codegen.products.choice import chosen
from graphc.codegen.products.direct import DirectEmission
from graphc.codegen.products.products import Emission
from graphc.codegen.products.window_plan import WindowPlan
from graphc.codegen.products.window_products import WindowEmission
from graphc.codegen.target import Target
from graphc.schedule.statements import Product

if TYPE_CHECKING:
    from graphc.codegen.nests.statements import Statements


class Products:
    """Emits a kernel's products."""

    def __init__(self, statements: Statements, target: Target) -> None:
        self.statements, self.target = statements, target

    def emit(self, product: Product) -> None:
        """All rows and columns of a product."""
        made = chosen(product, self.target)
        with self.statements.elements.scopes.for_a_while():
            if isinstance(made, WindowPlan):
                WindowEmission(self.statements, made).emit()
            elif made.direct is not None:
                DirectEmission(self.statements, product, made).emit()
            else:
                Emission(self.statements, product, made).emit()
