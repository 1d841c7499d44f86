"""SQL as text, and text smuggled into constructs."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.sql import quoted_name

from .registry import attack
from .tables import account, note


@attack()
def raw_update(ctx, new, facts):
    """Send UPDATE of a core table as text."""
    ctx.sql.execute(sa.text("UPDATE core.account SET name = 'stolen'"))


@attack()
def raw_update_sqlite_name(ctx, new, facts):
    """Send UPDATE with the name a core table has on SQLite."""
    ctx.sql.execute(sa.text("UPDATE account SET name = 'stolen'"))


@attack()
def raw_string(ctx, new, facts):
    """Send a plain string."""
    ctx.sql.execute("DELETE FROM core.account")


@attack()
def raw_rows(ctx, new, facts):
    """Write inside a read: text through rows()."""
    ctx.sql.rows(sa.text("DELETE FROM core.account RETURNING id"))


@attack()
def update_core_table(ctx, new, facts):
    """Build an UPDATE of a core table."""
    ctx.sql.execute(sa.update(account).values(name="stolen"))


@attack()
def delete_core_table(ctx, new, facts):
    """Build a DELETE from a core table."""
    ctx.sql.execute(sa.delete(account))


@attack()
def insert_core_table(ctx, new, facts):
    """Build an INSERT into a core table."""
    ctx.sql.execute(sa.insert(account).values(tenant_id=ctx.tenant_id, id=new.id, name="stolen"))


@attack()
def table_with_evil_name(ctx, new, facts):
    """Hide a statement in a table's name."""
    evil = sa.Table(
        "note\"; UPDATE core.account SET name = 'stolen'; --",
        sa.MetaData(schema="plg_attacker"),
        sa.Column("tenant_id", sa.Uuid()),
    )
    ctx.sql.rows(sa.select(evil))


@attack()
def unquoted_name(ctx, new, facts):
    """Ask for a name not to be quoted."""
    name = quoted_name("note, core.account", quote=False)
    evil = sa.Table(name, sa.MetaData(schema="plg_attacker"), sa.Column("tenant_id", sa.Uuid()))
    ctx.sql.rows(sa.select(evil))


@attack()
def unquoted_column(ctx, new, facts):
    """Hide a subquery in a column's name."""
    column = sa.column(quoted_name("(SELECT name FROM core.account)", quote=False))
    ctx.sql.rows(sa.select(column).select_from(note))


@attack()
def literal_column(ctx, new, facts):
    """Hide a subquery in a literal column."""
    ctx.sql.rows(sa.select(sa.literal_column("(SELECT max(name) FROM core.account)")).select_from(note))


@attack()
def text_in_where(ctx, new, facts):
    """Put text into WHERE."""
    ctx.sql.rows(sa.select(note).where(sa.text("1 = 1) OR EXISTS (SELECT 1 FROM core.api_key")))


@attack()
def text_in_order(ctx, new, facts):
    """Put text into ORDER BY."""
    ctx.sql.rows(sa.select(note).order_by(sa.text("(SELECT 1 FROM core.api_key)")))


@attack()
def prefix_text(ctx, new, facts):
    """Put a statement into a prefix."""
    ctx.sql.rows(sa.select(note.c.id).prefix_with("(SELECT 1 FROM core.account),"))


@attack()
def suffix_text(ctx, new, facts):
    """Put a statement into a suffix."""
    ctx.sql.rows(sa.select(note.c.id).suffix_with("; UPDATE core.account SET name = 'stolen'"))


@attack()
def statement_hint(ctx, new, facts):
    """Put a statement into a hint."""
    ctx.sql.rows(sa.select(note.c.id).with_statement_hint("; DELETE FROM core.account"))


@attack()
def table_hint(ctx, new, facts):
    """Put a statement into a table's hint."""
    ctx.sql.rows(sa.select(note.c.id).with_hint(note, "; DELETE FROM core.account", "*"))


@attack()
def operator_text(ctx, new, facts):
    """Put a statement into an operator."""
    ctx.sql.rows(sa.select(note).where(note.c.body.op("= '' OR EXISTS (SELECT 1 FROM core.api_key) OR ''=")("x")))


@attack()
def label_injection(ctx, new, facts):
    """Put a statement into a label."""
    ctx.sql.rows(sa.select(note.c.id.label(quoted_name('x" FROM core.account --', quote=False))))


@attack()
def collation_injection(ctx, new, facts):
    """Put a statement into a collation."""
    ctx.sql.rows(sa.select(note.c.body.collate('C" FROM core.account --')))


@attack()
def cast_injection(ctx, new, facts):
    """Put a statement into a type."""

    class Evil(sa.types.UserDefinedType):
        cache_ok = True

        def get_col_spec(self, **_):
            return "TEXT) FROM core.account --"

    ctx.sql.rows(sa.select(sa.cast(note.c.body, Evil())))


@attack()
def extract_injection(ctx, new, facts):
    """Put a statement into extract()."""
    ctx.sql.rows(sa.select(sa.extract("year FROM now()), (SELECT 1 FROM core.account", note.c.body)))


@attack()
def function_set_config(ctx, new, facts):
    """Change a setting by a function."""
    ctx.sql.rows(sa.select(sa.func.set_config("role", "postgres", False)))


@attack()
def function_of_a_package(ctx, new, facts):
    """Call a function through a schema."""
    ctx.sql.rows(sa.select(sa.func.pg_catalog.set_config("crm.tenant", facts["other_tenant"], False)))


@attack()
def function_query_to_xml(ctx, new, facts):
    """Run a statement through query_to_xml."""
    ctx.sql.rows(sa.select(sa.func.query_to_xml("SELECT * FROM core.api_key", True, False, "")))


@attack()
def function_load_extension(ctx, new, facts):
    """Load a library into SQLite."""
    ctx.sql.rows(sa.select(sa.func.load_extension("evil")))


@attack()
def function_large_object(ctx, new, facts):
    """Write a file of the database server."""
    ctx.sql.rows(sa.select(sa.func.lo_export(sa.func.lo_from_bytea(0, b"x"), "stolen")))


@attack()
def function_read_file(ctx, new, facts):
    """Read a file of the database server."""
    ctx.sql.rows(sa.select(sa.func.pg_read_file("PG_VERSION")))


@attack()
def writing_cte(ctx, new, facts):
    """Write a core table inside a common table expression."""
    cte = sa.update(account).values(name="stolen").returning(account.c.id).cte("evil")
    ctx.sql.rows(sa.select(cte))


@attack()
def update_from_core(ctx, new, facts):
    """Read a core table inside an UPDATE of an own one."""
    ctx.sql.execute(sa.update(note).values(body=sa.select(account.c.name).limit(1).scalar_subquery()))


@attack()
def insert_from_core(ctx, new, facts):
    """Copy a core table into an own one."""
    ctx.sql.execute(
        sa.insert(note).from_select(
            ["tenant_id", "id", "body"], sa.select(account.c.tenant_id, account.c.id, account.c.name)
        )
    )


@attack()
def compiler_extension(ctx, new, facts):
    """Bring a construct that compiles itself to a statement."""
    from sqlalchemy.ext.compiler import compiles
    from sqlalchemy.sql.expression import ColumnElement

    class Evil(ColumnElement):
        inherit_cache = False
        type = sa.Text()

    @compiles(Evil)
    def _compile(element, compiler, **_):
        return "(SELECT name FROM core.account LIMIT 1)"

    ctx.sql.rows(sa.select(Evil()))


@attack()
def ddl_construct(ctx, new, facts):
    """Run CREATE TABLE by a construct."""
    ctx.sql.execute(sa.schema.CreateTable(sa.Table("evil", sa.MetaData(schema="core"), sa.Column("id", sa.Integer))))


@attack()
def ddl_text(ctx, new, facts):
    """Run DDL by a construct for text."""
    ctx.sql.execute(sa.DDL("DROP TABLE core.account"))


@attack()
def read_catalog(ctx, new, facts):
    """Read the catalog of the database."""
    names = [
        sa.table("pg_roles", sa.column("rolname"), schema="pg_catalog"),
        sa.table("sqlite_master", sa.column("name")),
    ]
    for table in names:
        ctx.sql.rows(sa.select(table))


@attack()
def fields_table_past_the_api(ctx, new, facts):
    """Write the table of the plugin's fields past the audit."""
    table = sa.Table(
        "account_fields",
        sa.MetaData(schema="plg_attacker"),
        sa.Column("tenant_id", sa.Uuid()),
        sa.Column("record_id", sa.Uuid()),
        sa.Column("mark", sa.Text()),
    )
    ctx.sql.execute(sa.insert(table).values(tenant_id=ctx.tenant_id, record_id=new.id, mark="unseen"))


@attack()
def version_table(ctx, new, facts):
    """Change the version table of the plugin's own migrations."""
    table = sa.Table(
        "alembic_version",
        sa.MetaData(schema="plg_attacker"),
        sa.Column("tenant_id", sa.Uuid()),
        sa.Column("version_num", sa.Text()),
    )
    ctx.sql.execute(sa.update(table).values(version_num="0000"))
