"""Statements that change the schema, sent at run time."""

from __future__ import annotations

import sqlalchemy as sa

from .registry import attack

_STATEMENTS = {
    "add_column": "ALTER TABLE core.account ADD COLUMN evil TEXT",
    "drop_core_table": "DROP TABLE core.stage_event",
    "create_in_core": "CREATE TABLE core.evil (id INTEGER)",
    "create_index": "CREATE INDEX evil ON core.account (name)",
    "create_trigger": "CREATE TRIGGER plg_attacker__evil AFTER INSERT ON account BEGIN UPDATE account SET name = 'x'; END",
    "create_view": "CREATE VIEW plg_attacker.evil AS SELECT * FROM core.api_key",
    "create_function": "CREATE FUNCTION plg_attacker.evil() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "create_rule": "CREATE RULE evil AS ON INSERT TO core.account DO INSTEAD NOTHING",
    "create_policy": "CREATE POLICY evil ON core.account USING (true)",
    "disable_row_security": "ALTER TABLE core.account DISABLE ROW LEVEL SECURITY",
    "create_role": "CREATE ROLE evil SUPERUSER",
    "grant_core": "GRANT ALL ON core.account TO PUBLIC",
    "create_schema": "CREATE SCHEMA evil",
    "create_temporary": "CREATE TEMPORARY TABLE account (id INTEGER)",
    "do_block": "DO $$ BEGIN UPDATE core.account SET name = 'stolen'; END $$",
    "copy_program": "COPY core.account TO PROGRAM 'cat'",
    "truncate_core": "TRUNCATE core.account CASCADE",
    "comment_on_core": "COMMENT ON TABLE core.account IS 'evil'",
    "vacuum_into": "VACUUM INTO 'stolen.db'",
    "reindex": "REINDEX",
    "two_statements": "SELECT 1; DROP TABLE core.account",
    "create_extension": "CREATE EXTENSION dblink",
}


def _register(name: str, statement: str) -> None:
    def run(ctx, new, facts):
        ctx.sql.execute(sa.text(statement))

    run.__name__ = name
    run.__doc__ = statement
    attack()(run)


for _name, _statement in _STATEMENTS.items():
    _register(_name, _statement)
