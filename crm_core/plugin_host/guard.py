"""Call a plugin's code: within its budget, attributing its failures, without stalling other requests."""

from __future__ import annotations

import asyncio
import logging
import threading
from time import perf_counter
from typing import TYPE_CHECKING, Any

from crm_core.errors import CoreTransactionLost, CrmError, HookFailed, InvalidInput, Refused
from crm_core.isolation.remote import PluginRaised
from crm_core.plugin_host.breaker import POLICY, Policy
from crm_core.plugin_host.budgets import BUDGETS, BudgetExceeded, budget_of
from crm_core.plugin_host.counters import PROVEN, Counters
from crm_core.plugin_host.health import Fault
from crm_core.plugin_host.results import CHECKS, is_issue
from crm_core.plugin_host.tiers import Tier
from crm_core.plugin_host.watchdog import NEVER, UNWATCHED, Stopped, settle, slot_of_thread
from plugin_sdk import HOOKS, Issue, NotFound, OnError, Rejected, SdkError, VersionConflict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from uuid import UUID

    from crm_core.db.connection import Connection
    from crm_core.plugin_host.budgets import Budget, Meter
    from crm_core.plugin_host.dispatch import Hooks
    from crm_core.plugin_host.registry import Call, LoadedPlugin
    from crm_core.plugin_host.results import Check
    from plugin_sdk.hookspecs import Point

    Way = Callable[[Hooks, str, Call, Sequence[Any], Meter], Any]

logger = logging.getLogger("crm_core.plugin_host")

_TEXT_LIMIT = 500
_MOST_FAULTS = 100
_IN_PROCESS = Tier.IN_PROCESS
# What a plugin lets through from the core's services about data, which may change under it: no fault of its code.
_BLAMELESS = (Rejected, NotFound, VersionConflict)


class Skipped:
    """The result of a call that failed where failures are skipped."""


SKIPPED = Skipped()


def safe_text(error: BaseException) -> str:
    """Return the type and text of an error, also where rendering it fails, as any log and database can keep it.

    An error of a plugin in a worker has come as its type and text.
    """
    try:
        text = str(error)
    except BaseException as broken:  # noqa: BLE001 - a plugin's __str__ may raise anything
        text = f"(its text cannot be rendered: {type(broken).__name__})"
    told = (text if isinstance(error, PluginRaised) else f"{type(error).__name__}: {text}")[:_TEXT_LIMIT]
    return told.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")


class Guard:
    """What one process keeps between the calls of its plugins.

    On PostgreSQL, new and slow implementations run in a worker thread, proven ones in place (see ``Figures``).
    """

    __slots__ = ("_lock", "_slow", "_trials", "budgets", "counters", "policy", "ways")

    def __init__(self, slow_ms: float, budgets: Mapping[Point, Budget] = BUDGETS, policy: Policy = POLICY) -> None:
        """Take the milliseconds that a call may block other requests, what calls may use, and when to stop calling."""
        self.budgets = budgets
        self.policy = policy
        self.counters = Counters()
        self.ways: Mapping[str, tuple[Budget, Way]] = {
            name: (budget_of(hook, budgets), self.call_or_skip if hook.on_error is OnError.SKIP else self.call)
            for name, hook in HOOKS.items()
        }
        self._slow = slow_ms / 1000
        self._trials: set[tuple[UUID, str]] = set()
        self._lock = threading.Lock()

    def begin_trial(self, tenant_id: UUID, plugin: str) -> bool:
        """Let one operation of this process try whether a plugin works again; False while another one tries."""
        with self._lock:
            if (tenant_id, plugin) in self._trials:
                return False
            self._trials.add((tenant_id, plugin))
            return True

    def end_trials(self, tenant_id: UUID, plugins: set[str]) -> None:
        """Let the next ones try."""
        with self._lock:
            self._trials -= {(tenant_id, plugin) for plugin in plugins}

    def call(self, hooks: Hooks, hook: str, call: Call, arguments: Sequence[Any], meter: Meter) -> Any:
        """Call one implementation and leave the operation as the core needs it; a failure fails the operation."""
        uow, plugin, function = hooks.uow, call.plugin, call.function
        connection = uow.connection
        figures = self.counters.figures.get(function) or self.counters.of(function, plugin.id, hook)
        try:
            # What runs in a worker holds nobody up for longer than a few milliseconds: it sees to that itself.
            if figures.quick >= PROVEN or plugin.tier is not _IN_PROCESS:
                result = run_bounded(CHECKS[hook], plugin.tier, function, arguments, meter)
            else:
                result = _bounded_in_thread(connection, CHECKS[hook], plugin.tier, function, arguments, meter)
            if connection.lost:
                uow.require_alive(plugin.label, hook)
            if connection.rights is not None:
                connection.become(None)
        except BaseException as error:
            figures.doubt()
            _blame(hooks, plugin, hook, error)
            ending = _translated(plugin, hook, error)
            if hooks.episode.trials and isinstance(error, Rejected) and isinstance(ending, Refused):
                # A veto is an answer, too, raised or returned.
                hooks.episode.passed.add(plugin.id)
            if ending is error:
                raise
            raise ending from error
        finally:
            spent = meter.spent
            figures.calls += 1
            figures.seconds += spent
            if spent > self._slow or figures.quick < PROVEN:
                figures.pace(slow=spent > self._slow)
        if hooks.episode.trials:
            hooks.episode.passed.add(plugin.id)
        return result

    def call_or_skip(self, hooks: Hooks, hook: str, call: Call, arguments: Sequence[Any], meter: Meter) -> Any:
        """Run a call whose failure stops nothing; what it wrote before it failed goes with it."""
        uow = hooks.uow
        # A savepoint only where there is something to keep: most of these calls read.
        begun = uow.begun
        try:
            if not begun:
                return self.call(hooks, hook, call, arguments, meter)
            return uow.attempt(lambda: self.call(hooks, hook, call, arguments, meter))
        except BaseException as error:
            if is_cancellation(error) or isinstance(error, CoreTransactionLost):
                raise
            if begun:
                # Rolling back to the savepoint may have failed: what the core had written may be gone.
                uow.require_alive(call.plugin.label, hook)
            elif uow.begun:
                uow.rollback()
            logger.warning(
                "plugin %s failed in %s and was skipped: %s (request %s)",
                call.plugin.label,
                hook,
                safe_text(error.__cause__ or error),
                uow.request_id,
            )
            return SKIPPED

    def run_own(self, hooks: Hooks, plugin: LoadedPlugin, function: Callable[[], Any], meter: Meter) -> Any:
        """Run a plugin's own work (a route, a job) in a worker thread; what it raises on purpose is passed on."""
        where = meter.where
        figures = self.counters.of((plugin.id, where), plugin.id, where)
        try:
            result = _bounded_in_thread(hooks.uow.connection, None, plugin.tier, function, (), meter)
            hooks.uow.require_alive(plugin.label, where)
            if hooks.uow.connection.rights is not None:
                hooks.uow.connection.become(None)
        except BaseException as error:
            # InvalidInput: what was sent does not fit the route's model.
            on_purpose = isinstance(error, SdkError | InvalidInput) and not isinstance(error, BudgetExceeded)
            if is_cancellation(error) or on_purpose:
                raise
            figures.doubt()
            _blame(hooks, plugin, where, error)
            if isinstance(error, Exception) and not isinstance(error, BudgetExceeded):
                raise
            # SystemExit, for one, would end the process that serves everybody else too.
            raise failed(plugin, where, error) from error
        finally:
            figures.calls += 1
            figures.seconds += meter.spent
        if hooks.episode.trials:
            hooks.episode.passed.add(plugin.id)
        return result


def _bounded_in_thread(connection: Connection, *bounded: Any) -> Any:
    return in_thread(connection, lambda: run_bounded(*bounded))


def run_bounded(
    check: Check | None, tier: Tier, function: Callable[..., Any], arguments: Sequence[Any], meter: Meter
) -> Any:
    """Run a plugin's code in this thread, and its time with it; see ``watchdog`` for why it looks like this.

    ``check`` looks at the result; None: it may be anything.
    """
    slot = slot_of_thread() if tier is _IN_PROCESS else UNWATCHED
    limit = meter.budget.wall_ms / 1000
    try:
        try:
            # As in ``Meter.start``, without the call.
            meter.slot = slot
            slot.meter = meter
            meter.since = slot.since = now = perf_counter()
            slot.deadline = now + limit
            result = function(*arguments)
            if result is not None and check is not None:
                # Inside the call: an iterator that uses its context must be read while that is alive.
                result = check(result, meter)
        finally:
            slot.deadline = NEVER
            while slot.touched:
                try:
                    settle(slot)
                except Stopped:
                    continue
            meter.spent += perf_counter() - meter.since
    except BaseException as error:
        if meter.is_over():
            raise meter.verdict() from error
        raise
    if (meter.ended or meter.spent > limit) and meter.is_over():
        raise meter.verdict()
    return result


def _translated(plugin: LoadedPlugin, hook: str, error: BaseException) -> BaseException:
    """Return what the operation ends with when a plugin has raised."""
    if isinstance(error, Rejected):
        issues = error.issues or (Issue("rejected", "the plugin refused it without saying why"),)
        if not all(map(is_issue, issues)):
            return failed(plugin, hook, error)
        return Refused([(plugin.label, issue) for issue in issues])
    if isinstance(error, CrmError) or is_cancellation(error):
        return error
    return failed(plugin, hook, error)


def _blame(hooks: Hooks, plugin: LoadedPlugin, where: str, error: BaseException) -> None:
    """Note a failure that is the plugin's own."""
    lost = isinstance(error, CoreTransactionLost)
    if isinstance(error, _BLAMELESS) or (isinstance(error, CrmError) and not lost) or is_cancellation(error):
        return
    # A long operation may skip a hook that fails for every row: the first hundred failures say enough.
    if len(hooks.episode.faults) < _MOST_FAULTS:
        reason = str(error) if isinstance(error, BudgetExceeded) else safe_text(error)
        hooks.episode.faults.append(Fault(plugin.id, plugin.label, where, reason, hooks.uow.now))


def failed(plugin: LoadedPlugin, where: str, error: BaseException) -> HookFailed:
    """Return the error for a plugin that raised where the operation cannot go on without it."""
    over = isinstance(error, BudgetExceeded)
    told = str(error) if over else f"plugin {plugin.label} failed in {where}: {safe_text(error)}"
    message = f"{told}; nothing was stored. Disable {plugin.id} for this tenant or install a release that fixes it"
    return HookFailed(message, plugin=plugin.label, hook=where)


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
