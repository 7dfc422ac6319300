"""What an error that a table of calls provokes must say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from graphc.errors import GraphcError


def check_error(
    apply: Callable[..., Any], x: Any, error: type[GraphcError], message: str, op: str
) -> None:
    """The call fails with a part of the message, for the op, in the file that the call is from."""
    with pytest.raises(error) as caught:
        apply(x)
    assert message in caught.value.message
    assert caught.value.op == op
    assert caught.value.location is not None
    assert caught.value.location.file == apply.__code__.co_filename
