"""Settings of one process, from the environment (``CRM_*``) or from the command line."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields


@dataclass(frozen=True, slots=True)
class Settings:
    """What one process needs to know; every value can be set as ``CRM_<NAME>`` in the environment."""

    # It may hold a password, which is nobody's who sees settings printed.
    database_url: str = field(default="sqlite:///crm.db", repr=False)
    pool_size: int = 16
    max_body_bytes: int = 8 * 1024 * 1024
    refresh_seconds: float = 0.5
    hook_slow_ms: float = 20.0
    hook_wall_ms: float = 1000.0
    hook_statements: int = 100
    hook_rows_read: int = 10_000
    hook_rows_written: int = 1_000
    hook_payload_bytes: int = 8 * 1024 * 1024
    breaker_failures: int = 3
    breaker_rest_seconds: float = 30.0
    worker_memory_bytes: int = 512 * 1024 * 1024
    relay_seconds: float = 0.5
    background: bool = True
    log_level: str = "info"
    plugin_tier: str = "auto"
    plugin_tiers: str = ""
    isolation_require: str = "seccomp,rlimits,no_new_privs"
    role_prefix: str = "crm"

    @classmethod
    def from_environment(cls, **overrides: object) -> Settings:
        """Read the environment; an override that is not None wins over it."""
        values: dict[str, object] = {}
        for each in fields(cls):
            raw = os.environ.get(f"CRM_{each.name.upper()}")
            if raw is not None:
                values[each.name] = _convert(each.name, raw, type(each.default))
        values.update({name: value for name, value in overrides.items() if value is not None})
        return cls(**values)  # type: ignore[arg-type]


def _convert(name: str, raw: str, kind: type) -> object:
    if kind is bool:
        return raw.lower() in {"1", "true", "yes", "on"}
    try:
        return kind(raw)
    except ValueError:
        message = f"CRM_{name.upper()}={raw!r} is not a {kind.__name__}; set it to one or unset it"
        raise ValueError(message) from None
