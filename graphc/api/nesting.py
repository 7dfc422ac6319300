"""Tensors in tuples, lists and dicts, nested at will: taken apart, and put together again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Form:
    """How leaves are nested: kind of container, its keys or None, and the forms of its parts."""

    kind: type | None
    keys: tuple[Any, ...] | None = None
    parts: tuple[Form, ...] = ()

    def __str__(self) -> str:
        if self.kind is None:
            return "*"
        if self.kind is type(None):
            return "None"
        texts = list(map(str, self.parts))
        if self.keys is not None:
            pairs = zip(self.keys, texts, strict=True)
            return "{" + ", ".join(f"{key!r}: {text}" for key, text in pairs) + "}"
        if self.kind is list:
            return f"[{', '.join(texts)}]"
        return f"({', '.join(texts)}{',' if len(texts) == 1 else ''})"

    @property
    def leaves(self) -> int:
        """How many leaves there are."""
        return 1 if self.kind is None else sum(part.leaves for part in self.parts)

    def of(self, leaves: Iterable[Any]) -> Any:
        """The leaves, nested in this form."""
        return self._of(iter(leaves))

    def _of(self, leaves: Iterator[Any]) -> Any:
        if self.kind is None:
            return next(leaves)
        if self.kind is type(None):
            return None
        parts = [part._of(leaves) for part in self.parts]
        if self.keys is not None:
            return dict(zip(self.keys, parts, strict=True))
        if hasattr(self.kind, "_fields"):
            return self.kind(*parts)
        return self.kind(parts)


def form_of(value: Any) -> Form:
    """How a value is nested; whatever is no tuple, list, dict or None is a leaf."""
    if value is None:
        return Form(type(None))
    if isinstance(value, dict):
        return Form(dict, tuple(value), tuple(map(form_of, value.values())))
    if isinstance(value, tuple | list):
        return Form(type(value), None, tuple(map(form_of, value)))
    return Form(None)


def leaves_of(value: Any) -> list[Any]:
    """The leaves of a nested value, in order."""
    if value is None:
        return []
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in leaves_of(part)]
    if isinstance(value, tuple | list):
        return [leaf for part in value for leaf in leaves_of(part)]
    return [value]


def mapped(function: Callable[[Any], Any], value: Any) -> Any:
    """The nested value with the function applied to every leaf."""
    return form_of(value).of(function(leaf) for leaf in leaves_of(value))


def settings_for(setting: Any, form: Form) -> list[Any]:
    """A setting for every leaf; one that stands in place of a nesting counts for all in it.

    ValueError if the settings are nested in another way.
    """
    if isinstance(setting, dict):
        if form.keys is None or setting.keys() != set(form.keys):
            raise ValueError
        return _in_order([setting[key] for key in form.keys], form)
    if isinstance(setting, tuple | list):
        if form.kind is None or form.keys is not None or len(setting) != len(form.parts):
            raise ValueError
        return _in_order(list(setting), form)
    return [setting] * form.leaves


def _in_order(settings: list[Any], form: Form) -> list[Any]:
    pairs = zip(settings, form.parts, strict=True)
    return [each for setting, part in pairs for each in settings_for(setting, part)]
