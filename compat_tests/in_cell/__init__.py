"""Programs that run inside a cell, started by their path with the cell's interpreter; never imported."""

from __future__ import annotations
