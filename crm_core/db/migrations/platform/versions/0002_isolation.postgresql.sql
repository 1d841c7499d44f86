CREATE TABLE plat.fingerprint (
    scope TEXT COLLATE "C" NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    listing TEXT COLLATE "C" NOT NULL,
    taken_at TIMESTAMP WITH TIME ZONE NOT NULL,
    taken_by TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_fingerprint PRIMARY KEY (scope)
);

CREATE TABLE plat.plugin_trust (
    plugin TEXT COLLATE "C" NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    files JSONB NOT NULL,
    tier TEXT COLLATE "C" NOT NULL,
    trusted_by TEXT COLLATE "C" NOT NULL,
    trusted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_plugin_trust PRIMARY KEY (plugin)
);

CREATE TABLE plat.trusted_key (
    name TEXT COLLATE "C" NOT NULL,
    public_key TEXT COLLATE "C" NOT NULL,
    trusted_by TEXT COLLATE "C" NOT NULL,
    trusted_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_trusted_key PRIMARY KEY (name),
    CONSTRAINT uq_trusted_key_public_key UNIQUE (public_key)
);

CREATE TABLE plat.plugin_health (
    tenant_id UUID NOT NULL,
    plugin TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    since TIMESTAMP WITH TIME ZONE NOT NULL,
    until TIMESTAMP WITH TIME ZONE,
    failures JSONB NOT NULL,
    openings JSONB NOT NULL,
    failed BIGINT DEFAULT 0 NOT NULL,
    hook TEXT COLLATE "C",
    reason TEXT COLLATE "C",
    request_id TEXT COLLATE "C",
    failed_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_plugin_health PRIMARY KEY (tenant_id, plugin),
    CONSTRAINT ck_plugin_health_state CHECK (state IN ('closed', 'open', 'quarantined')),
    CONSTRAINT fk_plugin_health_tenant_id FOREIGN KEY(tenant_id) REFERENCES core.tenant (id)
);

ALTER TABLE plat.plugin_health ENABLE ROW LEVEL SECURITY;

ALTER TABLE plat.plugin_health FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON plat.plugin_health USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

CREATE POLICY maintenance ON plat.plugin_health USING (current_setting('crm.maintenance', true) = 'on') WITH CHECK (current_setting('crm.maintenance', true) = 'on');

CREATE FUNCTION plat.analyze(relation regclass) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'BEGIN EXECUTE format(''ANALYZE %s'', relation); END';

REVOKE ALL ON FUNCTION plat.analyze(regclass) FROM PUBLIC;
