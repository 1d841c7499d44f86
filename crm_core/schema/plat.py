"""The platform's own tables: installed plugins, jobs, deliveries, imports and remembered requests."""

from __future__ import annotations

import sqlalchemy as sa

from crm_core.schema.columns import flag, id_column, json, moment, one_of, table, tenant_column, text
from crm_core.schema.metadata import platform
from crm_core.schema.tenancy import tenant

__all__ = [
    "delivery",
    "epoch",
    "fingerprint",
    "idempotency_key",
    "import_run",
    "job",
    "plugin",
    "plugin_health",
    "plugin_history",
    "plugin_tenant",
    "plugin_trust",
    "trusted_key",
]

_ZERO = sa.text("0")


def _tenant_exists() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["tenant_id"], [tenant.c.id])


plugin = table(
    platform,
    "plugin",
    text("id", required=True, doc="The plugin's id, from its manifest."),
    text("version", required=True),
    text("state", required=True),
    text("reason", doc="Why it is in that state, for a person to act on."),
    json(
        "manifest", required=True, doc="The manifest as installed, so that the plugin can be removed without its code."
    ),
    moment("installed_at", required=True),
    moment("updated_at", required=True),
    sa.PrimaryKeyConstraint("id"),
    doc="A plugin of this installation.",
)

plugin_tenant = table(
    platform,
    "plugin_tenant",
    tenant_column(),
    text("plugin", required=True),
    flag("enabled", default=False),
    json("settings"),
    moment("changed_at", required=True),
    id_column("changed_by", required=False, doc="The principal that changed it."),
    sa.PrimaryKeyConstraint("tenant_id", "plugin"),
    sa.ForeignKeyConstraint(["plugin"], ["plat.plugin.id"]),
    _tenant_exists(),
    sa.Index(None, "plugin"),
    doc="Whether a tenant uses a plugin, and with which settings.",
)

plugin_health = table(
    platform,
    "plugin_health",
    tenant_column(),
    text("plugin", required=True),
    one_of("state", ("closed", "open", "quarantined"), doc="Whether the plugin is called: yes, not for a while, no."),
    moment("since", required=True, doc="When it came into that state."),
    moment("until", doc="When an open breaker lets one call through to see whether it works again."),
    json("failures", required=True, doc="When the plugin failed lately, as texts; what counts for opening."),
    json("openings", required=True, doc="When the breaker opened lately, as texts; what counts for quarantine."),
    sa.Column("failed", sa.BigInteger, nullable=False, server_default=_ZERO, doc="How often it has failed in all."),
    text("hook", doc="The hook, route or job that failed last."),
    text("reason", doc="What it failed with, for a person to act on."),
    text("request_id", doc="The request or job it failed in."),
    moment("failed_at", doc="When it failed last."),
    sa.PrimaryKeyConstraint("tenant_id", "plugin"),
    _tenant_exists(),
    doc="How a plugin does for a tenant; a plugin that has never failed has no row.",
)

plugin_history = table(
    platform,
    "plugin_history",
    id_column(),
    moment("at", required=True),
    text("plugin", required=True),
    text("version"),
    id_column("tenant_id", required=False, doc="The tenant concerned; empty for the whole installation."),
    text("action", required=True),
    json("detail"),
    text("actor"),
    sa.PrimaryKeyConstraint("id"),
    sa.Index(None, "plugin", "at"),
    doc="What was done to a plugin, and by whom.",
)

epoch = table(
    platform,
    "epoch",
    text("scope", required=True),
    sa.Column("value", sa.BigInteger, nullable=False, server_default=_ZERO),
    sa.PrimaryKeyConstraint("scope"),
    doc="Counters raised with every change of keys, permissions, plugins or settings, so that other processes notice.",
)

job = table(
    platform,
    "job",
    tenant_column(),
    text("plugin", required=True),
    text("name", required=True),
    moment("next_run_at"),
    moment("claimed_until", doc="A worker runs it until then."),
    moment("last_started_at"),
    moment("last_finished_at"),
    text("last_error"),
    sa.PrimaryKeyConstraint("tenant_id", "plugin", "name"),
    _tenant_exists(),
    sa.Index(None, "next_run_at"),
    doc="A scheduled job of a plugin for a tenant.",
)

delivery = table(
    platform,
    "delivery",
    tenant_column(),
    id_column("outbox_id", doc="The event to deliver."),
    text("plugin", required=True),
    sa.Column("attempts", sa.Integer, nullable=False, server_default=_ZERO),
    moment("available_at", required=True, doc="Not tried before this moment."),
    moment("claimed_until", doc="A relay works on it until then."),
    text("last_error"),
    moment("parked_at", doc="Set when it failed too often; a person decides."),
    sa.PrimaryKeyConstraint("tenant_id", "outbox_id", "plugin"),
    sa.Index(
        "ix_delivery_open",
        "available_at",
        postgresql_where=sa.text("parked_at IS NULL"),
        sqlite_where=sa.text("parked_at IS NULL"),
    ),
    sa.Index(None, "plugin", "parked_at"),
    doc="An event one plugin has still to receive.",
)

idempotency_key = table(
    platform,
    "idempotency_key",
    tenant_column(),
    text("idempotency_key", required=True),
    id_column("principal_id", doc="Who sent the request."),
    text("fingerprint", required=True, doc="A hash of the request: the same key with another request is an error."),
    sa.Column("status", sa.Integer, nullable=False, doc="The HTTP status answered."),
    text("response_body"),
    text("response_etag"),
    text("location"),
    moment("created_at", required=True),
    sa.PrimaryKeyConstraint("tenant_id", "idempotency_key"),
    sa.Index(None, "created_at"),
    doc="An answered request, so that repeating it changes nothing and gets the same answer.",
)

import_run = table(
    platform,
    "import_run",
    tenant_column(),
    id_column(),
    text("source", required=True),
    text("mapping_hash", required=True),
    text("file_hash", required=True),
    sa.Column(
        "position", sa.BigInteger, nullable=False, server_default=_ZERO, doc="How far it came; it goes on there."
    ),
    sa.Column("rows_ok", sa.BigInteger, nullable=False, server_default=_ZERO),
    sa.Column("rows_failed", sa.BigInteger, nullable=False, server_default=_ZERO),
    text("state", required=True),
    moment("started_at", required=True),
    moment("updated_at", required=True),
    sa.PrimaryKeyConstraint("tenant_id", "id"),
    _tenant_exists(),
    doc="One import of a file, which can be stopped and continued.",
)

plugin_trust = table(
    platform,
    "plugin_trust",
    text("plugin", required=True, doc="The plugin's id; it need not be installed yet."),
    text("digest", required=True, doc="Of all the files of its package, as they were when it was trusted."),
    json("files", required=True, doc="The digest of each file, so that the one that changed can be named."),
    text("tier", required=True, doc="Where it is to run: in_process or isolated."),
    text("trusted_by", required=True),
    moment("trusted_at", required=True),
    sa.PrimaryKeyConstraint("plugin"),
    doc="An operator's word for the code of a plugin; it holds for these very files.",
)

trusted_key = table(
    platform,
    "trusted_key",
    text("name", required=True, doc="Whose key it is, as shown with the plugins it signed."),
    text("public_key", required=True, doc="The public half of an Ed25519 key, in base64."),
    text("trusted_by", required=True),
    moment("trusted_at", required=True),
    sa.PrimaryKeyConstraint("name"),
    sa.UniqueConstraint("public_key"),
    doc="A partner whose signed plugins are trusted.",
)

fingerprint = table(
    platform,
    "fingerprint",
    text("scope", required=True, doc="What it is of: core, plat, database, code, or plugin and its id."),
    text("digest", required=True),
    text("listing", required=True, doc="What the digest is of, one line each, so that a difference can be shown."),
    moment("taken_at", required=True),
    text("taken_by", required=True, doc="Who did the step it was taken after."),
    sa.PrimaryKeyConstraint("scope"),
    doc="What a part of the installation was like after the last step that may change it.",
)
