"""What PostgreSQL lets everybody do that a plugin must not, and how a superuser takes it away."""

from __future__ import annotations

__all__ = ["FUNCTIONS", "GRANTED", "LANGUAGES"]

# To set the tenant or the role, to wait, to hold what others wait for, to end other sessions, to leave something
# behind that no transaction takes back, or to run text as a statement past the host's checks.
_NAMES = (
    "set_config",
    "pg_notify",
    "pg_sleep",
    "pg_sleep_for",
    "pg_sleep_until",
    "pg_cancel_backend",
    "pg_terminate_backend",
    "pg_export_snapshot",
    "pg_logical_emit_message",
)
_BEGINNINGS = (
    "pg_advisory",
    "pg_try_advisory",
    "lo_",
    "query_to_xml",
    "table_to_xml",
    "schema_to_xml",
    "database_to_xml",
    "cursor_to_xml",
)
_PLACE = "n.nspname = 'pg_catalog'"
_NAMED = ", ".join(f"'{name}'" for name in (*_NAMES, "loread", "lowrite"))
_BEGUN = " OR ".join(f"starts_with(p.proname, '{beginning}')" for beginning in _BEGINNINGS)

FUNCTIONS = f"""
SELECT format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE {_PLACE} AND (p.proname IN ({_NAMED}) OR {_BEGUN}) AND has_function_privilege('public', p.oid, 'EXECUTE')
ORDER BY 1
"""  # noqa: S608 - made of the names above
"""The dangerous functions everybody may call in this database."""

GRANTED = ("pg_catalog.set_config(text, text, boolean)", "pg_catalog.pg_advisory_xact_lock(bigint)")
"""Those of them that the core itself calls."""

LANGUAGES = """
SELECT quote_ident(lanname) FROM pg_language
WHERE lanpltrusted AND has_language_privilege('public', oid, 'USAGE') ORDER BY 1
"""
"""The languages everybody may write functions in."""
