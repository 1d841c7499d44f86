"""Everything a database holds besides rows, as lines of text by scope: core, platform, each plugin, and the rest.

A line is the object's name, a colon and what it is like as JSON. The same database gives the same lines, whoever asks.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    Lines = dict[str, frozenset[str]]

DATABASE = "database"
"""The scope of what belongs to the whole database: schemas, extensions, event triggers, publications."""
ELSEWHERE = "elsewhere"
"""The scope of schemas that are none of ours; it is compared around a step, and never kept."""

_PLUGIN_TABLE = re.compile(r"(plg_[a-z0-9]+(?:_[a-z0-9]+)*)__")
_STATISTICS = re.compile(r"sqlite_stat\d")

# The search path decides how names are written, so it is the same whenever this is asked, and put back afterwards.
# Not by set_config: a hardened server lets only the core's own roles call it.
_PATH = "SHOW search_path"
_SET_PATH = "SET LOCAL search_path = {}"

_HEAD = r"""
WITH space AS MATERIALIZED (
    SELECT oid, nspname, nspowner, nspacl,
        CASE WHEN nspname IN ('core', 'plat') OR nspname LIKE 'plg\_%' THEN nspname::text ELSE 'elsewhere' END AS scope
    FROM pg_namespace
    WHERE nspname <> 'information_schema' AND nspname NOT LIKE 'pg\_%'
), relation AS MATERIALIZED (
    SELECT c.*, s.scope, s.nspname || '.' || c.relname AS name
    FROM pg_class c JOIN space s ON s.oid = c.relnamespace
), role AS MATERIALIZED (
    -- A plugin's roles are named after its schema, which may be gone already; a long name is cut.
    SELECT r.oid, r.rolname, coalesce(max(s.nspname)::text,
        substring(r.rolname::text from '_(plg_[a-z0-9]+(?:_[a-z0-9]+)*)(?:__.*)?$')) AS owner_scope
    FROM pg_roles r LEFT JOIN space s ON s.nspname LIKE 'plg\_%' AND (
        right(r.rolname, length(s.nspname) + 1) = '_' || s.nspname OR strpos(r.rolname, '_' || s.nspname || '__') > 0
        OR length(r.rolname) = 63 AND length(s.nspname) > 30 AND strpos(r.rolname, left(s.nspname, 26)) > 0)
    GROUP BY r.oid, r.rolname
), granted AS (
    SELECT scope, 'relation ' || name AS name, a.* FROM relation, aclexplode(relacl) a
    UNION ALL
    SELECT r.scope, 'column ' || r.name || '.' || c.attname, a.*
    FROM relation r JOIN pg_attribute c ON c.attrelid = r.oid, aclexplode(c.attacl) a
    UNION ALL
    SELECT s.scope, 'schema ' || s.nspname, a.* FROM space s, aclexplode(s.nspacl) a
    UNION ALL
    SELECT s.scope, 'function ' || s.nspname || '.' || p.proname, a.*
    FROM pg_proc p JOIN space s ON s.oid = p.pronamespace, aclexplode(p.proacl) a
)
"""

_PARTS = (
    # Schemas of our own belong to their scope, others to the database.
    """
    SELECT CASE scope WHEN 'elsewhere' THEN 'database' ELSE scope END, 'schema ' || nspname,
        json_build_array(pg_get_userbyid(nspowner))
    FROM space
    """,
    """
    SELECT scope, 'relation ' || name, json_build_array(relkind, pg_get_userbyid(relowner), relpersistence,
        relrowsecurity, relforcerowsecurity, relreplident, reloptions, relispartition, reltablespace,
        CASE WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(oid) END)
    FROM relation WHERE relkind NOT IN ('i', 'I')
    """,
    """
    SELECT r.scope, 'column ' || r.name || '.' || c.attname, json_build_array(c.attnum,
        format_type(c.atttypid, c.atttypmod), c.attnotnull, c.attgenerated, c.attidentity, c.attcollation::regcollation,
        pg_get_expr(d.adbin, d.adrelid))
    FROM relation r JOIN pg_attribute c ON c.attrelid = r.oid
    LEFT JOIN pg_attrdef d ON d.adrelid = c.attrelid AND d.adnum = c.attnum
    WHERE r.relkind NOT IN ('i', 'I') AND c.attnum > 0 AND NOT c.attisdropped
    """,
    """
    SELECT r.scope, 'constraint ' || r.name || ' ' || x.conname, json_build_array(pg_get_constraintdef(x.oid),
        x.convalidated, x.condeferrable, x.condeferred)
    FROM pg_constraint x JOIN relation r ON r.oid = x.conrelid
    """,
    """
    SELECT r.scope, 'index ' || r.name || ' ' || i.relname, json_build_array(pg_get_indexdef(x.indexrelid),
        x.indisvalid, x.indisready)
    FROM pg_index x JOIN relation r ON r.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
    """,
    """
    SELECT r.scope, 'trigger ' || r.name || ' ' || x.tgname, json_build_array(pg_get_triggerdef(x.oid), x.tgenabled)
    FROM pg_trigger x JOIN relation r ON r.oid = x.tgrelid WHERE NOT x.tgisinternal
    """,
    # A foreign key has triggers on both of its tables. Those on the anchor stand for keys that plugins may have.
    """
    SELECT CASE WHEN r.name = 'core.record' AND o.scope LIKE 'plg\\_%' AND k.confdeltype IN ('c', 'n')
            AND NOT k.condeferrable THEN o.scope ELSE r.scope END,
        'foreign key trigger ' || r.name || ' ' || o.name || ' ' || k.conname,
        json_build_array(x.tgtype, x.tgfoid::regproc, x.tgenabled)
    FROM pg_trigger x JOIN relation r ON r.oid = x.tgrelid
    JOIN pg_constraint k ON k.oid = x.tgconstraint JOIN relation o ON o.oid = k.conrelid
    WHERE x.tgisinternal
    """,
    """
    SELECT r.scope, 'policy ' || r.name || ' ' || x.polname, json_build_array(x.polcmd, x.polpermissive,
        (SELECT json_agg(pg_get_userbyid(each) ORDER BY each) FROM unnest(x.polroles) each WHERE each <> 0),
        pg_get_expr(x.polqual, x.polrelid), pg_get_expr(x.polwithcheck, x.polrelid))
    FROM pg_policy x JOIN relation r ON r.oid = x.polrelid
    """,
    """
    SELECT r.scope, 'rule ' || r.name || ' ' || x.rulename, json_build_array(pg_get_ruledef(x.oid), x.ev_enabled)
    FROM pg_rewrite x JOIN relation r ON r.oid = x.ev_class WHERE r.relkind NOT IN ('v', 'm')
    """,
    """
    SELECT s.scope, 'function ' || s.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid)
        || ')', json_build_array(pg_get_userbyid(p.proowner), p.prokind,
        CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) END)
    FROM pg_proc p JOIN space s ON s.oid = p.pronamespace
    """,
    """
    SELECT r.scope, 'sequence ' || r.name, json_build_array(format_type(x.seqtypid, NULL), x.seqstart, x.seqincrement,
        x.seqmax, x.seqmin, x.seqcache, x.seqcycle)
    FROM pg_sequence x JOIN relation r ON r.oid = x.seqrelid
    """,
    """
    SELECT c.scope, 'inheritance ' || c.name || ' ' || p.relname, json_build_array(x.inhseqno)
    FROM pg_inherits x JOIN relation c ON c.oid = x.inhrelid JOIN pg_class p ON p.oid = x.inhparent
    UNION ALL
    SELECT p.scope, 'inheritance ' || c.relname || ' ' || p.name, json_build_array(x.inhseqno)
    FROM pg_inherits x JOIN pg_class c ON c.oid = x.inhrelid JOIN relation p ON p.oid = x.inhparent
    """,
    """
    SELECT s.scope, 'type ' || s.nspname || '.' || t.typname, json_build_array(t.typtype, pg_get_userbyid(t.typowner),
        (SELECT json_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid))
    FROM pg_type t JOIN space s ON s.oid = t.typnamespace WHERE t.typtype IN ('d', 'e', 'r')
    """,
    """
    SELECT r.scope, 'statistics ' || r.name || ' ' || x.stxname, json_build_array(pg_get_statisticsobjdef(x.oid))
    FROM pg_statistic_ext x JOIN relation r ON r.oid = x.stxrelid
    """,
    # What a plugin's own roles are granted belongs to the plugin, on whatever it is.
    """
    SELECT coalesce(r.owner_scope, g.scope), 'right of ' || coalesce(r.rolname, 'PUBLIC') || ' on ' || g.name,
        json_build_array(g.privilege_type, g.is_grantable)
    FROM granted g LEFT JOIN role r ON r.oid = g.grantee
    """,
    """
    SELECT 'database', 'event trigger ' || evtname, json_build_array(evtevent, evtenabled, evtfoid::regproc, evttags)
    FROM pg_event_trigger
    UNION ALL
    SELECT 'database', 'extension ' || extname, json_build_array(extversion) FROM pg_extension
    UNION ALL
    SELECT 'database', 'publication ' || pubname, json_build_array(pg_get_userbyid(pubowner), puballtables)
    FROM pg_publication
    UNION ALL
    SELECT r.scope, 'published ' || r.name || ' ' || p.pubname, json_build_array(p.pubname)
    FROM pg_publication_rel x JOIN relation r ON r.oid = x.prrelid JOIN pg_publication p ON p.oid = x.prpubid
    """,
)
_POSTGRESQL = _HEAD + "\nUNION ALL\n".join(
    f"SELECT scope, name || ': ' || detail::text FROM ({part}) AS part{number}(scope, name, detail)"  # noqa: S608 - text of ours only
    for number, part in enumerate(_PARTS)
)
_SQLITE = "SELECT type, name, tbl_name, sql FROM sqlite_master"
# Rows written in this very transaction.
_WRITTEN = r"""
    SELECT schemaname::text, relname::text FROM pg_stat_xact_user_tables
    WHERE (schemaname IN ('core', 'plat') OR schemaname LIKE 'plg\_%') AND n_tup_ins + n_tup_upd + n_tup_del > 0
"""


def catalogs(connection: Connection) -> Lines:
    """Return the lines of every scope there is."""
    if connection.dialect.name == "sqlite":
        rows: Any = [_sqlite_line(*row) for row in connection.exec_driver_sql(_SQLITE)]
    else:
        path = connection.exec_driver_sql(_PATH).scalar()
        connection.exec_driver_sql(_SET_PATH.format("pg_catalog"))
        rows = connection.exec_driver_sql(_POSTGRESQL).all()
        connection.exec_driver_sql(_SET_PATH.format(path or "''"))
    found: dict[str, set[str]] = {}
    for scope, line in rows:
        if scope is not None:
            found.setdefault(scope, set()).add(line)
    return {scope: frozenset(lines) for scope, lines in sorted(found.items())}


def written(connection: Connection) -> frozenset[tuple[str, str]]:
    """Return schema and name of our tables whose rows this transaction has written; nothing on SQLite."""
    if connection.dialect.name == "sqlite":
        return frozenset()
    return frozenset((schema, table) for schema, table in connection.exec_driver_sql(_WRITTEN))


def name_of(line: str) -> str:
    """Return the object a line is about."""
    return line.partition(": [")[0]


def _sqlite_line(kind: str, name: str, table: str, sql: str | None) -> tuple[str | None, str]:
    # What it is on decides: a trigger of a plugin's name on a table of the core is a change of the core.
    scope = _sqlite_scope(table)
    if _STATISTICS.fullmatch(name) or name == "sqlite_sequence":
        return None, ""
    return scope, f"{kind} {name}: {json.dumps([table, sql])}"


def _sqlite_scope(table: str) -> str:
    plugin = _PLUGIN_TABLE.match(table)
    if plugin:
        return plugin[1]
    return "plat" if table.startswith("plat_") else "core"
