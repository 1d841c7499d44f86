"""The hooks: their exact signatures, when they are called and what becomes of their results.

An implementation takes any subset of the arguments, by name. Arguments are only ever added.
Points: ``before`` (before the transaction), ``write`` (inside it, before the row is written), ``after``
(inside it, the row is written), ``committed`` (after commit, through the outbox, at least once),
``read``, ``load`` (once at start-up) and ``background``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import pluggy

from plugin_sdk.context import Context
from plugin_sdk.events import Event
from plugin_sdk.jobs import Job
from plugin_sdk.records import (
    ConvertPatch,
    ConvertPlan,
    Environment,
    Issue,
    Match,
    Operation,
    Patch,
    Record,
    Score,
    Stage,
    UninstallMode,
)

if TYPE_CHECKING:
    from plugin_sdk.http import Route

PROJECT = "crm"
hookimpl = pluggy.HookimplMarker(PROJECT)
_hookspec = pluggy.HookspecMarker(PROJECT)
_F = TypeVar("_F", bound=Callable[..., Any])


class Point(StrEnum):
    """When a hook is called."""

    BEFORE = "before"
    WRITE = "write"
    AFTER = "after"
    COMMITTED = "committed"
    READ = "read"
    LOAD = "load"
    BACKGROUND = "background"


class Rule(StrEnum):
    """What becomes of the results: collected, merged field by field, or asked of one plugin only."""

    ALL = "all"
    FOLD = "fold"
    OWN = "own"


class OnError(StrEnum):
    """What an exception of one plugin does, and what becomes of the hook while the plugin is not called.

    ``fail`` fails the operation: the hook may refuse it, and so without its answer there is none. ``quarantine``
    fails this operation; a plugin that fails again and again is quarantined, and the core goes on without it.
    ``skip`` is logged, and the operation goes on. ``retry`` is tried again later.
    """

    FAIL = "fail"
    QUARANTINE = "quarantine"
    SKIP = "skip"
    RETRY = "retry"


@dataclass(frozen=True, slots=True)
class HookDefinition:
    """One hook of the contract, as the plugin host and the documentation read it."""

    name: str
    point: Point
    rule: Rule
    on_error: OnError
    arguments: tuple[str, ...]
    by_record_type: bool
    summary: str


HOOKS: dict[str, HookDefinition] = {}


def _hook(point: Point, rule: Rule, on_error: OnError, *, by_record_type: bool = True) -> Callable[[_F], _F]:
    def decorate(function: _F) -> _F:
        code = function.__code__
        summary = (function.__doc__ or "").strip().split("\n", 1)[0]
        arguments = code.co_varnames[: code.co_argcount]
        HOOKS[function.__name__] = HookDefinition(
            function.__name__, point, rule, on_error, arguments, by_record_type, summary
        )
        marked: _F = _hookspec(function)
        return marked

    return decorate


@_hook(Point.BEFORE, Rule.FOLD, OnError.QUARANTINE)
def record_defaults(ctx: Context, record_type: str, draft: Record) -> Patch | None:
    """Fill fields that a new record leaves empty; a field the caller has set is never overwritten."""


@_hook(Point.BEFORE, Rule.FOLD, OnError.QUARANTINE)
def record_normalize(ctx: Context, record_type: str, draft: Record) -> Patch | None:
    """Bring values into their usual form (phone numbers, names) before duplicates are searched."""


@_hook(Point.BEFORE, Rule.ALL, OnError.SKIP)
def find_duplicates(ctx: Context, record_type: str, draft: Record) -> Sequence[Match] | None:
    """Name records that a new record may duplicate; a match that blocks refuses it."""


@_hook(Point.WRITE, Rule.FOLD, OnError.QUARANTINE)
def record_before_write(ctx: Context, operation: Operation, old: Record | None, new: Record) -> Patch | None:
    """Change a record about to be created or updated; ``new`` is the same for every plugin."""


@_hook(Point.WRITE, Rule.ALL, OnError.FAIL)
def record_validate(
    ctx: Context, operation: Operation, old: Record | None, new: Record, changed: frozenset[str]
) -> Sequence[Issue] | None:
    """Find what is wrong with the record as it would be stored; an error refuses the write."""


@_hook(Point.AFTER, Rule.ALL, OnError.QUARANTINE)
def record_after_write(
    ctx: Context, operation: Operation, old: Record | None, new: Record, changed: frozenset[str]
) -> None:
    """Follow a write inside its transaction, e.g. to keep own tables in step; all or nothing with it."""


@_hook(Point.COMMITTED, Rule.ALL, OnError.RETRY)
def record_committed(ctx: Context, event: Event) -> None:
    """React to a committed change; delivered at least once, in a transaction of its own."""


@_hook(Point.WRITE, Rule.ALL, OnError.FAIL)
def record_before_delete(ctx: Context, record: Record) -> Sequence[Issue] | None:
    """Find reasons against deleting the record; an error refuses it."""


@_hook(Point.WRITE, Rule.ALL, OnError.FAIL)
def stage_transition(ctx: Context, record: Record, from_stage: Stage | None, to_stage: Stage) -> Sequence[Issue] | None:
    """Find reasons against moving the record to another stage; an error refuses the move."""


@_hook(Point.COMMITTED, Rule.ALL, OnError.RETRY)
def stage_entered(ctx: Context, event: Event) -> None:
    """React to a record that has entered a stage; delivered at least once, after ``record_committed``."""


@_hook(Point.WRITE, Rule.FOLD, OnError.QUARANTINE)
def lead_convert(ctx: Context, lead: Record, plan: ConvertPlan) -> ConvertPatch | None:
    """Change what converting a lead will create."""


@_hook(Point.BACKGROUND, Rule.ALL, OnError.SKIP)
def score(ctx: Context, record: Record) -> Score | None:
    """Score a record on request, with reasons a person can read."""


@_hook(Point.READ, Rule.ALL, OnError.SKIP)
def record_load(ctx: Context, record_type: str, ids: Sequence[UUID]) -> Mapping[UUID, Mapping[str, Any]] | None:
    """Return the plugin's computed fields of a whole page of records in one go, by record id."""


@_hook(Point.LOAD, Rule.ALL, OnError.FAIL, by_record_type=False)
def routes() -> Iterable[Route]:
    """Return own REST routes; they are served below ``/api/v1/x/<plugin>`` and only where it is enabled."""
    return ()


@_hook(Point.LOAD, Rule.ALL, OnError.FAIL, by_record_type=False)
def scheduled_jobs() -> Iterable[Job]:
    """Return jobs to run again and again for every tenant that has the plugin enabled."""
    return ()


@_hook(Point.LOAD, Rule.OWN, OnError.FAIL, by_record_type=False)
def plugin_check(environment: Environment) -> Sequence[Issue] | None:
    """Look at the environment before the plugin is loaded for good; an error refuses it."""


@_hook(Point.WRITE, Rule.ALL, OnError.FAIL, by_record_type=False)
def plugin_enable(ctx: Context, plugin: str, version: str) -> Sequence[Issue] | None:
    """Say what speaks against enabling ``plugin`` for this tenant; asked of it and of all enabled plugins."""


@_hook(Point.AFTER, Rule.OWN, OnError.FAIL, by_record_type=False)
def plugin_enabled(ctx: Context) -> None:
    """Prepare the plugin's data for a tenant that enables it; inside the enabling transaction."""


@_hook(Point.AFTER, Rule.OWN, OnError.SKIP, by_record_type=False)
def plugin_disabled(ctx: Context) -> None:
    """Follow the disabling of the plugin for a tenant; it cannot be refused."""


@_hook(Point.BACKGROUND, Rule.OWN, OnError.FAIL, by_record_type=False)
def plugin_export(ctx: Context) -> Iterator[Mapping[str, Any]] | None:
    """Add lines of the plugin's own to its export; its tables and fields are exported by the host."""


@_hook(Point.BACKGROUND, Rule.OWN, OnError.FAIL, by_record_type=False)
def plugin_import(ctx: Context, lines: Sequence[Mapping[str, Any]]) -> None:
    """Take the plugin's own lines back after the host has restored its tables and fields."""


@_hook(Point.AFTER, Rule.OWN, OnError.SKIP, by_record_type=False)
def plugin_uninstall(ctx: Context, mode: UninstallMode) -> None:
    """Clean up for one tenant before the plugin goes; with ``purge`` its data is dropped afterwards."""
