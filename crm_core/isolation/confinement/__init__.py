"""Walls between a plugin's process and everything else: one module per wall, and ``confine`` to build them all."""

from __future__ import annotations

from crm_core.isolation.confinement.probe import probe
from crm_core.isolation.confinement.report import WALLS, ConfinementError, Report
from crm_core.isolation.confinement.walls import confine

__all__ = ["WALLS", "ConfinementError", "Report", "confine", "probe"]
