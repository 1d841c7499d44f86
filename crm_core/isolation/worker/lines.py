"""A logger whose lines the host writes: ``ctx.log`` of a plugin in a worker."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def logger_to(send: Callable[[int, str], None]) -> logging.LoggerAdapter[logging.Logger]:
    """Return a logger that gives each line to ``send`` with its level."""
    logger = logging.Logger("crm_core.plugins")  # noqa: LOG001 - it lives as long as the call
    logger.addHandler(_Sending(send))
    return logging.LoggerAdapter(logger, {})


class _Sending(logging.Handler):
    """Sends every line, with its traceback where it has one."""

    def __init__(self, send: Callable[[int, str], None]) -> None:
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        self._send(record.levelno, self.format(record))
