from __future__ import annotations

import re

import pytest

from crm_core.errors import PluginError
from crm_core.plugin_host.migrations.allowed import require_allowed
from tests.support.judged import judge, told

DIALECTS = ["postgresql", "sqlite"]
ANCHOR = "REFERENCES core.record (tenant_id, id)"

# What is refused in the same words on both databases: the statement, and how the refusal begins.
REFUSED = [
    ("CREATE FUNCTION plg_a.f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "use CREATE FUNCTION ("),
    (
        "CREATE OR REPLACE FUNCTION plg_a.f() RETURNS int AS $$ SELECT 1 $$ LANGUAGE sql",
        "use CREATE OR REPLACE FUNCTION (",
    ),
    ("CREATE PROCEDURE plg_a.f() LANGUAGE sql AS 'SELECT 1'", "use CREATE PROCEDURE ("),
    ("CREATE AGGREGATE plg_a.f(int) (sfunc = int4pl, stype = int)", "use CREATE AGGREGATE ("),
    ("CREATE TRIGGER x AFTER INSERT ON plg_a.t EXECUTE FUNCTION plg_a.f()", "use CREATE TRIGGER ("),
    ("CREATE TRIGGER x AFTER INSERT ON plg_a.t BEGIN DELETE FROM account; END", "use CREATE TRIGGER ("),
    (
        "CREATE CONSTRAINT TRIGGER x AFTER INSERT ON plg_a.t DEFERRABLE EXECUTE FUNCTION f()",
        "use CREATE CONSTRAINT TRIGGER",
    ),
    ("CREATE EVENT TRIGGER x ON ddl_command_start EXECUTE FUNCTION f()", "use CREATE EVENT TRIGGER ("),
    ("CREATE TEMP TRIGGER x AFTER INSERT ON account BEGIN SELECT 1; END", "use CREATE TEMP TRIGGER ("),
    ("CREATE RULE r AS ON INSERT TO plg_a.t DO ALSO DELETE FROM core.account", "use CREATE RULE ("),
    ("CREATE VIEW plg_a.v AS SELECT 1", "use CREATE VIEW ("),
    ("CREATE TEMPORARY VIEW v AS SELECT 1", "use CREATE TEMPORARY VIEW ("),
    ("CREATE MATERIALIZED VIEW plg_a.v AS SELECT 1", "use CREATE MATERIALIZED VIEW ("),
    ("CREATE POLICY p ON plg_a.t USING (true)", "use CREATE POLICY ("),
    ("CREATE SEQUENCE plg_a.s", "use CREATE SEQUENCE ("),
    ("CREATE TYPE plg_a.ty AS ENUM ('a')", "use CREATE TYPE ("),
    ("CREATE DOMAIN plg_a.d AS int", "use CREATE DOMAIN ("),
    ("CREATE EXTENSION dblink", "use CREATE EXTENSION ("),
    ("CREATE SCHEMA plg_b", "use CREATE SCHEMA ("),
    ("CREATE ROLE x SUPERUSER", "use CREATE ROLE ("),
    ("CREATE OPERATOR plg_a.+ (FUNCTION = f)", "use CREATE OPERATOR ("),
    ("CREATE CAST (int AS text) WITHOUT FUNCTION", "use CREATE CAST ("),
    ("CREATE STATISTICS plg_a.s ON a, b FROM core.account", "use CREATE STATISTICS ("),
    ("CREATE PUBLICATION p FOR ALL TABLES", "use CREATE PUBLICATION ("),
    ("CREATE FOREIGN TABLE plg_a.t (n INTEGER) SERVER x", "use CREATE FOREIGN TABLE ("),
    ("CREATE VIRTUAL TABLE plg_a.t USING fts5(a)", "use CREATE VIRTUAL TABLE ("),
    ("CREATE TEMPORARY TABLE account (id INTEGER)", "use CREATE TEMPORARY TABLE ("),
    ("CREATE UNLOGGED TABLE plg_a.t (n INTEGER)", "use CREATE UNLOGGED TABLE ("),
    ("DO $$ BEGIN EXECUTE 'DROP TABLE core.account'; END $$", "use DO ("),
    ("DO 'BEGIN END'", "use DO ("),
    ("CALL f()", "use CALL ("),
    ("EXPLAIN ANALYZE DELETE FROM core.account", "use EXPLAIN ("),
    ("PREPARE p AS DELETE FROM core.account", "use PREPARE ("),
    ("EXECUTE p", "use EXECUTE ("),
    ("GRANT ALL ON plg_a.t TO PUBLIC", "use GRANT ("),
    ("REVOKE ALL ON core.account FROM crm_app", "use REVOKE ("),
    ("SET ROLE crm_owner", "use SET ("),
    ("SET SESSION AUTHORIZATION DEFAULT", "use SET ("),
    ("RESET ROLE", "use RESET ("),
    ("DISCARD ALL", "use DISCARD ("),
    ("COMMIT", "use COMMIT ("),
    ("ROLLBACK", "use ROLLBACK ("),
    ("ROLLBACK TO SAVEPOINT x", "use ROLLBACK ("),
    ("BEGIN IMMEDIATE", "use BEGIN ("),
    ("SAVEPOINT x", "use SAVEPOINT ("),
    ("RELEASE x", "use RELEASE ("),
    ("LOCK TABLE core.account IN ACCESS EXCLUSIVE MODE", "use LOCK ("),
    ("COPY core.account TO PROGRAM 'cat'", "use COPY ("),
    ("TRUNCATE core.account CASCADE", "use TRUNCATE ("),
    ("MERGE INTO plg_a.t USING plg_a.u ON true WHEN MATCHED THEN DELETE", "use MERGE ("),
    ("NOTIFY x", "use NOTIFY ("),
    ("LISTEN x", "use LISTEN ("),
    ("VACUUM INTO 'stolen.db'", "use VACUUM ("),
    ("ANALYZE", "use ANALYZE ("),
    ("REINDEX", "use REINDEX ("),
    ("CLUSTER plg_a.t", "use CLUSTER ("),
    ("REFRESH MATERIALIZED VIEW plg_a.v", "use REFRESH ("),
    ("SECURITY LABEL ON TABLE plg_a.t IS 'x'", "use SECURITY ("),
    ("IMPORT FOREIGN SCHEMA s FROM SERVER x INTO plg_a", "use IMPORT ("),
    ("REASSIGN OWNED BY crm_owner TO x", "use REASSIGN ("),
    ("PRAGMA foreign_keys = OFF", "use PRAGMA ("),
    ("PRAGMA writable_schema = 1", "use PRAGMA ("),
    ("ATTACH DATABASE 'x.db' AS other", "use ATTACH ("),
    ("DETACH other", "use DETACH ("),
    ("REPLACE INTO plg_a.t (n) VALUES (1)", "use REPLACE ("),
    ("DROP SCHEMA core CASCADE", "use DROP SCHEMA ("),
    ("DROP VIEW plg_a.v", "use DROP VIEW ("),
    ("ALTER INDEX plg_a.ix RENAME TO iy", "use ALTER INDEX ("),
    ("ALTER ROLE crm_app SUPERUSER", "use ALTER ROLE ("),
    ("ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC", "use ALTER ("),
    ("ALTER TABLE plg_a.t OWNER TO crm_app", "use this ALTER TABLE ("),
    ("ALTER TABLE plg_a.t SET SCHEMA core", "use this ALTER TABLE ("),
    ("ALTER TABLE plg_a.t DISABLE ROW LEVEL SECURITY", "use this ALTER TABLE ("),
    ("ALTER TABLE plg_a.t DISABLE TRIGGER ALL", "use this ALTER TABLE ("),
    ("ALTER TABLE plg_a.t INHERIT core.account", "use this ALTER TABLE ("),
    ("ALTER TABLE plg_a.t ATTACH PARTITION core.account DEFAULT", "use this ALTER TABLE"),
    ("ALTER TABLE plg_a.t REPLICA IDENTITY FULL", "use this ALTER TABLE ("),
    ("ALTER TABLE plg_a.t RENAME TO alembic_version", ""),
    ("CREATE TABLE plg_a.t (n INTEGER) INHERITS (core.account)", "write INHERITS in CREATE ("),
    ("CREATE TABLE plg_a.t (n INTEGER) PARTITION BY LIST (n)", ""),
    ("CREATE TABLE plg_a.t (n INTEGER) WITH (fillfactor = 10)", "write a setting in CREATE ("),
    ("CREATE TABLE plg_a.t (n INTEGER) TABLESPACE x", ""),
    ("CREATE TABLE plg_a.t (LIKE core.account INCLUDING ALL)", "use LIKE ("),
    ("CREATE TABLE plg_a.t AS SELECT * FROM core.account", "write EXPRESSION in CREATE ("),
    ("CREATE TABLE core.t (n INTEGER)", "touch core.t ("),
    ("CREATE TABLE plg_b.t (n INTEGER)", "touch plg_b.t ("),
    ("CREATE TABLE plat.t (n INTEGER)", "touch plat.t ("),
    ("CREATE TABLE plg_a.account_fields (n INTEGER)", "make or change plg_a.account_fields ("),
    ("CREATE TABLE plg_a.t (n INTEGER DEFAULT nextval('core.s'))", "call nextval() ("),
    ("CREATE TABLE plg_a.t (n TEXT DEFAULT set_config('role', 'x', false))", "call set_config() ("),
    ("CREATE TABLE plg_a.t (n TEXT, CHECK (n <> pg_read_file('x')))", "call pg_read_file() ("),
    ("CREATE TABLE plg_a.t (n TEXT GENERATED ALWAYS AS (evil(n)) STORED)", "call evil() ("),
    ('CREATE TABLE plg_a.t (n TEXT COLLATE "de_DE")', "sort by the collation de_DE ("),
    ("CREATE TABLE plg_a.t (n TEXT DEFAULT (SELECT name FROM core.account))", "touch core.account ("),
    (
        f"CREATE TABLE plg_a.t (x UUID, y UUID, FOREIGN KEY(x, y) {ANCHOR})",
        "make a reference without ON DELETE CASCADE",
    ),
    (
        f"CREATE TABLE plg_a.t (x UUID, FOREIGN KEY(x, y) {ANCHOR} ON DELETE RESTRICT)",
        "make a reference ON DELETE RESTRICT (",
    ),
    (
        f"CREATE TABLE plg_a.t (x UUID, FOREIGN KEY(x, y) {ANCHOR} ON DELETE SET DEFAULT)",
        "make a reference ON DELETE SET D",
    ),
    (
        f"CREATE TABLE plg_a.t (x UUID, FOREIGN KEY(x, y) {ANCHOR} ON DELETE CASCADE DEFERRABLE)",
        "make a reference DEFERRABLE (",
    ),
    (
        f"CREATE TABLE plg_a.t (x UUID, FOREIGN KEY(x, y) {ANCHOR} ON DELETE CASCADE ON UPDATE CASCADE)",
        "make a reference ON UP",
    ),
    (
        f"CREATE TABLE plg_a.t (x UUID, FOREIGN KEY(x, y) {ANCHOR} ON DELETE CASCADE INITIALLY DEFERRED)",
        "make a reference INI",
    ),
    ("CREATE TABLE plg_a.t (x UUID REFERENCES core.record (id) ON DELETE CASCADE)", "refer to core.record by (id) ("),
    ("CREATE TABLE plg_a.t (x UUID REFERENCES core.account (id) ON DELETE CASCADE)", "refer to core.account ("),
    ("CREATE TABLE plg_a.t (x UUID REFERENCES plg_b.t (id) ON DELETE CASCADE)", "refer to plg_b.t ("),
    ("CREATE TABLE plg_a.t (x UUID REFERENCES plg_a.u (id))", "make a reference without ON DELETE CASCADE"),
    ("CREATE TABLE plg_a.t (x UUID UNIQUE DEFERRABLE INITIALLY DEFERRED)", ""),
    ("CREATE INDEX evil ON core.account (name)", "touch core.account ("),
    ("DROP INDEX core.ix_account_name", "touch core.ix_account_name ("),
    ("DROP TABLE core.account", "touch core.account ("),
    ("DROP TABLE plg_a.t, core.account", "touch core.account ("),
    ("DROP TABLE plg_a.t CASCADE", "write CASCADE in DROP ("),
    ("DROP TABLE plg_a.alembic_version", "change plg_a.alembic_version ("),
    ("ALTER TABLE core.account ADD COLUMN evil TEXT", "touch core.account ("),
    ("ALTER TABLE plg_a.t DROP COLUMN n CASCADE", "write CASCADE in DROP ("),
    ("INSERT INTO core.account (name) VALUES ('x')", "touch core.account ("),
    ("UPDATE core.account SET name = 'x'", "touch core.account ("),
    ("DELETE FROM core.account", "touch core.account ("),
    ("SELECT * FROM core.api_key", "touch core.api_key ("),
    ("INSERT INTO plg_a.t (name) SELECT name FROM core.account", "touch core.account ("),
    ("UPDATE plg_a.t SET name = (SELECT max(name) FROM plg_b.secret)", "touch plg_b.secret ("),
    ("DELETE FROM plg_a.t WHERE id IN (SELECT id FROM core.account)", "touch core.account ("),
    ("WITH q AS (SELECT * FROM core.account) INSERT INTO plg_a.t SELECT * FROM q", "touch core.account ("),
    ("WITH q AS (DELETE FROM core.account RETURNING id) SELECT * FROM q", "touch core.account ("),
    ("WITH account AS (SELECT 1 AS n) SELECT n FROM account", "name a query account ("),
    ("WITH RECURSIVE q AS (SELECT 1 UNION SELECT 1 FROM q) SELECT * FROM q", "write RECURSIVE in WITH ("),
    ("SELECT * FROM plg_a.t FOR UPDATE", "write LOCKS in SELECT ("),
    ("SELECT n INTO copy FROM plg_a.t", "write INTO in SELECT ("),
    ("SELECT set_config('crm.tenant', 'x', false)", "call set_config() ("),
    ("SELECT pg_sleep(10)", "call pg_sleep() ("),
    ("SELECT load_extension('x')", "call load_extension() ("),
    ("SELECT * FROM generate_series(1, 1000000000)", "read from a function ("),
    ("SELECT 1; DROP TABLE core.account", "send two statements at once ("),
    ("SELECT 1 -- x\n; DROP TABLE core.account", "send two statements at once ("),
    ("DROP/**/TABLE/**/core.account", "touch core.account ("),
    ("drop table CORE . Account", "touch core.account ("),
    ("/* /* */ SELECT 1 */ DROP TABLE core.account", "put a comment into a comment"),
    ("SELECT 1 /* without an end", "put a comment into a comment"),
    ("SELECT $$core.account$$", ""),
    ("SELECT $x$core.account$x$", ""),
    ("SELECT E'it\\'s' FROM plg_a.t", "put letters before quotes"),
    ("SELECT U&'\\0041'", "put letters before quotes"),
    ("SELECT 'a\\' FROM plg_a.t", "write a backslash into text"),
    ("SELECT 'without an end", "write a backslash into text"),
    ("SELECT n FROM `account`", "write '`' ("),
    ("SELECT n \x00 FROM plg_a.t", "write '\\x00' ("),
    ("SELECT n FROM plg_a.t WHERE n ~ 'x'", "write '~' ("),
    ("SELECT " + "(" * 41 + "1" + ")" * 41, "nest parentheses more than 40 deep ("),
    ("SELECT '" + "x" * 200_000 + "'", "send a statement of more than 200000 characters ("),
    ("SELECT FROM WHERE", ""),
    ("", "send an empty statement; "),
    (";", "send an empty statement (;); "),
    ("nonsense", "use NONSENSE ("),
]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("text", "beginning"), REFUSED, ids=[text[:60] for text, _ in REFUSED])
def test_what_has_no_place_in_a_migration_is_refused_by_name(text: str, beginning: str, dialect: str) -> None:
    assert told(text, dialect).startswith(beginning)


def test_both_databases_say_it_in_the_same_words() -> None:
    for text, beginning in REFUSED:
        if beginning:
            first, second = (re.sub(r" \(.*\)(?=; )", "", told(text, each), flags=re.DOTALL) for each in DIALECTS)
            assert first == second, text


# What one of the databases alone can be told.
REFUSED_THERE = {
    "postgresql": [
        ('DROP TABLE "core"."account"', "touch core.account ("),
        ('SELECT * FROM "PLG_A".t', "touch PLG_A.t ("),
        ("SELECT * FROM account", "name account without its schema ("),
        ("CREATE TABLE t (n INTEGER)", "name t without its schema ("),
        ("SELECT * FROM other.plg_a.t", "write CATALOG in TABLE ("),
        ("SELECT pg_catalog.lower('A')", "use a name with its schema for what is no table ("),
        ("SELECT plg_a.evil(1)", "use a name with its schema for what is no table ("),
        ("SELECT 'core.account'::regclass", "use OBJECT IDENTIFIER ("),
        ("SELECT 1 OPERATOR(pg_catalog.+) 2", "use OPERATOR ("),
        ("SELECT * FROM pg_catalog.pg_authid", "touch pg_catalog.pg_authid ("),
        ("SELECT * FROM pg_catalog.pg_class, core.account", "touch core.account ("),
        ("SELECT pg_catalog.pg_read_file('x') FROM pg_catalog.pg_class", "call pg_read_file() ("),
        ("SELECT * FROM pg_class", "name pg_class without its schema ("),
        ("DELETE FROM pg_catalog.pg_class", "touch pg_catalog.pg_class ("),
        ("SELECT * FROM information_schema.tables", "touch information_schema.tables ("),
        ("CREATE TABLE plg_a.t (n SERIAL)", "let the database count (SERIAL, IDENTITY, AUTOINCREMENT) ("),
        ("CREATE TABLE plg_a.t (n INTEGER GENERATED BY DEFAULT AS IDENTITY)", "let the database count"),
        ("CREATE TABLE plg_a.t (n XML)", "use the type XML ("),
        ("CREATE TABLE plg_a.t (n core.account)", "write KIND in DATA TYPE ("),
        ("CREATE TABLE plg_a.t OF plg_a.ty", "use this CREATE TABLE ("),
        ("CREATE TABLE plg_a.t PARTITION OF core.x DEFAULT", ""),
        ("CREATE INDEX CONCURRENTLY ix ON plg_a.t (n)", "write CONCURRENTLY in CREATE ("),
        ("CREATE INDEX ix ON plg_a.t (n core.evil_ops)", "use the operator class core.evil_ops ("),
        ("CREATE INDEX ix ON plg_a.t (n) WITH (fillfactor = 10)", "write WITH STORAGE in INDEX PARAMETERS ("),
        ("CREATE UNIQUE INDEX ix ON plg_a.t (n) NULLS NOT DISTINCT", "use this CREATE UNIQUE INDEX ("),
        ("ALTER TABLE plg_a.t ADD CONSTRAINT c CHECK (n > 0) NOT VALID", "write NOT VALID in ALTER ("),
        ("ALTER TABLE plg_a.t ADD CONSTRAINT c EXCLUDE USING gist (n WITH =)", "use EXCLUDE ("),
        ("ALTER TABLE ONLY plg_a.t ADD COLUMN n INTEGER", "write ONLY in ALTER ("),
        ("ALTER TABLE plg_a.t SET (fillfactor = 10)", "use ALTER SET ("),
        ("ALTER TABLE plg_a.t RENAME TO core.t", ""),
        ("ALTER TABLE plg_a.t RENAME TO account_fields", "make or change plg_a.account_fields ("),
        ("COMMENT ON TABLE core.account IS 'evil'", "touch core.account ("),
        ("COMMENT ON COLUMN core.account.name IS NULL", "touch core.account ("),
        ("COMMENT ON SCHEMA plg_a IS 'x'", "use this COMMENT ("),
        ("SELECT n FROM plg_a.t WHERE n = ?", "write '?' ("),
        ("SELECT * FROM plg_a.t TABLESAMPLE SYSTEM (1)", "write SAMPLE in TABLE ("),
        ("SELECT * FROM LATERAL evil() AS x", "use LATERAL ("),
    ],
    "sqlite": [
        ("SELECT * FROM account", "touch core.account ("),
        ("SELECT * FROM [account]", "quote names with brackets ("),
        ('SELECT * FROM "account"', "touch core.account ("),
        ("SELECT * FROM main.plg_a__t", "touch main.plg_a__t ("),
        ("CREATE TABLE temp.plg_a__t (n INTEGER)", "touch temp.plg_a__t ("),
        ("SELECT * FROM plg_b__secret", "touch plg_b.secret ("),
        ("SELECT * FROM sqlite_master", "touch core.sqlite_master ("),
        ("SELECT * FROM pragma_table_info('account')", "read from a function ("),
        ("ALTER TABLE plg_a__t RENAME TO account", "touch core.account ("),
        ("ALTER TABLE plg_a__t RENAME TO plg_b__t", "touch plg_b.t ("),
        ("CREATE INDEX ix ON plg_a__t (n)", "make the index ix outside its schema ("),
        ("CREATE TABLE plg_a__t (n INTEGER PRIMARY KEY AUTOINCREMENT)", "let the database count"),
        ("CREATE TABLE plg_a__t (n)", "make the column n without a type ("),
        ("CREATE TABLE plg_a__t (n INTEGER) STRICT", "write STRICT in CREATE ("),
        ("CREATE TABLE plg_a__t (n INTEGER) WITHOUT ROWID", "use this CREATE TABLE ("),
        (
            "CREATE TABLE plg_a__t (n INTEGER UNIQUE ON CONFLICT REPLACE)",
            "use this CREATE TABLE, which cannot be read (",
        ),
        ("SELECT n FROM plg_a__t INDEXED BY ix_account", "write INDEXED in TABLE ("),
        ("SELECT n FROM plg_a__t WHERE n = $1", "write '$' ("),
        (
            "INSERT INTO plg_a__t VALUES ((WITH account AS (SELECT 1) SELECT 1), (SELECT name FROM account))",
            "name a query",
        ),
        ('PRAGMA table_info("plg_b__secret")', "use PRAGMA ("),
        ('PRAGMA table_info("plat_job")', "use PRAGMA ("),
        ("PRAGMA user_version", "use PRAGMA ("),
    ],
}


@pytest.mark.parametrize(
    ("dialect", "text", "beginning"), [(each, *case) for each, cases in REFUSED_THERE.items() for case in cases]
)
def test_what_one_database_has_is_refused_there(dialect: str, text: str, beginning: str) -> None:
    with pytest.raises(PluginError) as caught:
        require_allowed(text, "a", "a@1.0.0", dialect)
    assert str(caught.value).startswith(f"a@1.0.0: its migration may not {beginning}")


ALLOWED = [
    "CREATE TABLE plg_a.t (a CHAR(32) NOT NULL, id CHAR(32) NOT NULL, CONSTRAINT pk_t PRIMARY KEY (a, id))",
    "CREATE TABLE IF NOT EXISTS plg_a.t (n INTEGER DEFAULT 0 NOT NULL, d DATE DEFAULT CURRENT_DATE, x NUMERIC(19, 4))",
    f"CREATE TABLE plg_a.t (x CHAR(32), y CHAR(32), CONSTRAINT f FOREIGN KEY(x, y) {ANCHOR} ON DELETE CASCADE)",
    f"CREATE TABLE plg_a.t (x CHAR(32), y CHAR(32), FOREIGN KEY(x, y) {ANCHOR} ON DELETE SET NULL)",
    "CREATE TABLE plg_a.t (x CHAR(32), FOREIGN KEY(x) REFERENCES plg_a.u (id) ON DELETE CASCADE)",
    "CREATE TABLE plg_a.t (x CHAR(32) REFERENCES plg_a.u (id) ON DELETE SET NULL)",
    "CREATE TABLE plg_a.t (n INTEGER, CONSTRAINT c CHECK (n > 0 AND n IN (1, 2, 3)), CONSTRAINT u UNIQUE (n))",
    "CREATE TABLE plg_a.t (a TEXT, b TEXT GENERATED ALWAYS AS (lower(a)) STORED)",
    "CREATE TABLE plg_a.t (role TEXT, type TEXT, owner TEXT, domain TEXT, level INTEGER, position INTEGER)",
    "CREATE TABLE plg_a.alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT pkc PRIMARY KEY (version_num))",
    "DROP TABLE plg_a.t",
    "DROP TABLE IF EXISTS plg_a.t",
    "DROP INDEX plg_a.ix",
    "ALTER TABLE plg_a.t ADD COLUMN n INTEGER DEFAULT 3 NOT NULL",
    "ALTER TABLE plg_a.t DROP COLUMN n",
    "ALTER TABLE plg_a.t RENAME COLUMN n TO m",
    "INSERT INTO plg_a.t (n, name) VALUES (1, 'it''s; -- DROP TABLE core.account')",
    "INSERT INTO plg_a.t (n) SELECT n FROM plg_a.u WHERE n IS NOT NULL",
    "INSERT INTO plg_a.t (n) VALUES (1), (2) ON CONFLICT (n) DO UPDATE SET n = excluded.n + 1",
    "INSERT INTO plg_a.t (n) VALUES (1) ON CONFLICT DO NOTHING",
    "INSERT INTO plg_a.t DEFAULT VALUES",
    "INSERT INTO plg_a.t (n) VALUES (1) RETURNING n",
    "UPDATE plg_a.t SET n = n * 2, name = upper(name) WHERE name LIKE 'a%'",
    "UPDATE plg_a.t SET n = (SELECT max(u.n) FROM plg_a.u AS u WHERE u.id = plg_a.t.id)",
    "UPDATE plg_a.t SET n = u.n FROM plg_a.u AS u WHERE u.id = plg_a.t.id",
    "DELETE FROM plg_a.t WHERE NOT EXISTS (SELECT 1 FROM plg_a.u AS u WHERE u.id = plg_a.t.id)",
    "SELECT plg_a.t.n, count(*) AS c FROM plg_a.t GROUP BY plg_a.t.n HAVING count(*) > 1 ORDER BY c LIMIT 10 OFFSET 5",
    "SELECT DISTINCT t.n FROM plg_a.t AS t LEFT OUTER JOIN plg_a.u AS u ON u.id = t.id",
    "SELECT n, row_number() OVER (PARTITION BY name ORDER BY n) FROM plg_a.t",
    "SELECT CASE WHEN n > 1 THEN 'many' ELSE coalesce(name, '') END FROM plg_a.t",
    "SELECT CAST(n AS VARCHAR) || '-' || substr(name, 1, 3) FROM plg_a.t WHERE n BETWEEN 1 AND 3",
    "SELECT n FROM plg_a.t UNION ALL SELECT n FROM plg_a.u",
    "WITH q AS (SELECT n FROM plg_a.t), r AS (SELECT n FROM q) SELECT r.n FROM r",
    "SELECT n FROM (SELECT n FROM plg_a.t) AS q -- a comment",
    "/* a comment */ SELECT 1;",
]
ALLOWED_THERE = {
    "postgresql": [
        "CREATE TABLE plg_a.t (a UUID, b TIMESTAMP WITH TIME ZONE DEFAULT now(), c JSONB DEFAULT '{}'::jsonb, d BYTEA)",
        'CREATE TABLE plg_a.t (a TEXT COLLATE "C", b TEXT[], c DOUBLE PRECISION, d UUID DEFAULT gen_random_uuid())',
        "CREATE INDEX ix ON plg_a.t (a, lower(b)) WHERE a > 0",
        "CREATE UNIQUE INDEX ix ON plg_a.t USING gin (a jsonb_path_ops)",
        "CREATE INDEX ix ON plg_a.t (a text_pattern_ops DESC NULLS LAST) INCLUDE (b)",
        "ALTER TABLE plg_a.t RENAME TO u",
        "ALTER TABLE plg_a.t RENAME a TO b",
        'ALTER TABLE plg_a."Mixed case" RENAME "a b" TO "c d"',
        "ALTER TABLE plg_a.t ALTER COLUMN n TYPE BIGINT USING n::bigint",
        "ALTER TABLE plg_a.t ALTER COLUMN n SET NOT NULL",
        "ALTER TABLE plg_a.t ALTER COLUMN n DROP NOT NULL",
        "ALTER TABLE plg_a.t ALTER COLUMN n SET DEFAULT 3",
        "ALTER TABLE plg_a.t ALTER COLUMN n DROP DEFAULT",
        "ALTER TABLE plg_a.t ADD CONSTRAINT c CHECK (n > 0)",
        "ALTER TABLE plg_a.t ADD CONSTRAINT u UNIQUE (tenant_id, n)",
        f"ALTER TABLE plg_a.t ADD CONSTRAINT f FOREIGN KEY(tenant_id, n) {ANCHOR} ON DELETE CASCADE",
        "ALTER TABLE plg_a.t DROP CONSTRAINT c",
        "COMMENT ON TABLE plg_a.t IS 'what it is for'",
        "COMMENT ON COLUMN plg_a.t.n IS 'what it says'",
        "COMMENT ON COLUMN plg_a.t.n IS NULL",
        "INSERT INTO plg_a.t (a, b) VALUES ($1::UUID, $2::VARCHAR), ($3::UUID, $4::VARCHAR)",
        "DELETE FROM plg_a.t USING plg_a.u WHERE u.a = t.a",
        "SELECT n FROM plg_a.t WHERE n = ANY ($1) AND doc ->> 'x' = 'y'",
    ],
    "sqlite": [
        "CREATE TABLE plg_a__t (a DATETIME DEFAULT (CURRENT_TIMESTAMP), b JSON, c BLOB, d FLOAT)",
        "CREATE UNIQUE INDEX plg_a__ix ON plg_a__t (a COLLATE NOCASE, b) WHERE a IS NOT NULL",
        "ALTER TABLE plg_a__t RENAME TO plg_a__u",
        "INSERT OR REPLACE INTO plg_a__t (n) VALUES (?)",
        "INSERT INTO plg_a__t (n) VALUES (:n)",
        "SELECT lower(hex(randomblob(16))), strftime('%Y', a), ifnull(b, 0) FROM plg_a__t",
        "SELECT json_extract(b, '$.x') FROM plg_a__t",
        'PRAGMA table_xinfo("plg_a__t")',
        'PRAGMA foreign_key_list("plg_a__t")',
        'PRAGMA table_info("record")',
    ],
}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("text", ALLOWED)
def test_tables_indexes_and_rows_of_its_own_are_allowed(text: str, dialect: str) -> None:
    judge(text, dialect)


@pytest.mark.parametrize(("dialect", "text"), [(each, text) for each, texts in ALLOWED_THERE.items() for text in texts])
def test_what_one_database_has_of_them_is_allowed_there(dialect: str, text: str) -> None:
    require_allowed(text, "a", "a@1.0.0", dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_dropped_tables_are_told(dialect: str) -> None:
    assert judge("DROP TABLE IF EXISTS plg_a.t", dialect) == ("t",)
    assert judge("DROP INDEX plg_a.ix", dialect) == ()


def test_a_message_names_the_statement_and_cuts_it_off() -> None:
    assert told("SELECT  name\nFROM core.account", "postgresql") == (
        "touch core.account (SELECT name FROM core.account); a plugin's migrations work in plg_a only; records are read"
        " and changed with ctx.api. Nothing of it was kept"
    )
    assert "xxx…); " in told("SELECT pg_sleep(1), '" + "x" * 200 + "'", "sqlite")
