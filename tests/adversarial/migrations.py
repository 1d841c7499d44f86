"""Attacks by migrations: each is the body of a plugin's ``upgrade``, installed by an administrator."""

from __future__ import annotations

_SQL = {
    "migration_drops_core_table": "DROP TABLE core.stage_event",
    "migration_adds_core_column": "ALTER TABLE core.account ADD COLUMN evil TEXT",
    "migration_indexes_core_table": "CREATE INDEX plg_attacker_m__evil ON core.account (name)",
    "migration_updates_core_rows": "UPDATE core.account SET name = 'stolen'",
    "migration_deletes_core_rows": "DELETE FROM core.record",
    "migration_copies_core_rows": "INSERT INTO plg_attacker_m.t (name) SELECT name FROM core.account",
    "migration_copies_secrets": "INSERT INTO plg_attacker_m.t (name) SELECT body FROM plg_victim.secret",
    "migration_writes_the_other_plugin": "UPDATE plg_victim.secret SET body = 'stolen'",
    "migration_drops_the_other_plugin": "DROP TABLE plg_victim.secret",
    "migration_writes_platform": "UPDATE plat.plugin SET version = '9.9.9'",
    "migration_makes_trigger": "CREATE TRIGGER plg_attacker_m__e AFTER INSERT ON core.account BEGIN SELECT 1; END",
    "migration_makes_own_trigger": "CREATE TRIGGER plg_attacker_m__e AFTER INSERT ON plg_attacker_m.t BEGIN DELETE FROM account; END",
    "migration_makes_function": "CREATE FUNCTION plg_attacker_m.f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
    "migration_makes_view": "CREATE VIEW plg_attacker_m.v AS SELECT * FROM core.api_key",
    "migration_makes_rule": "CREATE RULE evil AS ON INSERT TO plg_attacker_m.t DO ALSO DELETE FROM core.account",
    "migration_runs_code": "DO $$ BEGIN DELETE FROM core.account; END $$",
    "migration_grants": "GRANT ALL ON plg_attacker_m.t TO PUBLIC",
    "migration_becomes_owner": "SET ROLE crm_owner",
    "migration_sets_role_by_function": "SELECT set_config('role', 'crm_owner', false)",
    "migration_resets_role": "RESET ROLE",
    "migration_changes_own_role": "ALTER ROLE CURRENT_USER SUPERUSER",
    "migration_commits": "COMMIT",
    "migration_rolls_back": "ROLLBACK",
    "migration_attaches": "ATTACH DATABASE 'evil.db' AS evil",
    "migration_pragma": "PRAGMA writable_schema = ON",
    "migration_copies_file": "COPY plg_attacker_m.t (name) FROM '/etc/passwd'",
    "migration_runs_program": "COPY plg_attacker_m.t (name) FROM PROGRAM 'id'",
    "migration_locks_core": "LOCK TABLE core.account IN ACCESS EXCLUSIVE MODE",
    "migration_truncates": "TRUNCATE core.record CASCADE",
    "migration_two_statements": "SELECT 1; DROP TABLE core.account",
    "migration_hidden_statement": "SELECT 1 /* /* */ ; DROP TABLE core.account -- */",
    "migration_inherits": "CREATE TABLE plg_attacker_m.u () INHERITS (core.account)",
    "migration_like_core": "CREATE TABLE plg_attacker_m.u (LIKE core.account INCLUDING ALL)",
    "migration_as_select": "CREATE TABLE plg_attacker_m.u AS SELECT * FROM core.account",
    "migration_refers_to_account": "ALTER TABLE plg_attacker_m.t ADD COLUMN x INTEGER REFERENCES core.account (id) ON DELETE CASCADE",
    "migration_keeps_records": "ALTER TABLE plg_attacker_m.t ADD CONSTRAINT k FOREIGN KEY (tenant_id, id)"
    " REFERENCES core.record (tenant_id, id) ON DELETE RESTRICT",
    "migration_moves_table": "ALTER TABLE plg_attacker_m.t SET SCHEMA core",
    "migration_renames_table": "ALTER TABLE plg_attacker_m__t RENAME TO account_evil",
    "migration_quoted_names": 'DELETE FROM "core"."account"',
    "migration_calls_default": "CREATE TABLE plg_attacker_m.u (n TEXT DEFAULT pg_read_file('/etc/passwd'))",
    "migration_makes_schema": "CREATE SCHEMA evil",
    "migration_makes_temporary": "CREATE TEMPORARY TABLE account (id INTEGER)",
    "migration_makes_extension": "CREATE EXTENSION dblink",
    "migration_large_object": "SELECT lo_create(0)",
    "migration_notifies": "NOTIFY evil",
}
_CODE = {
    "migration_runs_driver": "op.get_bind().exec_driver_sql('DELETE FROM core.account')",
    "migration_takes_driver": "op.get_bind().connection.driver_connection.execute('DELETE FROM account')",
    "migration_takes_dbapi": "op.get_bind().connection.dbapi_connection.cursor().execute('DELETE FROM core.account')",
    "migration_uses_engine": "op.get_bind().engine.connect().execute(sa.text('DELETE FROM core.account'))",
    "migration_commits_by_method": "op.get_bind().commit()",
    "migration_rolls_back_by_method": "op.get_bind().rollback()",
    "migration_autocommits": "with op.get_context().autocommit_block():\n    op.execute('DELETE FROM core.account')",
    "migration_fails_late": "op.create_table('u', sa.Column('n', sa.Integer()), schema=SCHEMA)\nraise ValueError('late')",
    "migration_exits": "raise SystemExit(0)",
    "migration_is_interrupted": "raise KeyboardInterrupt",
    "migration_ends_process": "import os\nos._exit(0)",
    "migration_crashes": "import ctypes\nctypes.string_at(0)",
    "migration_recurses": "def f():\n    f()\nf()",
    "migration_opens_database": "import os\nengine = sa.create_engine(os.environ['CRM_DATABASE_URL'].replace('postgresql', "
    "'postgresql+asyncpg'))\nengine.connect()",
    "migration_reads_environment": "import os\nraise ValueError(os.environ['CRM_DATABASE_URL'])",
    "migration_reads_host_file": "import pathlib\nraise ValueError(pathlib.Path(HOST_FILE).read_text())",
    "migration_starts_program": "import subprocess\nraise ValueError('host-secret: ' + str(subprocess.run(['/bin/echo', 'x'])))",
    "migration_lies_about_columns": "op.create_table('u', sa.Column('n', sa.Integer(), server_default=sa.text("
    "'0); DROP TABLE core.account; --')), schema=SCHEMA)",
    "migration_lies_about_names": "op.create_table('u (n int); DROP TABLE core.account; --', sa.Column('n', sa.Integer()), "
    "schema=SCHEMA)",
    "migration_names_core_schema": "op.create_table('evil', sa.Column('n', sa.Integer()), schema='core')",
    "migration_without_schema": "op.create_table('evil', sa.Column('n', sa.Integer()))",
    "migration_prefix_of_platform": "op.rename_table('t', 'alembic_version', schema=SCHEMA)",
    "migration_bulk_inserts_core": "op.bulk_insert(sa.table('account', sa.column('name'), schema='core'), [{'name': 'x'}])",
    "migration_drops_versions": "op.drop_table('alembic_version', schema=SCHEMA)",
}
_TABLE = (
    "op.create_table('t', sa.Column('tenant_id', sa.Uuid(), nullable=False), sa.Column('id', sa.Uuid(), nullable=False), "
    "sa.Column('name', sa.Text()), sa.PrimaryKeyConstraint('tenant_id', 'id', name='pk_t'), schema=SCHEMA)\n"
)

MIGRATIONS = {name: f"{_TABLE}op.execute(sa.text({text!r}))" for name, text in _SQL.items()}
MIGRATIONS |= {name: _TABLE + code for name, code in _CODE.items()}
ALLOWED = {
    "migration_makes_tables": f"{_TABLE}op.create_index('ix_t_name', 't', ['tenant_id', 'name'], schema=SCHEMA)",
    "migration_moves_rows": f"{_TABLE}op.execute('UPDATE plg_attacker_m.t SET name = upper(name) WHERE name IS NOT NULL')",
    "migration_changes_columns": f"{_TABLE}op.add_column('t', sa.Column('n', sa.Integer()), schema=SCHEMA)\n"
    "op.drop_column('t', 'n', schema=SCHEMA)",
}
"""Legal migrations, which every tier runs."""
