"""Files in and out: import by a mapping, repeatable and resumable, and export that an import reads back."""

from __future__ import annotations
