"""What a database's catalog says of everything outside the namespaces of attacking plugins."""

from __future__ import annotations

_OTHERS = "n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND n.nspname NOT LIKE 'plg\\_attacker%'"
_RELATIONS = "pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
_NOBODYS = "NOT LIKE '%plg\\_attacker%'"

ON_SQLITE = """
    SELECT type, name, tbl_name, sql FROM sqlite_master WHERE tbl_name NOT LIKE 'plg\\_attacker%' ESCAPE '\\'
"""

ON_POSTGRES = tuple(
    query.format(others=_OTHERS, relations=_RELATIONS, nobodys=_NOBODYS)
    for query in (
        "SELECT 'schema', nspname, nspowner FROM pg_namespace n WHERE {others}",
        "SELECT 'schema right', nspname, grantee::regrole::text, privilege_type"
        " FROM pg_namespace n, aclexplode(nspacl) WHERE {others} AND grantee::regrole::text {nobodys}",
        "SELECT 'relation', c.oid::regclass::text, relkind, relowner, relrowsecurity, relforcerowsecurity, relhasrules,"
        " CASE WHEN relkind = 'v' THEN pg_get_viewdef(c.oid) END FROM {relations} WHERE {others}",
        "SELECT 'right', c.oid::regclass::text, grantee::regrole::text, privilege_type, is_grantable"
        " FROM {relations}, aclexplode(relacl) WHERE {others} AND grantee::regrole::text {nobodys}",
        "SELECT 'column', c.oid::regclass::text, attname, atttypid, atttypmod, attnotnull"
        " FROM {relations} JOIN pg_attribute a ON a.attrelid = c.oid WHERE {others} AND attnum > 0",
        "SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(c.oid)"
        " FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace WHERE {others}",
        "SELECT 'trigger', tgrelid::regclass::text, tgname, tgenabled, pg_get_triggerdef(t.oid)"
        " FROM pg_trigger t JOIN {relations} ON c.oid = tgrelid WHERE {others} AND NOT tgisinternal",
        "SELECT 'function', p.oid::regprocedure::text, proowner, prosecdef, prosrc"
        " FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {others}",
        "SELECT 'policy', schemaname, tablename, policyname, roles::text, cmd, qual, with_check FROM pg_policies"
        " WHERE schemaname NOT LIKE 'plg\\_attacker%'",
        "SELECT 'role', rolname, rolsuper, rolcreaterole, rolcreatedb, rolcanlogin, rolbypassrls, rolconfig::text"
        " FROM pg_roles WHERE rolname {nobodys}",
        "SELECT 'member', roleid::regrole::text, member::regrole::text FROM pg_auth_members"
        " WHERE roleid::regrole::text {nobodys} AND member::regrole::text {nobodys}",
        "SELECT 'extension', extname, extversion FROM pg_extension",
        "SELECT 'large object', oid FROM pg_largeobject_metadata",
    )
)
