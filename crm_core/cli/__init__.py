"""The command ``crm``. Commands import what they need when they run, so that ``crm --help`` is quick."""

from __future__ import annotations

from crm_core.cli.commands import main

__all__ = ["main"]
