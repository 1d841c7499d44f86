"""CRM core: a frozen schema and REST API that versioned plugins extend through hooks."""

from __future__ import annotations

__version__ = "0.3.0"
