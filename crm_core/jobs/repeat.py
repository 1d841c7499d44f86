"""Do something again and again until told to stop, whatever goes wrong meanwhile."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from crm_core.plugin_host.guard import safe_text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

logger = logging.getLogger("crm_core.background")

_LONGEST_PAUSE = 60.0


async def repeat(what: str, work: Callable[[], Awaitable[object]], stop: asyncio.Event, every: float) -> None:
    """Call ``work`` about every ``every`` seconds until ``stop`` is set.

    An error (most often a database that is away) doubles the pause up to a minute. The log says once that an outage
    has begun and once that it is over, so that a night without a database is two lines and not thousands.
    """
    failures = 0
    while not stop.is_set():
        try:
            await work()
        except Exception as error:
            failures += 1
            if failures == 1:
                logger.error(  # noqa: TRY400 - the sentence is for the operator; the traceback follows for developers
                    "%s failed and is tried again until it works: %s", what, safe_text(error), exc_info=error
                )
        else:
            if failures:
                logger.info("%s works again after %d failures", what, failures)
            failures = 0
        await _pause(stop, min(every * 2.0 ** min(failures, 32), max(every, _LONGEST_PAUSE)))


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
