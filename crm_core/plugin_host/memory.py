"""A tripwire for code that patches the core in memory: what a plugin changed is named and undone.

It compares the attributes of the core's and the SDK's modules and classes, the code of their functions, and what their
tables and lists hold. It finds mistakes and bad habits, and makes them harmless. It is no wall: code in this process
can hide from it.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from crm_core.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_WATCHED = ("crm_core", "plugin_sdk", "builtins")
# What Python and the core itself write there at any time.
_LIVING = frozenset({"__warningregistry__", "__annotations__", "__doc__", "_last_tick", "_"})
_MISSING = object()
_FUNCTIONS = (FunctionType, property, staticmethod, classmethod)
_CONTAINERS = (dict, list, set)
_NAMED = 3


class Patched(Exception):
    """A plugin changed the core's code in memory; it has been undone."""

    def __init__(self, changes: list[str]) -> None:
        self.changes = tuple(changes)
        more = f" and {len(changes) - _NAMED} more" if len(changes) > _NAMED else ""
        super().__init__(
            f"its code changes the core in memory ({'; '.join(changes[:_NAMED])}{more}), which was undone; "
            "a plugin changes what the core does by its hooks only"
        )


@contextmanager
def untouched() -> Iterator[None]:
    """Undo what the code inside changes of the core in memory; raise Patched if there was anything.

    Code that fails by itself keeps its own error; what it changed is undone all the same.
    """
    before = Memory()
    try:
        yield
    except BaseException:
        before.restore()
        raise
    changes = before.restore()
    if changes:
        raise Patched(changes)


@contextmanager
def require_untouched(label: str) -> Iterator[None]:
    """Fail the operation if what a plugin does inside changes the core in memory; it is undone."""
    try:
        with untouched():
            yield
    except Patched as patched:
        message = f"{label}: {patched}"
        raise PluginError(message, plugin=label) from patched


class _Function(NamedTuple):
    code: Any
    defaults: Any
    keyword_defaults: Any
    keyword_values: dict[str, Any]


class Memory:
    """What the core's code in memory is like at one moment."""

    def __init__(self) -> None:
        self._modules = dict(_modules())
        self._kinds = {name: type(module) for name, module in self._modules.items()}
        self._variables = {name: dict(vars(module)) for name, module in self._modules.items()}
        self._classes: dict[type, dict[str, Any]] = {}
        for name, module in self._modules.items():
            for value in vars(module).values():
                if isinstance(value, type) and value.__module__ == name:
                    self._add_class(value)
        self._bases = {cls: cls.__bases__ for cls in self._classes}
        self._functions: dict[FunctionType, tuple[str, _Function]] = {}
        self._containers: dict[int, tuple[str, Any, Any]] = {}
        for place, variables in self._places():
            for key, value in variables.items():
                kind = type(value)
                if kind in _FUNCTIONS:
                    self._add_function(value)
                # Constants; what is written small is a cache, which changes all the time.
                elif kind in _CONTAINERS and key.strip("_").isupper():
                    self._containers[id(value)] = (f"{place}.{key}", value, value.copy())

    def restore(self) -> list[str]:
        """Bring everything back to that moment; return what had to be, as sentences without a subject's author."""
        changes: list[str] = []
        for name, module in self._modules.items():
            if sys.modules.get(name) is not module:
                sys.modules[name] = module
                changes.append(f"the module {name} was replaced")
            if type(module) is not self._kinds[name]:
                module.__class__ = self._kinds[name]
                changes.append(f"the class of the module {name} was replaced")
            own = vars(module)
            changes += _restore(
                name, own, self._variables[name], own.__setitem__, own.__delitem__, _module_addition(name)
            )
        for cls, before in self._classes.items():
            changes += self._restore_class(cls, before)
        changes += [sentence for function in self._functions for sentence in self._restore_function(function)]
        changes += [sentence for entry in self._containers.values() for sentence in _restore_container(*entry)]
        return sorted(changes)

    def _add_class(self, cls: type) -> None:
        if cls in self._classes:
            return
        self._classes[cls] = dict(vars(cls))
        for value in vars(cls).values():
            if isinstance(value, type) and value.__qualname__.startswith(f"{cls.__qualname__}."):
                self._add_class(value)

    def _places(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        yield from self._variables.items()
        for cls, variables in self._classes.items():
            yield f"{cls.__module__}.{cls.__qualname__}", variables

    def _add_function(self, value: Any) -> None:
        function = _function(value)
        if function is None or function in self._functions:
            return
        if (function.__module__ or "").partition(".")[0] in _WATCHED:
            keyword = function.__kwdefaults__
            state = _Function(function.__code__, function.__defaults__, keyword, dict(keyword or {}))
            self._functions[function] = (f"{function.__module__}.{function.__qualname__}", state)

    def _restore_class(self, cls: type, before: Mapping[str, Any]) -> list[str]:
        place = f"{cls.__module__}.{cls.__qualname__}"
        changes = []
        if cls.__bases__ != self._bases[cls]:
            cls.__bases__ = self._bases[cls]
            changes.append(f"the bases of {place} were replaced")

        def write(name: str, value: Any) -> None:
            type.__setattr__(cls, name, value)

        def delete(name: str) -> None:
            type.__delattr__(cls, name)

        return changes + _restore(place, dict(vars(cls)), before, write, delete, _class_addition(cls))

    def _restore_function(self, function: FunctionType) -> Iterator[str]:
        place, before = self._functions[function]
        if function.__code__ is not before.code:
            function.__code__ = before.code
            yield f"the code of {place} was replaced"
        keyword = function.__kwdefaults__
        same = keyword is before.keyword_defaults and (keyword or {}) == before.keyword_values
        if function.__defaults__ is not before.defaults or not same:
            function.__defaults__ = before.defaults
            function.__kwdefaults__ = before.keyword_values or None
            yield f"the defaults of {place} were replaced"


def _modules() -> Iterator[tuple[str, ModuleType]]:
    for name, module in sorted(sys.modules.items()):
        if name.partition(".")[0] in _WATCHED and isinstance(module, ModuleType):
            yield name, module


def _function(value: Any) -> FunctionType | None:
    """Return the function behind a value of a module or class."""
    if isinstance(value, property):
        value = value.fget
    value = getattr(value, "__func__", value) if isinstance(value, (staticmethod, classmethod)) else value
    return value if isinstance(value, FunctionType) else None


def _restore(
    place: str,
    now: Mapping[str, Any],
    before: Mapping[str, Any],
    write: Callable[[str, Any], None],
    delete: Callable[[str], None],
    matters: Callable[[str, Any], bool],
) -> list[str]:
    """Bring the attributes of one place back; ``matters`` tells which of the added ones may not stay."""
    changes = []
    for name, value in before.items():
        if now.get(name, _MISSING) is not value and name not in _LIVING:
            write(name, value)
            changes.append(f"{place}.{name} was replaced")
    for name in [name for name in now if name not in before]:
        if name not in _LIVING and matters(name, now[name]):
            delete(name)
            changes.append(f"{place}.{name} was added")
    return changes


def _module_addition(module: str) -> Callable[[str, Any], bool]:
    """Count anything but a submodule that was imported meanwhile: it hides a name that the module's code uses."""
    return lambda name, value: not (isinstance(value, ModuleType) and value.__name__ == f"{module}.{name}")


def _class_addition(cls: type) -> Callable[[str, Any], bool]:
    """Count a special method, or what hides something inherited; what libraries remember in classes is neither."""
    inherited = {name for base in cls.__mro__[1:] for name in vars(base)}

    def matters(name: str, value: Any) -> bool:
        if name.startswith("_") and not (callable(value) or isinstance(value, _FUNCTIONS)):
            return False
        return name in inherited or (name.startswith("__") and name.endswith("__"))

    return matters


def _restore_container(place: str, value: Any, before: Any) -> Iterator[str]:
    if _same(value, before):
        return
    value.clear()
    value.extend(before) if isinstance(value, list) else value.update(before)
    yield f"what {place} holds was changed"


def _same(value: Any, before: Any) -> bool:
    """Compare by identity: what is held may define equality in a way of its own."""
    if len(value) != len(before):
        return False
    if isinstance(value, dict):
        return all(value.get(key, _MISSING) is held for key, held in before.items())
    if isinstance(value, list):
        return all(now is then for now, then in zip(value, before, strict=True))
    return {id(each) for each in value} == {id(each) for each in before}
