"""Answer what a plugin in a worker asks of its context, with the methods a plugin in this process calls itself.

What comes from a worker has values of known types only; here it is seen to that each stands where it may. Whether the
plugin may do what it asks for is decided behind these methods, as for any plugin.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from plugin_sdk import Context, NotAllowed

if TYPE_CHECKING:
    from collections.abc import Callable


class Meter(Protocol):
    """What a call may use and has used; see ``plugin_host.budgets.Meter``."""

    ending: BaseException | None

    @property
    def budget(self) -> Any:
        """The limits of the call."""
        ...

    def exceed_wall(self, seconds: float) -> None:
        """Note that the call has taken too long."""
        ...

    def exceed_payload(self, size: int) -> None:
        """Note that the call has returned too much."""
        ...

    def is_over_cpu(self, seconds: float) -> bool:
        """Tell whether that much CPU time is more than the call may use."""
        ...

    def exceed_cpu(self, seconds: float) -> None:
        """Note that the call has used too much CPU time."""
        ...


class HostContext(Context, Protocol):
    """The context of a call as the core has it; see ``plugin_api.context.PluginContext``."""

    @property
    def meter(self) -> Meter:
        """What the call may use."""
        ...

    @property
    def stored_settings(self) -> Mapping[str, Any]:
        """The plugin's settings as they are kept: another mapping once they have changed."""
        ...

    def in_thread(self, function: Callable[[], Any]) -> Any:
        """Run something that waits, while other requests go on."""
        ...


def answer(context: Context, kind: str, arguments: list[Any]) -> Any:
    """Return the answer to one question; raises what the core raises."""
    if kind not in _ANSWERS:
        raise NotAllowed(f"there is no ctx.{kind[:50]}")
    expected, function = _ANSWERS[kind]
    fits = len(arguments) == len(expected) and all(map(_fits, arguments, expected))
    if not fits:
        given = ", ".join(type(each).__name__ for each in arguments)
        raise TypeError(f"ctx.{kind} does not take ({given})")
    return function(context, *arguments)


class _Values:
    """A mapping with texts as keys."""


class _Ids:
    """A list of ids."""


class _Tree:
    """What a statement is made of; ``statements.incoming`` looks at it."""


def _fits(value: Any, expected: Any) -> bool:
    if expected is _Tree:
        return True
    if expected is _Values:
        return isinstance(value, Mapping) and all(isinstance(name, str) for name in value)
    if expected is _Ids:
        return isinstance(value, list) and all(isinstance(each, UUID) for each in value)
    return isinstance(value, expected) and not isinstance(value, bool)


def _list(context: Context, *given: Any) -> Any:
    record_type, filters, sort, limit, cursor = given
    return context.api.list(record_type, filters, sort=sort, limit=limit, cursor=cursor)


def _update(context: Context, *given: Any) -> Any:
    record_type, record_id, values, version = given
    return context.api.update(record_type, record_id, values, version=version)


def _execute(context: Context, tree: Any) -> Any:
    from crm_core.isolation.statements import incoming  # noqa: PLC0415 - only plugins with tables need it

    return context.sql.execute(incoming.decode(tree))


def _rows(context: Context, tree: Any) -> Any:
    from crm_core.isolation.statements import incoming  # noqa: PLC0415 - as above

    return context.sql.rows(incoming.decode(tree))


_ANSWERS: dict[str, tuple[tuple[Any, ...], Callable[..., Any]]] = {
    "api.get": ((str, UUID), lambda context, *given: context.api.get(*given)),
    "api.list": ((str, _Values, str, int, str | None), _list),
    "api.create": ((str, _Values), lambda context, *given: context.api.create(*given)),
    "api.update": ((str, UUID, _Values, int | None), _update),
    "api.delete": ((str, UUID), lambda context, *given: context.api.delete(*given)),
    "fields.get": ((str, _Ids), lambda context, *given: context.fields.get(*given)),
    "fields.set": ((str, UUID, _Values), lambda context, *given: context.fields.set(*given)),
    "sql.execute": ((_Tree,), _execute),
    "sql.rows": ((_Tree,), _rows),
}
