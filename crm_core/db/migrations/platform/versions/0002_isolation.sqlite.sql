CREATE TABLE plat_fingerprint (
    scope TEXT NOT NULL,
    digest TEXT NOT NULL,
    listing TEXT NOT NULL,
    taken_at TEXT NOT NULL,
    taken_by TEXT NOT NULL,
    CONSTRAINT pk_fingerprint PRIMARY KEY (scope)
);

CREATE TABLE plat_plugin_trust (
    plugin TEXT NOT NULL,
    digest TEXT NOT NULL,
    files TEXT NOT NULL,
    tier TEXT NOT NULL,
    trusted_by TEXT NOT NULL,
    trusted_at TEXT NOT NULL,
    CONSTRAINT pk_plugin_trust PRIMARY KEY (plugin)
);

CREATE TABLE plat_trusted_key (
    name TEXT NOT NULL,
    public_key TEXT NOT NULL,
    trusted_by TEXT NOT NULL,
    trusted_at TEXT NOT NULL,
    CONSTRAINT pk_trusted_key PRIMARY KEY (name),
    CONSTRAINT uq_trusted_key_public_key UNIQUE (public_key)
);

CREATE TABLE plat_plugin_health (
    tenant_id CHAR(32) NOT NULL,
    plugin TEXT NOT NULL,
    state TEXT NOT NULL,
    since TEXT NOT NULL,
    until TEXT,
    failures TEXT NOT NULL,
    openings TEXT NOT NULL,
    failed BIGINT DEFAULT 0 NOT NULL,
    hook TEXT,
    reason TEXT,
    request_id TEXT,
    failed_at TEXT,
    CONSTRAINT pk_plugin_health PRIMARY KEY (tenant_id, plugin),
    CONSTRAINT ck_plugin_health_state CHECK (state IN ('closed', 'open', 'quarantined')),
    CONSTRAINT fk_plugin_health_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenant (id)
);
