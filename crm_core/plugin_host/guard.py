"""Call one implementation of a hook: attribute its failures, keep it from stalling other requests."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from crm_core.errors import CrmError, HookFailed, Refused
from crm_core.plugin_host.results import checked
from plugin_sdk import Issue, OnError, Rejected

if TYPE_CHECKING:
    from collections.abc import Callable

    from crm_core.db.connection import Connection
    from crm_core.db.unit import UnitOfWork
    from crm_core.plugin_host.registry import Call, LoadedPlugin
    from plugin_sdk import HookDefinition

logger = logging.getLogger("crm_core.plugin_host")

_PROBATION = 3
_REHABILITATION = 50
_TEXT_LIMIT = 500


class Skipped:
    """The result of a call that failed where failures are skipped."""


SKIPPED = Skipped()


def safe_text(error: BaseException) -> str:
    """Return the type and text of an error, also where rendering it fails."""
    try:
        text = str(error)
    except BaseException as broken:  # noqa: BLE001 - a plugin's __str__ may raise anything
        text = f"(its text cannot be rendered: {type(broken).__name__})"
    return f"{type(error).__name__}: {text}"[:_TEXT_LIMIT]


class Pace:
    """How long calls block: new and slow implementations run in a worker thread, proven ones in place.

    An implementation is proven after a few quick calls. One slow call sends it back to the threads until
    it has been quick for a while.
    """

    __slots__ = ("_limit", "_quick")

    def __init__(self, limit_ms: float) -> None:
        """Take the time in milliseconds that a call may block other requests."""
        self._limit = limit_ms / 1000
        self._quick: dict[Callable[..., Any], int] = {}

    def run(self, uow: UnitOfWork, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        """Call the function where it does no harm, and note how it went."""
        quick = self._quick.get(function, _REHABILITATION - _PROBATION)
        connection = uow.connection
        started, waited = time.perf_counter(), connection.waited
        try:
            if quick >= _REHABILITATION:
                return function(*arguments)
            return in_thread(connection, lambda: function(*arguments))
        finally:
            blocked = time.perf_counter() - started - (connection.waited - waited)
            if quick < _REHABILITATION:
                blocked = time.perf_counter() - started
            self._quick[function] = 0 if blocked > self._limit else min(quick + 1, _REHABILITATION)


def call(pace: Pace, uow: UnitOfWork, definition: HookDefinition, call: Call, arguments: tuple[Any, ...]) -> Any:
    """Call one implementation; a failure fails the operation, or is logged and skipped, as the hook declares."""

    def run() -> Any:
        # Inside the call: an iterator that uses its context must be read while that is alive.
        return checked(definition.name, pace.run(uow, call.function, arguments))

    if definition.on_error is OnError.SKIP:
        return _call_or_skip(uow, definition, call, run)
    try:
        return run()
    except Rejected as rejected:
        raise _refused(call.plugin.label, rejected) from rejected
    except CrmError:
        raise
    except BaseException as error:
        if is_cancellation(error):
            raise
        raise failed(call.plugin, definition.name, error) from error


def _call_or_skip(uow: UnitOfWork, definition: HookDefinition, call: Call, run: Callable[[], Any]) -> Any:
    """Run a call whose failure stops nothing; what it wrote before it failed goes with it."""
    # A savepoint only where there is something to keep: most of these calls read.
    begun = uow.begun
    try:
        return uow.attempt(run) if begun else run()
    except BaseException as error:
        if is_cancellation(error):
            raise
        if not begun and uow.begun:
            uow.rollback()
        logger.warning(
            "plugin %s failed in %s and was skipped: %s (request %s)",
            call.plugin.label,
            definition.name,
            safe_text(error),
            uow.request_id,
        )
        return SKIPPED


def failed(plugin: LoadedPlugin, where: str, error: BaseException) -> HookFailed:
    """Return the error for a plugin that raised where the operation cannot go on without it."""
    message = (
        f"plugin {plugin.label} failed in {where}: {safe_text(error)}; nothing was stored. "
        f"Disable {plugin.id} for this tenant or install a release that fixes it"
    )
    return HookFailed(message, plugin=plugin.label, hook=where)


def _refused(label: str, rejected: Rejected) -> Refused:
    issues = rejected.issues or (Issue("rejected", "the plugin refused it without saying why"),)
    return Refused([(label, issue) for issue in issues])


def is_cancellation(error: BaseException) -> bool:
    """Tell whether an error ends the operation from outside; a plugin that raises the same has merely failed."""
    if not isinstance(error, asyncio.CancelledError):
        return False
    try:
        task = asyncio.current_task()
    except RuntimeError:  # a worker thread, which nobody cancels
        return False
    return task is not None and task.cancelling() > 0


def in_thread(connection: Connection, function: Callable[[], Any]) -> Any:
    """Run a function in a worker thread and raise here what it raised there.

    An error is carried as a value: futures cannot hold StopIteration, and the operation would wait for ever.
    """
    raised: list[BaseException] = []

    def run() -> Any:
        try:
            return function()
        except BaseException as error:  # noqa: BLE001 - raised again below
            raised.append(error)
            return None

    result = connection.call_in_thread(run)
    if raised:
        raise raised[0]
    return result
