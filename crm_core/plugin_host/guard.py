"""Call one implementation of a hook: attribute its failures, keep it from stalling other requests."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from crm_core.errors import CrmError, HookFailed, Refused
from plugin_sdk import OnError, Rejected

if TYPE_CHECKING:
    from collections.abc import Callable

    from crm_core.db.unit import UnitOfWork
    from crm_core.plugin_host.registry import Call
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
            return connection.call_in_thread(lambda: function(*arguments))
        finally:
            blocked = time.perf_counter() - started - (connection.waited - waited)
            if quick < _REHABILITATION:
                blocked = time.perf_counter() - started
            self._quick[function] = 0 if blocked > self._limit else min(quick + 1, _REHABILITATION)


def call(pace: Pace, uow: UnitOfWork, definition: HookDefinition, call: Call, arguments: tuple[Any, ...]) -> Any:
    """Call one implementation; a failure fails the operation, or is logged and skipped, as the hook declares."""
    skip = definition.on_error is OnError.SKIP
    try:
        if skip and uow.connection.in_transaction:
            return uow.attempt(lambda: pace.run(uow, call.function, arguments))
        return pace.run(uow, call.function, arguments)
    except Rejected as rejected:
        raise Refused([(call.plugin.label, issue) for issue in rejected.issues]) from rejected
    except CrmError as error:
        if skip:
            return _skipped(call, definition, error, uow)
        raise
    except (Exception, SystemExit, KeyboardInterrupt, GeneratorExit) as error:
        if skip:
            return _skipped(call, definition, error, uow)
        message = (
            f"plugin {call.plugin.label} failed in {definition.name}: {safe_text(error)}; nothing was stored. "
            f"Disable {call.plugin.id} for this tenant or install a release that fixes it"
        )
        raise HookFailed(message, plugin=call.plugin.label, hook=definition.name) from error


def _skipped(call: Call, definition: HookDefinition, error: BaseException, uow: UnitOfWork) -> Skipped:
    logger.warning(
        "plugin %s failed in %s and was skipped: %s (request %s)",
        call.plugin.label,
        definition.name,
        safe_text(error),
        uow.request_id,
    )
    return SKIPPED
