"""Duplicate guard for the CRM: one form for what is typed, and no second record for what is there already."""

from __future__ import annotations
