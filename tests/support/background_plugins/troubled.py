"""A plugin that notes every event, and fails or kills its process where the record's name asks for it."""

from __future__ import annotations

import datetime as dt
import os
import signal
import sys
from typing import TYPE_CHECKING

from plugin_sdk import Job, hookimpl
from tests.support.background_plugins.seen import note, seen_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plugin_sdk import Context, Event

SEEN = seen_table("troubled")
KILL_VARIABLE = "CRM_TEST_KILL"
CURED: list[bool] = []


@hookimpl
def record_committed(ctx: Context, event: Event) -> None:
    note(ctx, SEEN, event, event.name)
    name = str(event.record["name"])
    if name.startswith("boom") and not CURED:
        message = f"cannot bear {name}"
        raise ValueError(message)
    if name.startswith("kill") and KILL_VARIABLE in os.environ:
        os.kill(os.getpid(), signal.SIGKILL)


def _fail(ctx: Context) -> None:
    ctx.api.create("account", {"name": "never kept"})
    message = "this job always fails"
    raise ValueError(message)


def _exit(_ctx: Context) -> None:
    sys.exit(3)


@hookimpl
def scheduled_jobs() -> Iterable[Job]:
    return (Job("exit", dt.timedelta(hours=1), _exit), Job("fail", dt.timedelta(hours=1), _fail))
