"""``python -m crm_core.cli``."""

from __future__ import annotations

from crm_core.cli.commands import main

main()
