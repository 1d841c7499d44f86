"""A plugin that notes every event it receives."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from plugin_sdk import Job, hookimpl
from tests.support.background_plugins.seen import note, seen_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plugin_sdk import Context, Event

SEEN = seen_table("steady")
EVENTS: list[Event] = []
RUNS: list[str] = []


@hookimpl
def record_committed(ctx: Context, event: Event) -> None:
    EVENTS.append(event)
    note(ctx, SEEN, event, event.name)


@hookimpl
def stage_entered(ctx: Context, event: Event) -> None:
    note(ctx, SEEN, event, "stage")


def _account(ctx: Context) -> None:
    RUNS.append(str(ctx.tenant_id))
    ctx.api.create("account", {"name": "made by a job"})


@hookimpl
def scheduled_jobs() -> Iterable[Job]:
    return (Job("account", dt.timedelta(hours=1), _account),)
