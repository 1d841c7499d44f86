"""The attacking plugin and its victim, written as the packages an installer would leave behind."""

from __future__ import annotations

import shutil
from pathlib import Path
from textwrap import dedent, indent

from plugin_sdk import HOOKS

MIGRATING = "attacker_m"
CORPUS = Path(__file__).parent / "corpus"
_MANIFEST = """
    [plugin]
    id = "{name}"
    name = "{name}"
    version = "1.0.0"
    summary = "A plugin of the adversarial tests"
    sdk = "*"
    core = "*"

    [capabilities]
    api = ["account:read", "account:create", "account:update", "account:delete"]

    [tables]
    {table} = "Rows of its own."

    [[fields]]
    record_type = "account"
    key = "{field}"
    kind = "text"
    label = {{ en = "{field}" }}
    writable = "plugin"
"""
_SETTING = """
    [settings.{name}]
    kind = "text"
    default = ""
    label = {{ en = "{name}" }}
"""
FACTS = (
    "other_tenant",
    "other_account",
    "other_note",
    "other_body",
    "own_account",
    "database_file",
    "database_socket",
    "host_file",
)
_MIGRATION_HEAD = """
    from __future__ import annotations

    import sqlalchemy as sa
    from alembic import op

    revision = "0001"
    down_revision = None
    branch_labels = None
    depends_on = None
"""
_MIGRATION = (
    _MIGRATION_HEAD
    + """

    def upgrade():
        op.create_table(
            "{table}",
            sa.Column("tenant_id", sa.Uuid(), nullable=False),
            sa.Column("id", sa.Uuid(), nullable=False),
            sa.Column("record_id", sa.Uuid(), nullable=False),
            sa.Column("body", sa.Text()),
            sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_{table}"),
            sa.ForeignKeyConstraint(
                ["tenant_id", "record_id"],
                ["core.record.tenant_id", "core.record.id"],
                name="fk_{table}",
                ondelete="CASCADE",
            ),
            schema="plg_{name}",
        )
        op.create_index("ix_{table}_record", "{table}", ["tenant_id", "record_id"], schema="plg_{name}")
"""
)
_ATTACKER = """
    from __future__ import annotations

    import sqlalchemy as sa
    from plugin_sdk import hookimpl

    from .corpus import ATTACKS
    from .corpus.tables import note


    def _run(hook, ctx, record):
        at, _, name = str(record.get("name") or "").partition(":")
        if at == hook and name in ATTACKS:
            return ATTACKS[name].run(ctx, record, ctx.settings)
        return None


    @hookimpl
    def find_duplicates(ctx, draft):
        return _run("find_duplicates", ctx, draft)


    @hookimpl
    def record_before_write(ctx, new):
        return _run("record_before_write", ctx, new)


    @hookimpl
    def record_validate(ctx, new):
        return _run("record_validate", ctx, new)


    @hookimpl
    def record_after_write(ctx, new):
        _run("record_after_write", ctx, new)
        if new["name"] == "keeper of notes":
            ctx.sql.execute(sa.insert(note).values(id=new.id, record_id=new.id, body="secret-of-the-other-tenant"))
"""
_VICTIM = """
    from __future__ import annotations

    import sqlalchemy as sa
    from plugin_sdk import hookimpl
    from plugin_sdk.db import Namespace, record_reference

    SEEN = "nothing"
    secret = Namespace("victim").table("secret", *record_reference("record_id"), sa.Column("body", sa.Text()))


    @hookimpl
    def record_after_write(ctx, new):
        global SEEN
        SEEN = ctx.settings["token"]
        if new["name"] == "keeper of secrets":
            ctx.sql.execute(sa.insert(secret).values(id=new.id, record_id=new.id, body=SEEN))
            ctx.fields.set("account", new.id, {"hidden": SEEN})
"""
HOOKS_USED = ("find_duplicates", "record_before_write", "record_validate", "record_after_write")


def write_attacker(site: Path) -> None:
    """Write the package of the attacking plugin with the whole corpus into a folder of packages."""
    package = _write(site, "attacker", _ATTACKER, HOOKS_USED, table="note", field="mark", facts=FACTS)
    shutil.copytree(CORPUS, package / "corpus", ignore=shutil.ignore_patterns("__pycache__"))


def write_victim(site: Path) -> None:
    """Write the package of the plugin whose secrets the other one is after."""
    _write(site, "victim", _VICTIM, ("record_after_write",), table="secret", field="hidden", facts=("token",))


def write_migrating(site: Path, body: str, host_file: Path) -> Path:
    """Write the package of a plugin whose one migration has this body; return the file of the migration.

    A package that is there gets another migration.
    """
    package = site / f"crm_{MIGRATING}"
    if not package.exists():
        _write(site, MIGRATING, "", (), table="t", field="mark")
        (package / "migrations/versions/0001_tables.py").unlink()
    upgrade = indent(body, "    ")
    code = dedent(_MIGRATION_HEAD).strip() + f"\n\nSCHEMA = 'plg_{MIGRATING}'\nHOST_FILE = {str(host_file)!r}\n"
    file = package / "migrations/versions/0001_attack.py"
    file.write_text(f"{code}\n\ndef upgrade():\n{upgrade}\n", encoding="utf-8")
    return file


def _write(
    site: Path, name: str, code: str, hooks: tuple[str, ...], *, table: str, field: str, facts: tuple[str, ...] = ()
) -> Path:
    assert set(hooks) <= HOOKS.keys()
    package = site / f"crm_{name}"
    versions = package / "migrations" / "versions"
    versions.mkdir(parents=True)
    manifest = dedent(_MANIFEST.format(name=name, table=table, field=field))
    manifest += "".join(dedent(_SETTING.format(name=fact)) for fact in facts)
    # What an attack needs the core for anyway is no use here: only accounts attack.
    manifest += "".join(f'[hooks.{hook}]\nrecord_types = ["account"]\n' for hook in hooks)
    (package / "crm-plugin.toml").write_text(manifest, encoding="utf-8")
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "hooks.py").write_text(dedent(code), encoding="utf-8")
    migration = dedent(_MIGRATION.format(name=name, table=table))
    (versions / "0001_tables.py").write_text(migration, encoding="utf-8")
    described = site / f"crm_{name}-1.0.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: crm-{name}\nVersion: 1.0.0\n", encoding="utf-8")
    (described / "entry_points.txt").write_text(f"[crm.plugins]\n{name} = crm_{name}.hooks\n", encoding="utf-8")
    return package
