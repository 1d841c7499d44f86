"""Work that a plugin wants done again and again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from plugin_sdk.context import Context


@dataclass(frozen=True, slots=True)
class Job:
    """A named job, run once per tenant about every ``every``, in a transaction of its own.

    ``run`` gets a context whose actor is the plugin. An exception rolls its work back and is kept as
    the job's last error; the next run comes at its usual time.
    """

    name: str
    every: timedelta
    run: Callable[[Context], None]
    summary: str = ""
