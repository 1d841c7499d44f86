"""What one call of a plugin may use: time, statements, rows, the size of its answer, the memory of its worker."""

from __future__ import annotations

import time
from asyncio import CancelledError
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from crm_core.errors import CoreTransactionLost, StatementLimit
from crm_core.plugin_host.payload import weight
from crm_core.plugin_host.watchdog import NEVER, UNWATCHED, Slot, Stopped, settle, slot_of_thread
from crm_core.settings import Settings
from plugin_sdk import NotAllowed
from plugin_sdk.hookspecs import Point, Rule

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from plugin_sdk import HookDefinition


@dataclass(frozen=True, slots=True)
class Budget:
    """The limits of one call.

    ``wall_ms`` and ``cpu_ms`` count the plugin's own code: what the core and the database do for it in
    between is limited by the number of statements and by the database's own statement timeout.
    """

    wall_ms: float
    cpu_ms: float
    statements: int
    rows_read: int
    rows_written: int
    payload_bytes: int
    memory_bytes: int


_CPU_SHARE = 0.5
"""In one process the CPU time of a plugin is taken from everybody else, waiting is not: half is enough."""
_LONGER = {Point.COMMITTED: 10, Point.BACKGROUND: 30, Point.LOAD: 30}
"""How many times longer than a hook inside a request: nobody waits for these with a transaction open."""
_MORE = {Point.BACKGROUND: 10}
"""How many times more a job, a route or an export may read, write and return."""


def budgets_of(settings: Settings) -> Mapping[Point, Budget]:
    """Return the budget of each point of the contract."""
    return MappingProxyType({point: _budget(settings, _LONGER.get(point, 1), _MORE.get(point, 1)) for point in Point})


def _budget(settings: Settings, longer: int, more: int) -> Budget:
    wall_ms = settings.hook_wall_ms * longer
    return Budget(
        wall_ms=wall_ms,
        cpu_ms=wall_ms * _CPU_SHARE,
        statements=settings.hook_statements * more,
        rows_read=settings.hook_rows_read * more,
        rows_written=settings.hook_rows_written * more,
        payload_bytes=settings.hook_payload_bytes * more,
        memory_bytes=settings.worker_memory_bytes,
    )


BUDGETS: Mapping[Point, Budget] = budgets_of(Settings())


def budget_of(hook: HookDefinition, budgets: Mapping[Point, Budget] = BUDGETS) -> Budget:
    """Return the budget of a hook; what an operator asks of one plugin (to prepare, to clean up) may take its time."""
    return budgets[Point.BACKGROUND if hook.rule is Rule.OWN else hook.point]


class BudgetExceeded(NotAllowed):
    """A call has used more than its budget; from then on whatever it returns or asks for is refused."""


class Meter:
    """What one call has used so far.

    ``with meter:`` stands around everything that the core does for the plugin during its call: the plugin's time
    does not run then, and nothing stops the thread.
    """

    # No slots: defaults on the class make a meter cheap, and most calls never count anything.
    statements = 0
    rows_read = 0
    rows_written = 0
    payload = 0
    spent = 0.0
    alive = True
    ended = False
    exceeded: str | None = None
    ending: BaseException | None = None
    slot: Slot = UNWATCHED
    since = 0.0
    _depth = 0

    def __init__(self, budget: Budget, label: str, where: str) -> None:
        """Begin with nothing used; ``label`` is plugin@version and ``where`` the hook, route or job."""
        self.budget = budget
        self.label = label
        self.where = where

    def start(self, slot: Slot) -> None:
        """Let the time of the plugin's own code run in the present thread, whose slot this is.

        Whoever stops it stores NEVER as the deadline of the slot first.
        """
        self.slot = slot
        slot.meter = self
        self.since = slot.since = now = time.perf_counter()
        slot.deadline = now + self.budget.wall_ms / 1000 - self.spent

    def is_over(self) -> bool:
        """Tell, while the time does not run, whether the call has come to an end that is not its own.

        What the watchdog cannot stop is found out here: an answer that comes too late counts as none, or the outcome
        would depend on whether the plugin was slow in Python or in a wait.
        """
        if self.slot is not UNWATCHED and self.spent * 1000 > self.budget.wall_ms:
            self.exceed_wall(self.spent)
        return self.ended

    def __enter__(self) -> None:
        """Stop the plugin's time; raises where the call has exceeded its budget before."""
        self._depth += 1
        if self._depth > 1:
            return
        slot = self.slot
        slot.deadline = NEVER
        while slot.touched:
            try:
                settle(slot)
            except Stopped:
                continue
        self.spent += time.perf_counter() - self.since
        if self.is_over():
            self._go_on()
            raise self.verdict()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Let the plugin's time run on."""
        if error is not None:
            self._note_ending(error)
        if self._depth == 1:
            self._go_on()
        else:
            self._depth -= 1

    def _note_ending(self, error: BaseException) -> None:
        """Keep an error that ends the call also where the plugin catches it."""
        cause = error.__cause__ or error
        if isinstance(cause, CancelledError | CoreTransactionLost):
            self.ending, self.ended = cause, True
        elif isinstance(cause, StatementLimit):
            self.exceeded, self.ended = self.exceeded or str(cause), True

    def _go_on(self) -> None:
        self._depth = 0
        self.start(UNWATCHED if self.slot is UNWATCHED else slot_of_thread())

    def statement(self, count: int = 1) -> None:
        """Count statements about to be run; calls of ``ctx.api`` and ``ctx.fields`` count one each."""
        self._require_within()
        self.statements += count
        most = self.budget.statements
        if self.statements > most:
            self._exceed(self.statements, "statements", most, "do more in one statement, or raise CRM_HOOK_STATEMENTS")

    def read(self, rows: int) -> None:
        """Count rows that the plugin has been given."""
        self.rows_read += rows
        most = self.budget.rows_read
        if self.rows_read > most:
            self._exceed(self.rows_read, "rows read", most, "filter in the statement, or raise CRM_HOOK_ROWS_READ")

    def wrote(self, rows: int) -> None:
        """Count rows that the plugin has written."""
        self.rows_written += rows
        most = self.budget.rows_written
        if self.rows_written > most:
            self._exceed(self.rows_written, "rows written", most, "write from a job, or raise CRM_HOOK_ROWS_WRITTEN")

    @property
    def rows_left(self) -> int:
        """How many rows the plugin may still read."""
        return max(self.budget.rows_read - self.rows_read, 0)

    def weigh(self, answer: Any) -> None:
        """Count the size of what the plugin returns, or of a part of it."""
        self.weighed(weight(answer, self.budget.payload_bytes))

    def weighed(self, size: int) -> None:
        """Count that many bytes of what the plugin returns."""
        self.payload += size
        if self.payload > self.budget.payload_bytes:
            self.exceed_payload(self.payload)
            self._require_within()

    def exceed_payload(self, size: int) -> None:
        """Note that the call has returned too much."""
        self._note(size, "bytes returned", self.budget.payload_bytes, "return less, or raise CRM_HOOK_PAYLOAD_BYTES")

    def exceed_wall(self, seconds: float) -> None:
        """Note that the call has taken too long."""
        instead = "leave long work to a job, or raise CRM_HOOK_WALL_MS"
        self._note(round(seconds * 1000), "milliseconds", round(self.budget.wall_ms), instead)

    def is_over_cpu(self, seconds: float) -> bool:
        """Tell whether that much CPU time is more than the call may use."""
        return seconds * 1000 > self.budget.cpu_ms

    def exceed_cpu(self, seconds: float) -> None:
        """Note that the call has used too much CPU time."""
        instead = "leave long work to a job, or raise CRM_HOOK_WALL_MS"
        self._note(round(seconds * 1000), "milliseconds of CPU time", round(self.budget.cpu_ms), instead)

    def verdict(self) -> BaseException:
        """Return what the call ends with, whatever the plugin has made of it."""
        return self.ending or BudgetExceeded(self.exceeded or "")

    def _require_within(self) -> None:
        if self.exceeded is not None:
            raise BudgetExceeded(self.exceeded)

    def _exceed(self, used: int, what: str, most: int, instead: str) -> None:
        self._note(used, what, most, instead)
        self._require_within()

    def _note(self, used: int, what: str, most: int, instead: str) -> None:
        if self.exceeded is None:
            self.ended = True
            self.exceeded = (
                f"plugin {self.label} exceeded its budget in {self.where}: {used} {what}, and one call may have "
                f"{most}; {instead}"
            )
