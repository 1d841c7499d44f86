CREATE TABLE plat.delivery (
    tenant_id UUID NOT NULL,
    outbox_id UUID NOT NULL,
    plugin TEXT COLLATE "C" NOT NULL,
    attempts INTEGER DEFAULT 0 NOT NULL,
    available_at TIMESTAMP WITH TIME ZONE NOT NULL,
    claimed_until TIMESTAMP WITH TIME ZONE,
    last_error TEXT COLLATE "C",
    parked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_delivery PRIMARY KEY (tenant_id, outbox_id, plugin)
);

CREATE INDEX ix_delivery_open ON plat.delivery (available_at) WHERE parked_at IS NULL;

CREATE INDEX ix_delivery_plugin_parked_at ON plat.delivery (plugin, parked_at);

CREATE TABLE plat.epoch (
    scope TEXT COLLATE "C" NOT NULL,
    value BIGINT DEFAULT 0 NOT NULL,
    CONSTRAINT pk_epoch PRIMARY KEY (scope)
);

CREATE TABLE plat.idempotency_key (
    tenant_id UUID NOT NULL,
    idempotency_key TEXT COLLATE "C" NOT NULL,
    principal_id UUID NOT NULL,
    fingerprint TEXT COLLATE "C" NOT NULL,
    status INTEGER NOT NULL,
    response_body TEXT COLLATE "C",
    response_etag TEXT COLLATE "C",
    location TEXT COLLATE "C",
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_idempotency_key PRIMARY KEY (tenant_id, idempotency_key)
);

CREATE INDEX ix_idempotency_key_created_at ON plat.idempotency_key (created_at);

CREATE TABLE plat.import_run (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    mapping_hash TEXT COLLATE "C" NOT NULL,
    file_hash TEXT COLLATE "C" NOT NULL,
    position BIGINT DEFAULT 0 NOT NULL,
    rows_ok BIGINT DEFAULT 0 NOT NULL,
    rows_failed BIGINT DEFAULT 0 NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_import_run PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_import_run_tenant_id FOREIGN KEY(tenant_id) REFERENCES core.tenant (id)
);

CREATE TABLE plat.job (
    tenant_id UUID NOT NULL,
    plugin TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    next_run_at TIMESTAMP WITH TIME ZONE,
    claimed_until TIMESTAMP WITH TIME ZONE,
    last_started_at TIMESTAMP WITH TIME ZONE,
    last_finished_at TIMESTAMP WITH TIME ZONE,
    last_error TEXT COLLATE "C",
    CONSTRAINT pk_job PRIMARY KEY (tenant_id, plugin, name),
    CONSTRAINT fk_job_tenant_id FOREIGN KEY(tenant_id) REFERENCES core.tenant (id)
);

CREATE INDEX ix_job_next_run_at ON plat.job (next_run_at);

CREATE TABLE plat.plugin (
    id TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C",
    manifest JSONB NOT NULL,
    installed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_plugin PRIMARY KEY (id)
);

CREATE TABLE plat.plugin_history (
    id UUID NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    plugin TEXT COLLATE "C" NOT NULL,
    version TEXT COLLATE "C",
    tenant_id UUID,
    action TEXT COLLATE "C" NOT NULL,
    detail JSONB,
    actor TEXT COLLATE "C",
    CONSTRAINT pk_plugin_history PRIMARY KEY (id)
);

CREATE INDEX ix_plugin_history_plugin_at ON plat.plugin_history (plugin, at);

CREATE TABLE plat.plugin_tenant (
    tenant_id UUID NOT NULL,
    plugin TEXT COLLATE "C" NOT NULL,
    enabled BOOLEAN DEFAULT false NOT NULL,
    settings JSONB,
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    changed_by UUID,
    CONSTRAINT pk_plugin_tenant PRIMARY KEY (tenant_id, plugin),
    CONSTRAINT fk_plugin_tenant_plugin FOREIGN KEY(plugin) REFERENCES plat.plugin (id),
    CONSTRAINT fk_plugin_tenant_tenant_id FOREIGN KEY(tenant_id) REFERENCES core.tenant (id)
);

CREATE INDEX ix_plugin_tenant_plugin ON plat.plugin_tenant (plugin);

ALTER TABLE plat.delivery ENABLE ROW LEVEL SECURITY;

ALTER TABLE plat.delivery FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON plat.delivery USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

CREATE POLICY maintenance ON plat.delivery USING (current_setting('crm.maintenance', true) = 'on') WITH CHECK (current_setting('crm.maintenance', true) = 'on');

ALTER TABLE plat.idempotency_key ENABLE ROW LEVEL SECURITY;

ALTER TABLE plat.idempotency_key FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON plat.idempotency_key USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE plat.import_run ENABLE ROW LEVEL SECURITY;

ALTER TABLE plat.import_run FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON plat.import_run USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE plat.job ENABLE ROW LEVEL SECURITY;

ALTER TABLE plat.job FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON plat.job USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

CREATE POLICY maintenance ON plat.job USING (current_setting('crm.maintenance', true) = 'on') WITH CHECK (current_setting('crm.maintenance', true) = 'on');
