CREATE TABLE plat_delivery (
    tenant_id CHAR(32) NOT NULL,
    outbox_id CHAR(32) NOT NULL,
    plugin TEXT NOT NULL,
    attempts INTEGER DEFAULT 0 NOT NULL,
    available_at TEXT NOT NULL,
    claimed_until TEXT,
    last_error TEXT,
    parked_at TEXT,
    CONSTRAINT pk_delivery PRIMARY KEY (tenant_id, outbox_id, plugin)
);

CREATE INDEX plat_ix_delivery_open ON plat_delivery (available_at) WHERE parked_at IS NULL;

CREATE INDEX plat_ix_delivery_plugin_parked_at ON plat_delivery (plugin, parked_at);

CREATE TABLE plat_epoch (
    scope TEXT NOT NULL,
    value BIGINT DEFAULT 0 NOT NULL,
    CONSTRAINT pk_epoch PRIMARY KEY (scope)
);

CREATE TABLE plat_idempotency_key (
    tenant_id CHAR(32) NOT NULL,
    idempotency_key TEXT NOT NULL,
    principal_id CHAR(32) NOT NULL,
    fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL,
    response_body TEXT,
    response_etag TEXT,
    location TEXT,
    created_at TEXT NOT NULL,
    CONSTRAINT pk_idempotency_key PRIMARY KEY (tenant_id, idempotency_key)
);

CREATE INDEX plat_ix_idempotency_key_created_at ON plat_idempotency_key (created_at);

CREATE TABLE plat_import_run (
    tenant_id CHAR(32) NOT NULL,
    id CHAR(32) NOT NULL,
    source TEXT NOT NULL,
    mapping_hash TEXT NOT NULL,
    file_hash TEXT NOT NULL,
    position BIGINT DEFAULT 0 NOT NULL,
    rows_ok BIGINT DEFAULT 0 NOT NULL,
    rows_failed BIGINT DEFAULT 0 NOT NULL,
    state TEXT NOT NULL,
    started_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    CONSTRAINT pk_import_run PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_import_run_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenant (id)
);

CREATE TABLE plat_job (
    tenant_id CHAR(32) NOT NULL,
    plugin TEXT NOT NULL,
    name TEXT NOT NULL,
    next_run_at TEXT,
    claimed_until TEXT,
    last_started_at TEXT,
    last_finished_at TEXT,
    last_error TEXT,
    CONSTRAINT pk_job PRIMARY KEY (tenant_id, plugin, name),
    CONSTRAINT fk_job_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenant (id)
);

CREATE INDEX plat_ix_job_next_run_at ON plat_job (next_run_at);

CREATE TABLE plat_plugin (
    id TEXT NOT NULL,
    version TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    manifest TEXT NOT NULL,
    installed_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    CONSTRAINT pk_plugin PRIMARY KEY (id)
);

CREATE TABLE plat_plugin_history (
    id CHAR(32) NOT NULL,
    at TEXT NOT NULL,
    plugin TEXT NOT NULL,
    version TEXT,
    tenant_id CHAR(32),
    action TEXT NOT NULL,
    detail TEXT,
    actor TEXT,
    CONSTRAINT pk_plugin_history PRIMARY KEY (id)
);

CREATE INDEX plat_ix_plugin_history_plugin_at ON plat_plugin_history (plugin, at);

CREATE TABLE plat_plugin_tenant (
    tenant_id CHAR(32) NOT NULL,
    plugin TEXT NOT NULL,
    enabled INTEGER DEFAULT 0 NOT NULL,
    settings TEXT,
    changed_at TEXT NOT NULL,
    changed_by CHAR(32),
    CONSTRAINT pk_plugin_tenant PRIMARY KEY (tenant_id, plugin),
    CONSTRAINT fk_plugin_tenant_plugin FOREIGN KEY(plugin) REFERENCES plat_plugin (id),
    CONSTRAINT fk_plugin_tenant_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenant (id)
);

CREATE INDEX plat_ix_plugin_tenant_plugin ON plat_plugin_tenant (plugin);
