"""What a plugin's module says it implements, as plain data: read in this process, or in a worker and sent here."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MARK = "crm_impl"
"""Where ``plugin_sdk.hookimpl`` leaves its options on a function."""
_PLAIN = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Parameter(msgspec.Struct, array_like=True, frozen=True):
    """One parameter of a function; ``text`` is how its signature shows it."""

    name: str
    text: str
    plain: bool


class Implementation(msgspec.Struct, array_like=True, frozen=True):
    """One function that is marked as the implementation of a hook."""

    attribute: str
    hook: str
    wraps: bool
    ordered: bool
    asynchronous: bool
    parameters: tuple[Parameter, ...]

    @property
    def arguments(self) -> tuple[str, ...]:
        """The names of its parameters in its own order, those with defaults too."""
        return tuple(parameter.name for parameter in self.parameters)


def implementations(module: object) -> Iterator[Implementation]:
    """Return what a module implements, by attribute."""
    for attribute in dir(module):
        function = getattr(module, attribute)
        options = _options(function)
        if options is not None:
            yield _implementation(attribute, function, options)


def _options(function: Any) -> dict[str, Any] | None:
    """Return the options of a hook implementation, None for anything else; as pluggy reads them."""
    if not inspect.isroutine(function):
        return None
    try:
        options = getattr(function, _MARK, None)
    except Exception:  # noqa: BLE001 - an object of the plugin's own may raise anything
        return {}
    return options if isinstance(options, dict) else None


def _implementation(attribute: str, function: Callable[..., Any], options: dict[str, Any]) -> Implementation:
    return Implementation(
        attribute,
        str(options.get("specname") or attribute),
        wraps=bool(options.get("wrapper") or options.get("hookwrapper")),
        ordered=bool(options.get("tryfirst") or options.get("trylast")),
        asynchronous=inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function),
        parameters=tuple(
            Parameter(name, str(parameter), parameter.kind in _PLAIN)
            for name, parameter in inspect.signature(function).parameters.items()
        ),
    )
