CREATE TABLE audit_event (
    tenant_id CHAR(32) NOT NULL,
    id CHAR(32) NOT NULL,
    at TEXT NOT NULL,
    actor_id CHAR(32),
    plugin TEXT,
    request_id TEXT,
    record_type TEXT,
    record_id CHAR(32),
    action TEXT NOT NULL,
    diff TEXT,
    CONSTRAINT pk_audit_event PRIMARY KEY (tenant_id, id)
);

CREATE INDEX ix_audit_event_record_id ON audit_event (tenant_id, record_id, id) WHERE record_id IS NOT NULL;

CREATE TABLE audit_pending (
    tenant_id CHAR(32) NOT NULL,
    event_id CHAR(32) NOT NULL,
    CONSTRAINT pk_audit_pending PRIMARY KEY (tenant_id, event_id)
);

CREATE TABLE audit_seal (
    tenant_id CHAR(32) NOT NULL,
    seq BIGINT NOT NULL,
    event_id CHAR(32) NOT NULL,
    hash TEXT NOT NULL,
    CONSTRAINT pk_audit_seal PRIMARY KEY (tenant_id, seq)
);

CREATE UNIQUE INDEX uq_audit_seal_event_id ON audit_seal (tenant_id, event_id);

CREATE TABLE field_def (
    plugin TEXT NOT NULL,
    record_type TEXT NOT NULL,
    field_key TEXT NOT NULL,
    kind TEXT NOT NULL,
    label TEXT NOT NULL,
    spec TEXT NOT NULL,
    searchable INTEGER DEFAULT 0 NOT NULL,
    pii INTEGER DEFAULT 0 NOT NULL,
    state TEXT NOT NULL,
    CONSTRAINT pk_field_def PRIMARY KEY (plugin, record_type, field_key),
    CONSTRAINT ck_field_def_state CHECK (state IN ('active', 'deprecated', 'retired'))
);

CREATE TABLE outbox (
    tenant_id CHAR(32) NOT NULL,
    id CHAR(32) NOT NULL,
    topic TEXT NOT NULL,
    record_type TEXT,
    record_id CHAR(32),
    payload TEXT NOT NULL,
    created_at TEXT NOT NULL,
    available_at TEXT NOT NULL,
    attempts INTEGER DEFAULT 0 NOT NULL,
    claimed_until TEXT,
    done_at TEXT,
    last_error TEXT,
    CONSTRAINT pk_outbox PRIMARY KEY (tenant_id, id)
);

CREATE INDEX ix_outbox_open ON outbox (available_at, id) WHERE done_at IS NULL;

CREATE TABLE tenant (
    id CHAR(32) NOT NULL,
    tenant_key TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    parent_id CHAR(32),
    base_currency TEXT NOT NULL,
    timezone TEXT DEFAULT 'UTC' NOT NULL,
    locale TEXT DEFAULT 'en' NOT NULL,
    rounding TEXT NOT NULL,
    created_at TEXT NOT NULL,
    closed_at TEXT,
    CONSTRAINT pk_tenant PRIMARY KEY (id),
    CONSTRAINT ck_tenant_kind CHECK (kind IN ('live', 'sandbox', 'trial')),
    CONSTRAINT ck_tenant_rounding CHECK (rounding IN ('half_up', 'half_even')),
    CONSTRAINT fk_tenant_parent_id FOREIGN KEY(parent_id) REFERENCES tenant (id)
);

CREATE UNIQUE INDEX uq_tenant_tenant_key ON tenant (tenant_key);

CREATE TABLE fx_rate (
    tenant_id CHAR(32) NOT NULL,
    base TEXT NOT NULL,
    quote TEXT NOT NULL,
    day TEXT NOT NULL,
    rate INTEGER NOT NULL,
    source TEXT,
    CONSTRAINT pk_fx_rate PRIMARY KEY (tenant_id, base, quote, day),
    CONSTRAINT fk_fx_rate_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenant (id)
);

CREATE TABLE number_series (
    tenant_id CHAR(32) NOT NULL,
    series TEXT NOT NULL,
    pattern TEXT NOT NULL,
    next_value BIGINT DEFAULT 1 NOT NULL,
    CONSTRAINT pk_number_series PRIMARY KEY (tenant_id, series),
    CONSTRAINT fk_number_series_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenant (id)
);

CREATE TABLE record (
    tenant_id CHAR(32) NOT NULL,
    id CHAR(32) NOT NULL,
    record_type TEXT NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT pk_record PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_record_tenant_id FOREIGN KEY(tenant_id) REFERENCES tenant (id)
);

CREATE TABLE attachment (
    tenant_id CHAR(32) NOT NULL,
    id CHAR(32) NOT NULL,
    record_id CHAR(32) NOT NULL,
    name TEXT NOT NULL,
    mime TEXT,
    size BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    storage_key TEXT NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TEXT NOT NULL,
    created_by CHAR(32),
    updated_at TEXT NOT NULL,
    updated_by CHAR(32),
    deleted_at TEXT,
    deleted_by CHAR(32),
    CONSTRAINT pk_attachment PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_attachment_record_id FOREIGN KEY(tenant_id, record_id) REFERENCES record (tenant_id, id),
    CONSTRAINT fk_attachment_id FOREIGN KEY(tenant_id, id) REFERENCES record (tenant_id, id)
);

CREATE INDEX ix_attachment_record_id ON attachment (tenant_id, record_id, id);

CREATE TABLE contact_point (
    tenant_id CHAR(32) NOT NULL,
    id CHAR(32) NOT NULL,
    record_id CHAR(32) NOT NULL,
    kind TEXT NOT NULL,
    purpose TEXT,
    value TEXT NOT NULL,
    normalized TEXT,
    data TEXT,
    is_primary INTEGER DEFAULT 0 NOT NULL,
    opt_out INTEGER DEFAULT 0 NOT NULL,
    invalid INTEGER DEFAULT 0 NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TEXT NOT NULL,
    created_by CHAR(32),
    updated_at TEXT NOT NULL,
    updated_by CHAR(32),
    deleted_at TEXT,
    deleted_by CHAR(32),
    CONSTRAINT pk_contact_point PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_contact_point_record_id FOREIGN KEY(tenant_id, record_id) REFERENCES record (tenant_id, id),
    CONSTRAINT fk_contact_point_id FOREIGN KEY(tenant_id, id) REFERENCES record (tenant_id, id)
);

CREATE INDEX ix_contact_point_kind_normalized ON contact_point (tenant_id, kind, normalized);

CREATE INDEX ix_contact_point_record_id ON contact_point (tenant_id, record_id, id);

CREATE TABLE external_ref (
    tenant_id CHAR(32) NOT NULL,
    system TEXT NOT NULL,
    ext_id TEXT NOT NULL,
    record_type TEXT NOT NULL,
    record_id CHAR(32) NOT NULL,
    row_hash TEXT,
    seen_at TEXT NOT NULL,
    CONSTRAINT pk_external_ref PRIMARY KEY (tenant_id, system, ext_id),
    CONSTRAINT fk_external_ref_record_id FOREIGN KEY(tenant_id, record_id) REFERENCES record (tenant_id, id)
);

CREATE INDEX ix_external_ref_record_id ON external_ref (tenant_id, record_id);

CREATE TABLE link (
    tenant_id CHAR(32) NOT NULL,
    id CHAR(32) NOT NULL,
    src_id CHAR(32) NOT NULL,
    rel TEXT NOT NULL,
    dst_id CHAR(32) NOT NULL,
    position INTEGER,
    valid_from TEXT,
    valid_to TEXT,
    data TEXT,
    created_at TEXT NOT NULL,
    created_by CHAR(32),
    CONSTRAINT pk_link PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_link_src_id FOREIGN KEY(tenant_id, src_id) REFERENCES record (tenant_id, id),
    CONSTRAINT fk_link_dst_id FOREIGN KEY(tenant_id, dst_id) REFERENCES record (tenant_id, id)
);

CREATE INDEX ix_link_dst_id_rel ON link (tenant_id, dst_id, rel, id);

CREATE INDEX ix_link_src_id_rel ON link (tenant_id, src_id, rel, id);

CREATE UNIQUE INDEX uq_link_open ON link (tenant_id, src_id, rel, dst_id) WHERE valid_to IS NULL;

CREATE TABLE pipeline (
    tenant_id CHAR(32) NOT NULL,
    id CHAR(32) NOT NULL,
    record_type TEXT NOT NULL,
    pipeline_key TEXT NOT NULL,
    name TEXT NOT NULL,
    active INTEGER DEFAULT 1 NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TEXT NOT NULL,
    created_by CHAR(32),
    updated_at TEXT NOT NULL,
    updated_by CHAR(32),
    deleted_at TEXT,
    deleted_by CHAR(32),
    CONSTRAINT pk_pipeline PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_pipeline_id FOREIGN KEY(tenant_id, id) REFERENCES record (tenant_id, id)
);

CREATE UNIQUE INDEX uq_pipeline_record_type_pipeline_key ON pipeline (tenant_id, record_type, pipeline_key) WHERE deleted_at IS NULL;

CREATE TABLE price_book (
    tenant_id CHAR(32) NOT NULL,
    id CHAR(32) NOT NULL,
    book_key TEXT NOT NULL,
    name TEXT NOT NULL,
    currency TEXT NOT NULL,
    valid_from TEXT,
    valid_to TEXT,
    active INTEGER DEFAULT 1 NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TEXT NOT NULL,
    created_by CHAR(32),
    updated_at TEXT NOT NULL,
    updated_by CHAR(32),
    deleted_at TEXT,
    deleted_by CHAR(32),
    CONSTRAINT pk_price_book PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_price_book_id FOREIGN KEY(tenant_id, id) REFERENCES record (tenant_id, id)
);

CREATE UNIQUE INDEX uq_price_book_book_key ON price_book (tenant_id, book_key) WHERE deleted_at IS NULL;

CREATE TABLE principal (
    tenant_id CHAR(32) NOT NULL,
    id CHAR(32) NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    login TEXT,
    email TEXT,
    locale TEXT,
    timezone TEXT,
    active INTEGER DEFAULT 1 NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TEXT NOT NULL,
    created_by CHAR(32),
    updated_at TEXT NOT NULL,
    updated_by CHAR(32),
    deleted_at TEXT,
    deleted_by CHAR(32),
    CONSTRAINT pk_principal PRIMARY KEY (tenant_id, id),
    CONSTRAINT ck_principal_kind CHECK (kind IN ('user', 'team', 'service', 'role')),
    CONSTRAINT fk_principal_id FOREIGN KEY(tenant_id, id) REFERENCES record (tenant_id, id)
);

CREATE INDEX ix_principal_created_at ON principal (tenant_id, created_at, id);

CREATE INDEX ix_principal_name ON principal (tenant_id, name, id);

CREATE INDEX ix_principal_updated_at ON principal (tenant_id, updated_at, id);

CREATE UNIQUE INDEX uq_principal_login ON principal (tenant_id, lower(login)) WHERE deleted_at IS NULL;

CREATE TABLE product (
    tenant_id CHAR(32) NOT NULL,
    id CHAR(32) NOT NULL,
    sku TEXT,
    name TEXT NOT NULL,
    kind TEXT,
    unit TEXT,
    tax_code TEXT,
    active INTEGER DEFAULT 1 NOT NULL,
    description TEXT,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TEXT NOT NULL,
    created_by CHAR(32),
    updated_at TEXT NOT NULL,
    updated_by CHAR(32),
    deleted_at TEXT,
    deleted_by CHAR(32),
    CONSTRAINT pk_product PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_product_id FOREIGN KEY(tenant_id, id) REFERENCES record (tenant_id, id)
);

CREATE INDEX ix_product_created_at ON product (tenant_id, created_at, id);

CREATE INDEX ix_product_name ON product (tenant_id, name, id);

CREATE INDEX ix_product_updated_at ON product (tenant_id, updated_at, id);

CREATE UNIQUE INDEX uq_product_sku ON product (tenant_id, sku) WHERE deleted_at IS NULL;

CREATE TABLE tag (
    tenant_id CHAR(32) NOT NULL,
    id CHAR(32) NOT NULL,
    record_type TEXT NOT NULL,
    name TEXT NOT NULL,
    color TEXT,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TEXT NOT NULL,
    created_by CHAR(32),
    updated_at TEXT NOT NULL,
    updated_by CHAR(32),
    deleted_at TEXT,
    deleted_by CHAR(32),
    CONSTRAINT pk_tag PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_tag_id FOREIGN KEY(tenant_id, id) REFERENCES record (tenant_id, id)
);

CREATE UNIQUE INDEX uq_tag_record_type_name ON tag (tenant_id, record_type, name) WHERE deleted_at IS NULL;

CREATE TABLE account (
    tenant_id CHAR(32) NOT NULL,
    id CHAR(32) NOT NULL,
    name TEXT NOT NULL,
    legal_name TEXT,
    registration_country TEXT,
    registration_number TEXT,
    industry TEXT,
    status TEXT,
    owner_id CHAR(32),
    parent_id CHAR(32),
    website TEXT,
    language TEXT,
    description TEXT,
    merged_into_id CHAR(32),
    erased_at TEXT,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TEXT NOT NULL,
    created_by CHAR(32),
    updated_at TEXT NOT NULL,
    updated_by CHAR(32),
    deleted_at TEXT,
    deleted_by CHAR(32),
    CONSTRAINT pk_account PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_account_owner_id FOREIGN KEY(tenant_id, owner_id) REFERENCES principal (tenant_id, id),
    CONSTRAINT fk_account_parent_id FOREIGN KEY(tenant_id, parent_id) REFERENCES account (tenant_id, id),
    CONSTRAINT fk_account_merged_into_id FOREIGN KEY(tenant_id, merged_into_id) REFERENCES account (tenant_id, id),
    CONSTRAINT fk_account_id FOREIGN KEY(tenant_id, id) REFERENCES record (tenant_id, id)
);

CREATE INDEX ix_account_created_at ON account (tenant_id, created_at, id);

CREATE INDEX ix_account_merged_into_id ON account (tenant_id, merged_into_id, id) WHERE merged_into_id IS NOT NULL;

CREATE INDEX ix_account_name ON account (tenant_id, name, id);

CREATE INDEX ix_account_owner_id ON account (tenant_id, owner_id, id);

CREATE INDEX ix_account_parent_id ON account (tenant_id, parent_id, id) WHERE parent_id IS NOT NULL;

CREATE INDEX ix_account_registration_country_registration_number ON account (tenant_id, registration_country, registration_number) WHERE registration_number IS NOT NULL;

CREATE INDEX ix_account_updated_at ON account (tenant_id, updated_at, id);

CREATE TABLE activity (
    tenant_id CHAR(32) NOT NULL,
    id CHAR(32) NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT DEFAULT '' NOT NULL,
    body TEXT,
    body_format TEXT,
    status TEXT,
    direction TEXT,
    start_at TEXT,
    end_at TEXT,
    due_on TEXT,
    timezone TEXT,
    done_at TEXT,
    owner_id CHAR(32),
    regarding_id CHAR(32),
    message_id TEXT,
    thread_id TEXT,
    data TEXT,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TEXT NOT NULL,
    created_by CHAR(32),
    updated_at TEXT NOT NULL,
    updated_by CHAR(32),
    deleted_at TEXT,
    deleted_by CHAR(32),
    CONSTRAINT pk_activity PRIMARY KEY (tenant_id, id),
    CONSTRAINT ck_activity_kind CHECK (kind IN ('task', 'call', 'meeting', 'email', 'note', 'message')),
    CONSTRAINT ck_activity_direction CHECK (direction IN ('inbound', 'outbound')),
    CONSTRAINT fk_activity_owner_id FOREIGN KEY(tenant_id, owner_id) REFERENCES principal (tenant_id, id),
    CONSTRAINT fk_activity_regarding_id FOREIGN KEY(tenant_id, regarding_id) REFERENCES record (tenant_id, id),
    CONSTRAINT fk_activity_id FOREIGN KEY(tenant_id, id) REFERENCES record (tenant_id, id)
);

CREATE INDEX ix_activity_created_at ON activity (tenant_id, created_at, id);

CREATE INDEX ix_activity_message_id ON activity (tenant_id, message_id) WHERE message_id IS NOT NULL;

CREATE INDEX ix_activity_open ON activity (tenant_id, due_on, id) WHERE done_at IS NULL AND deleted_at IS NULL;

CREATE INDEX ix_activity_open_owner ON activity (tenant_id, owner_id, due_on, id) WHERE done_at IS NULL AND deleted_at IS NULL;

CREATE INDEX ix_activity_owner_id ON activity (tenant_id, owner_id, id);

CREATE INDEX ix_activity_regarding_id ON activity (tenant_id, regarding_id, id) WHERE regarding_id IS NOT NULL;

CREATE INDEX ix_activity_start_at ON activity (tenant_id, start_at, id) WHERE start_at IS NOT NULL;

CREATE INDEX ix_activity_subject ON activity (tenant_id, subject, id);

CREATE INDEX ix_activity_thread_id ON activity (tenant_id, thread_id) WHERE thread_id IS NOT NULL;

CREATE INDEX ix_activity_updated_at ON activity (tenant_id, updated_at, id);

CREATE TABLE api_key (
    tenant_id CHAR(32) NOT NULL,
    id CHAR(32) NOT NULL,
    principal_id CHAR(32) NOT NULL,
    name TEXT NOT NULL,
    prefix TEXT NOT NULL,
    hash TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT,
    last_used_at TEXT,
    revoked_at TEXT,
    CONSTRAINT pk_api_key PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_api_key_principal_id FOREIGN KEY(tenant_id, principal_id) REFERENCES principal (tenant_id, id)
);

CREATE INDEX ix_api_key_principal_id ON api_key (tenant_id, principal_id, id);

CREATE UNIQUE INDEX uq_api_key_prefix ON api_key (prefix);

CREATE TABLE campaign (
    tenant_id CHAR(32) NOT NULL,
    id CHAR(32) NOT NULL,
    name TEXT NOT NULL,
    kind TEXT,
    status TEXT,
    start_on TEXT,
    end_on TEXT,
    budget INTEGER,
    currency TEXT,
    owner_id CHAR(32),
    description TEXT,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TEXT NOT NULL,
    created_by CHAR(32),
    updated_at TEXT NOT NULL,
    updated_by CHAR(32),
    deleted_at TEXT,
    deleted_by CHAR(32),
    CONSTRAINT pk_campaign PRIMARY KEY (tenant_id, id),
    CONSTRAINT ck_campaign_budget_has_currency CHECK ((budget IS NULL) = (currency IS NULL)),
    CONSTRAINT fk_campaign_owner_id FOREIGN KEY(tenant_id, owner_id) REFERENCES principal (tenant_id, id),
    CONSTRAINT fk_campaign_id FOREIGN KEY(tenant_id, id) REFERENCES record (tenant_id, id)
);

CREATE INDEX ix_campaign_created_at ON campaign (tenant_id, created_at, id);

CREATE INDEX ix_campaign_name ON campaign (tenant_id, name, id);

CREATE INDEX ix_campaign_owner_id ON campaign (tenant_id, owner_id, id);

CREATE INDEX ix_campaign_updated_at ON campaign (tenant_id, updated_at, id);

CREATE TABLE membership (
    tenant_id CHAR(32) NOT NULL,
    member_id CHAR(32) NOT NULL,
    group_id CHAR(32) NOT NULL,
    CONSTRAINT pk_membership PRIMARY KEY (tenant_id, member_id, group_id),
    CONSTRAINT fk_membership_member_id FOREIGN KEY(tenant_id, member_id) REFERENCES principal (tenant_id, id),
    CONSTRAINT fk_membership_group_id FOREIGN KEY(tenant_id, group_id) REFERENCES principal (tenant_id, id)
);

CREATE INDEX ix_membership_group_id_member_id ON membership (tenant_id, group_id, member_id);

CREATE TABLE permission (
    tenant_id CHAR(32) NOT NULL,
    id CHAR(32) NOT NULL,
    principal_id CHAR(32) NOT NULL,
    resource TEXT NOT NULL,
    action TEXT NOT NULL,
    scope TEXT NOT NULL,
    CONSTRAINT pk_permission PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_permission_principal_id FOREIGN KEY(tenant_id, principal_id) REFERENCES principal (tenant_id, id),
    CONSTRAINT ck_permission_scope CHECK (scope IN ('own', 'team', 'tree', 'all'))
);

CREATE UNIQUE INDEX uq_permission_principal_id_resource_action ON permission (tenant_id, principal_id, resource, action);

CREATE TABLE price (
    tenant_id CHAR(32) NOT NULL,
    id CHAR(32) NOT NULL,
    price_book_id CHAR(32) NOT NULL,
    product_id CHAR(32) NOT NULL,
    min_quantity INTEGER DEFAULT 0 NOT NULL,
    unit_price INTEGER NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TEXT NOT NULL,
    created_by CHAR(32),
    updated_at TEXT NOT NULL,
    updated_by CHAR(32),
    deleted_at TEXT,
    deleted_by CHAR(32),
    CONSTRAINT pk_price PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_price_price_book_id FOREIGN KEY(tenant_id, price_book_id) REFERENCES price_book (tenant_id, id),
    CONSTRAINT fk_price_product_id FOREIGN KEY(tenant_id, product_id) REFERENCES product (tenant_id, id),
    CONSTRAINT fk_price_id FOREIGN KEY(tenant_id, id) REFERENCES record (tenant_id, id)
);

CREATE INDEX ix_price_product_id ON price (tenant_id, product_id, id);

CREATE UNIQUE INDEX uq_price_price_book_id_product_id_min_quantity ON price (tenant_id, price_book_id, product_id, min_quantity) WHERE deleted_at IS NULL;

CREATE TABLE stage (
    tenant_id CHAR(32) NOT NULL,
    id CHAR(32) NOT NULL,
    pipeline_id CHAR(32) NOT NULL,
    stage_key TEXT NOT NULL,
    name TEXT NOT NULL,
    position INTEGER DEFAULT 0 NOT NULL,
    category TEXT NOT NULL,
    probability INTEGER,
    active INTEGER DEFAULT 1 NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TEXT NOT NULL,
    created_by CHAR(32),
    updated_at TEXT NOT NULL,
    updated_by CHAR(32),
    deleted_at TEXT,
    deleted_by CHAR(32),
    CONSTRAINT pk_stage PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_stage_pipeline_id FOREIGN KEY(tenant_id, pipeline_id) REFERENCES pipeline (tenant_id, id),
    CONSTRAINT ck_stage_category CHECK (category IN ('open', 'won', 'lost', 'cancelled')),
    CONSTRAINT fk_stage_id FOREIGN KEY(tenant_id, id) REFERENCES record (tenant_id, id)
);

CREATE INDEX ix_stage_pipeline_id_position ON stage (tenant_id, pipeline_id, position);

CREATE UNIQUE INDEX uq_stage_pipeline_id_stage_key ON stage (tenant_id, pipeline_id, stage_key) WHERE deleted_at IS NULL;

CREATE TABLE tagging (
    tenant_id CHAR(32) NOT NULL,
    record_id CHAR(32) NOT NULL,
    tag_id CHAR(32) NOT NULL,
    CONSTRAINT pk_tagging PRIMARY KEY (tenant_id, record_id, tag_id),
    CONSTRAINT fk_tagging_record_id FOREIGN KEY(tenant_id, record_id) REFERENCES record (tenant_id, id),
    CONSTRAINT fk_tagging_tag_id FOREIGN KEY(tenant_id, tag_id) REFERENCES tag (tenant_id, id)
);

CREATE INDEX ix_tagging_tag_id_record_id ON tagging (tenant_id, tag_id, record_id);

CREATE TABLE campaign_member (
    tenant_id CHAR(32) NOT NULL,
    campaign_id CHAR(32) NOT NULL,
    record_id CHAR(32) NOT NULL,
    status TEXT,
    responded_at TEXT,
    CONSTRAINT pk_campaign_member PRIMARY KEY (tenant_id, campaign_id, record_id),
    CONSTRAINT fk_campaign_member_campaign_id FOREIGN KEY(tenant_id, campaign_id) REFERENCES campaign (tenant_id, id),
    CONSTRAINT fk_campaign_member_record_id FOREIGN KEY(tenant_id, record_id) REFERENCES record (tenant_id, id)
);

CREATE INDEX ix_campaign_member_record_id_campaign_id ON campaign_member (tenant_id, record_id, campaign_id);

CREATE TABLE contact (
    tenant_id CHAR(32) NOT NULL,
    id CHAR(32) NOT NULL,
    account_id CHAR(32),
    name TEXT NOT NULL,
    given_name TEXT,
    family_name TEXT,
    title TEXT,
    owner_id CHAR(32),
    language TEXT,
    consent TEXT,
    description TEXT,
    merged_into_id CHAR(32),
    erased_at TEXT,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TEXT NOT NULL,
    created_by CHAR(32),
    updated_at TEXT NOT NULL,
    updated_by CHAR(32),
    deleted_at TEXT,
    deleted_by CHAR(32),
    CONSTRAINT pk_contact PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_contact_account_id FOREIGN KEY(tenant_id, account_id) REFERENCES account (tenant_id, id),
    CONSTRAINT fk_contact_owner_id FOREIGN KEY(tenant_id, owner_id) REFERENCES principal (tenant_id, id),
    CONSTRAINT fk_contact_merged_into_id FOREIGN KEY(tenant_id, merged_into_id) REFERENCES contact (tenant_id, id),
    CONSTRAINT fk_contact_id FOREIGN KEY(tenant_id, id) REFERENCES record (tenant_id, id)
);

CREATE INDEX ix_contact_account_id ON contact (tenant_id, account_id, id) WHERE account_id IS NOT NULL;

CREATE INDEX ix_contact_created_at ON contact (tenant_id, created_at, id);

CREATE INDEX ix_contact_merged_into_id ON contact (tenant_id, merged_into_id, id) WHERE merged_into_id IS NOT NULL;

CREATE INDEX ix_contact_name ON contact (tenant_id, name, id);

CREATE INDEX ix_contact_owner_id ON contact (tenant_id, owner_id, id);

CREATE INDEX ix_contact_updated_at ON contact (tenant_id, updated_at, id);

CREATE TABLE stage_event (
    tenant_id CHAR(32) NOT NULL,
    id CHAR(32) NOT NULL,
    record_type TEXT NOT NULL,
    record_id CHAR(32) NOT NULL,
    pipeline_id CHAR(32) NOT NULL,
    from_stage_id CHAR(32),
    to_stage_id CHAR(32),
    at TEXT NOT NULL,
    actor_id CHAR(32),
    reason TEXT,
    CONSTRAINT pk_stage_event PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_stage_event_record_id FOREIGN KEY(tenant_id, record_id) REFERENCES record (tenant_id, id),
    CONSTRAINT fk_stage_event_pipeline_id FOREIGN KEY(tenant_id, pipeline_id) REFERENCES pipeline (tenant_id, id),
    CONSTRAINT fk_stage_event_from_stage_id FOREIGN KEY(tenant_id, from_stage_id) REFERENCES stage (tenant_id, id),
    CONSTRAINT fk_stage_event_to_stage_id FOREIGN KEY(tenant_id, to_stage_id) REFERENCES stage (tenant_id, id)
);

CREATE INDEX ix_stage_event_pipeline_id_at ON stage_event (tenant_id, pipeline_id, at);

CREATE INDEX ix_stage_event_record_id_at ON stage_event (tenant_id, record_id, at);

CREATE TABLE opportunity (
    tenant_id CHAR(32) NOT NULL,
    id CHAR(32) NOT NULL,
    number TEXT,
    name TEXT NOT NULL,
    account_id CHAR(32),
    contact_id CHAR(32),
    owner_id CHAR(32),
    pipeline_id CHAR(32),
    stage_id CHAR(32),
    stage_since TEXT,
    amount INTEGER,
    currency TEXT,
    probability INTEGER,
    expected_close TEXT,
    closed_at TEXT,
    lost_reason TEXT,
    source TEXT,
    campaign_id CHAR(32),
    next_step TEXT,
    description TEXT,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TEXT NOT NULL,
    created_by CHAR(32),
    updated_at TEXT NOT NULL,
    updated_by CHAR(32),
    deleted_at TEXT,
    deleted_by CHAR(32),
    CONSTRAINT pk_opportunity PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_opportunity_account_id FOREIGN KEY(tenant_id, account_id) REFERENCES account (tenant_id, id),
    CONSTRAINT fk_opportunity_contact_id FOREIGN KEY(tenant_id, contact_id) REFERENCES contact (tenant_id, id),
    CONSTRAINT fk_opportunity_owner_id FOREIGN KEY(tenant_id, owner_id) REFERENCES principal (tenant_id, id),
    CONSTRAINT fk_opportunity_pipeline_id FOREIGN KEY(tenant_id, pipeline_id) REFERENCES pipeline (tenant_id, id),
    CONSTRAINT fk_opportunity_stage_id FOREIGN KEY(tenant_id, stage_id) REFERENCES stage (tenant_id, id),
    CONSTRAINT ck_opportunity_amount_has_currency CHECK ((amount IS NULL) = (currency IS NULL)),
    CONSTRAINT fk_opportunity_campaign_id FOREIGN KEY(tenant_id, campaign_id) REFERENCES campaign (tenant_id, id),
    CONSTRAINT fk_opportunity_id FOREIGN KEY(tenant_id, id) REFERENCES record (tenant_id, id)
);

CREATE INDEX ix_opportunity_account_id ON opportunity (tenant_id, account_id, id) WHERE account_id IS NOT NULL;

CREATE INDEX ix_opportunity_campaign_id ON opportunity (tenant_id, campaign_id, id) WHERE campaign_id IS NOT NULL;

CREATE INDEX ix_opportunity_contact_id ON opportunity (tenant_id, contact_id, id) WHERE contact_id IS NOT NULL;

CREATE INDEX ix_opportunity_created_at ON opportunity (tenant_id, created_at, id);

CREATE INDEX ix_opportunity_expected_close ON opportunity (tenant_id, expected_close, id);

CREATE INDEX ix_opportunity_name ON opportunity (tenant_id, name, id);

CREATE INDEX ix_opportunity_owner_id ON opportunity (tenant_id, owner_id, id);

CREATE INDEX ix_opportunity_stage_id ON opportunity (tenant_id, stage_id, id);

CREATE INDEX ix_opportunity_updated_at ON opportunity (tenant_id, updated_at, id);

CREATE UNIQUE INDEX uq_opportunity_number ON opportunity (tenant_id, number) WHERE deleted_at IS NULL;

CREATE TABLE ticket (
    tenant_id CHAR(32) NOT NULL,
    id CHAR(32) NOT NULL,
    number TEXT,
    subject TEXT NOT NULL,
    account_id CHAR(32),
    contact_id CHAR(32),
    owner_id CHAR(32),
    pipeline_id CHAR(32),
    stage_id CHAR(32),
    stage_since TEXT,
    priority TEXT,
    kind TEXT,
    channel TEXT,
    description TEXT,
    first_response_at TEXT,
    resolved_at TEXT,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TEXT NOT NULL,
    created_by CHAR(32),
    updated_at TEXT NOT NULL,
    updated_by CHAR(32),
    deleted_at TEXT,
    deleted_by CHAR(32),
    CONSTRAINT pk_ticket PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_ticket_account_id FOREIGN KEY(tenant_id, account_id) REFERENCES account (tenant_id, id),
    CONSTRAINT fk_ticket_contact_id FOREIGN KEY(tenant_id, contact_id) REFERENCES contact (tenant_id, id),
    CONSTRAINT fk_ticket_owner_id FOREIGN KEY(tenant_id, owner_id) REFERENCES principal (tenant_id, id),
    CONSTRAINT fk_ticket_pipeline_id FOREIGN KEY(tenant_id, pipeline_id) REFERENCES pipeline (tenant_id, id),
    CONSTRAINT fk_ticket_stage_id FOREIGN KEY(tenant_id, stage_id) REFERENCES stage (tenant_id, id),
    CONSTRAINT fk_ticket_id FOREIGN KEY(tenant_id, id) REFERENCES record (tenant_id, id)
);

CREATE INDEX ix_ticket_account_id ON ticket (tenant_id, account_id, id) WHERE account_id IS NOT NULL;

CREATE INDEX ix_ticket_contact_id ON ticket (tenant_id, contact_id, id) WHERE contact_id IS NOT NULL;

CREATE INDEX ix_ticket_created_at ON ticket (tenant_id, created_at, id);

CREATE INDEX ix_ticket_owner_id ON ticket (tenant_id, owner_id, id);

CREATE INDEX ix_ticket_stage_id ON ticket (tenant_id, stage_id, id);

CREATE INDEX ix_ticket_subject ON ticket (tenant_id, subject, id);

CREATE INDEX ix_ticket_updated_at ON ticket (tenant_id, updated_at, id);

CREATE UNIQUE INDEX uq_ticket_number ON ticket (tenant_id, number) WHERE deleted_at IS NULL;

CREATE TABLE lead (
    tenant_id CHAR(32) NOT NULL,
    id CHAR(32) NOT NULL,
    number TEXT,
    name TEXT NOT NULL,
    company TEXT,
    title TEXT,
    email TEXT,
    phone TEXT,
    website TEXT,
    language TEXT,
    source TEXT,
    status TEXT,
    description TEXT,
    owner_id CHAR(32),
    pipeline_id CHAR(32),
    stage_id CHAR(32),
    stage_since TEXT,
    campaign_id CHAR(32),
    converted_at TEXT,
    converted_account_id CHAR(32),
    converted_contact_id CHAR(32),
    converted_opportunity_id CHAR(32),
    erased_at TEXT,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TEXT NOT NULL,
    created_by CHAR(32),
    updated_at TEXT NOT NULL,
    updated_by CHAR(32),
    deleted_at TEXT,
    deleted_by CHAR(32),
    CONSTRAINT pk_lead PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_lead_owner_id FOREIGN KEY(tenant_id, owner_id) REFERENCES principal (tenant_id, id),
    CONSTRAINT fk_lead_pipeline_id FOREIGN KEY(tenant_id, pipeline_id) REFERENCES pipeline (tenant_id, id),
    CONSTRAINT fk_lead_stage_id FOREIGN KEY(tenant_id, stage_id) REFERENCES stage (tenant_id, id),
    CONSTRAINT fk_lead_campaign_id FOREIGN KEY(tenant_id, campaign_id) REFERENCES campaign (tenant_id, id),
    CONSTRAINT fk_lead_converted_account_id FOREIGN KEY(tenant_id, converted_account_id) REFERENCES account (tenant_id, id),
    CONSTRAINT fk_lead_converted_contact_id FOREIGN KEY(tenant_id, converted_contact_id) REFERENCES contact (tenant_id, id),
    CONSTRAINT fk_lead_converted_opportunity_id FOREIGN KEY(tenant_id, converted_opportunity_id) REFERENCES opportunity (tenant_id, id),
    CONSTRAINT fk_lead_id FOREIGN KEY(tenant_id, id) REFERENCES record (tenant_id, id)
);

CREATE INDEX ix_lead_campaign_id ON lead (tenant_id, campaign_id, id) WHERE campaign_id IS NOT NULL;

CREATE INDEX ix_lead_converted_account_id ON lead (tenant_id, converted_account_id, id) WHERE converted_account_id IS NOT NULL;

CREATE INDEX ix_lead_converted_contact_id ON lead (tenant_id, converted_contact_id, id) WHERE converted_contact_id IS NOT NULL;

CREATE INDEX ix_lead_converted_opportunity_id ON lead (tenant_id, converted_opportunity_id, id) WHERE converted_opportunity_id IS NOT NULL;

CREATE INDEX ix_lead_created_at ON lead (tenant_id, created_at, id);

CREATE INDEX ix_lead_name ON lead (tenant_id, name, id);

CREATE INDEX ix_lead_owner_id ON lead (tenant_id, owner_id, id);

CREATE INDEX ix_lead_stage_id ON lead (tenant_id, stage_id, id);

CREATE INDEX ix_lead_updated_at ON lead (tenant_id, updated_at, id);

CREATE UNIQUE INDEX uq_lead_number ON lead (tenant_id, number) WHERE deleted_at IS NULL;

CREATE TABLE quote (
    tenant_id CHAR(32) NOT NULL,
    id CHAR(32) NOT NULL,
    number TEXT,
    revision INTEGER DEFAULT 1 NOT NULL,
    status TEXT DEFAULT 'draft' NOT NULL,
    account_id CHAR(32),
    contact_id CHAR(32),
    opportunity_id CHAR(32),
    origin_id CHAR(32),
    owner_id CHAR(32),
    price_book_id CHAR(32),
    currency TEXT NOT NULL,
    fx_to_base INTEGER,
    document_date TEXT,
    net INTEGER DEFAULT 0 NOT NULL,
    tax INTEGER DEFAULT 0 NOT NULL,
    total INTEGER DEFAULT 0 NOT NULL,
    terms TEXT,
    ship_to TEXT,
    bill_to TEXT,
    valid_until TEXT,
    accepted_at TEXT,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TEXT NOT NULL,
    created_by CHAR(32),
    updated_at TEXT NOT NULL,
    updated_by CHAR(32),
    deleted_at TEXT,
    deleted_by CHAR(32),
    CONSTRAINT pk_quote PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_quote_account_id FOREIGN KEY(tenant_id, account_id) REFERENCES account (tenant_id, id),
    CONSTRAINT fk_quote_contact_id FOREIGN KEY(tenant_id, contact_id) REFERENCES contact (tenant_id, id),
    CONSTRAINT fk_quote_opportunity_id FOREIGN KEY(tenant_id, opportunity_id) REFERENCES opportunity (tenant_id, id),
    CONSTRAINT fk_quote_origin_id FOREIGN KEY(tenant_id, origin_id) REFERENCES quote (tenant_id, id),
    CONSTRAINT fk_quote_owner_id FOREIGN KEY(tenant_id, owner_id) REFERENCES principal (tenant_id, id),
    CONSTRAINT fk_quote_price_book_id FOREIGN KEY(tenant_id, price_book_id) REFERENCES price_book (tenant_id, id),
    CONSTRAINT fk_quote_id FOREIGN KEY(tenant_id, id) REFERENCES record (tenant_id, id)
);

CREATE INDEX ix_quote_account_id ON quote (tenant_id, account_id, id) WHERE account_id IS NOT NULL;

CREATE INDEX ix_quote_contact_id ON quote (tenant_id, contact_id, id) WHERE contact_id IS NOT NULL;

CREATE INDEX ix_quote_created_at ON quote (tenant_id, created_at, id);

CREATE INDEX ix_quote_document_date ON quote (tenant_id, document_date, id);

CREATE INDEX ix_quote_opportunity_id ON quote (tenant_id, opportunity_id, id) WHERE opportunity_id IS NOT NULL;

CREATE INDEX ix_quote_origin_id ON quote (tenant_id, origin_id, id) WHERE origin_id IS NOT NULL;

CREATE INDEX ix_quote_owner_id ON quote (tenant_id, owner_id, id);

CREATE INDEX ix_quote_updated_at ON quote (tenant_id, updated_at, id);

CREATE UNIQUE INDEX uq_quote_number_revision ON quote (tenant_id, number, revision) WHERE deleted_at IS NULL;

CREATE TABLE quote_line (
    tenant_id CHAR(32) NOT NULL,
    id CHAR(32) NOT NULL,
    document_id CHAR(32) NOT NULL,
    product_id CHAR(32),
    description TEXT,
    unit TEXT,
    position INTEGER NOT NULL,
    quantity INTEGER DEFAULT 0 NOT NULL,
    unit_price INTEGER DEFAULT 0 NOT NULL,
    discount_percent INTEGER DEFAULT 0 NOT NULL,
    net INTEGER DEFAULT 0 NOT NULL,
    tax_code TEXT,
    tax INTEGER DEFAULT 0 NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TEXT NOT NULL,
    created_by CHAR(32),
    updated_at TEXT NOT NULL,
    updated_by CHAR(32),
    deleted_at TEXT,
    deleted_by CHAR(32),
    CONSTRAINT pk_quote_line PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_quote_line_document_id FOREIGN KEY(tenant_id, document_id) REFERENCES quote (tenant_id, id),
    CONSTRAINT fk_quote_line_product_id FOREIGN KEY(tenant_id, product_id) REFERENCES product (tenant_id, id),
    CONSTRAINT fk_quote_line_id FOREIGN KEY(tenant_id, id) REFERENCES record (tenant_id, id)
);

CREATE INDEX ix_quote_line_document_id_position ON quote_line (tenant_id, document_id, position);

CREATE INDEX ix_quote_line_product_id ON quote_line (tenant_id, product_id, id) WHERE product_id IS NOT NULL;

CREATE TABLE sales_order (
    tenant_id CHAR(32) NOT NULL,
    id CHAR(32) NOT NULL,
    number TEXT,
    revision INTEGER DEFAULT 1 NOT NULL,
    status TEXT DEFAULT 'draft' NOT NULL,
    account_id CHAR(32),
    contact_id CHAR(32),
    opportunity_id CHAR(32),
    origin_id CHAR(32),
    owner_id CHAR(32),
    price_book_id CHAR(32),
    currency TEXT NOT NULL,
    fx_to_base INTEGER,
    document_date TEXT,
    net INTEGER DEFAULT 0 NOT NULL,
    tax INTEGER DEFAULT 0 NOT NULL,
    total INTEGER DEFAULT 0 NOT NULL,
    terms TEXT,
    ship_to TEXT,
    bill_to TEXT,
    ordered_on TEXT,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TEXT NOT NULL,
    created_by CHAR(32),
    updated_at TEXT NOT NULL,
    updated_by CHAR(32),
    deleted_at TEXT,
    deleted_by CHAR(32),
    CONSTRAINT pk_sales_order PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_sales_order_account_id FOREIGN KEY(tenant_id, account_id) REFERENCES account (tenant_id, id),
    CONSTRAINT fk_sales_order_contact_id FOREIGN KEY(tenant_id, contact_id) REFERENCES contact (tenant_id, id),
    CONSTRAINT fk_sales_order_opportunity_id FOREIGN KEY(tenant_id, opportunity_id) REFERENCES opportunity (tenant_id, id),
    CONSTRAINT fk_sales_order_origin_id FOREIGN KEY(tenant_id, origin_id) REFERENCES quote (tenant_id, id),
    CONSTRAINT fk_sales_order_owner_id FOREIGN KEY(tenant_id, owner_id) REFERENCES principal (tenant_id, id),
    CONSTRAINT fk_sales_order_price_book_id FOREIGN KEY(tenant_id, price_book_id) REFERENCES price_book (tenant_id, id),
    CONSTRAINT fk_sales_order_id FOREIGN KEY(tenant_id, id) REFERENCES record (tenant_id, id)
);

CREATE INDEX ix_sales_order_account_id ON sales_order (tenant_id, account_id, id) WHERE account_id IS NOT NULL;

CREATE INDEX ix_sales_order_contact_id ON sales_order (tenant_id, contact_id, id) WHERE contact_id IS NOT NULL;

CREATE INDEX ix_sales_order_created_at ON sales_order (tenant_id, created_at, id);

CREATE INDEX ix_sales_order_document_date ON sales_order (tenant_id, document_date, id);

CREATE INDEX ix_sales_order_opportunity_id ON sales_order (tenant_id, opportunity_id, id) WHERE opportunity_id IS NOT NULL;

CREATE INDEX ix_sales_order_origin_id ON sales_order (tenant_id, origin_id, id) WHERE origin_id IS NOT NULL;

CREATE INDEX ix_sales_order_owner_id ON sales_order (tenant_id, owner_id, id);

CREATE INDEX ix_sales_order_updated_at ON sales_order (tenant_id, updated_at, id);

CREATE UNIQUE INDEX uq_sales_order_number_revision ON sales_order (tenant_id, number, revision) WHERE deleted_at IS NULL;

CREATE TABLE sales_order_line (
    tenant_id CHAR(32) NOT NULL,
    id CHAR(32) NOT NULL,
    document_id CHAR(32) NOT NULL,
    product_id CHAR(32),
    description TEXT,
    unit TEXT,
    position INTEGER NOT NULL,
    quantity INTEGER DEFAULT 0 NOT NULL,
    unit_price INTEGER DEFAULT 0 NOT NULL,
    discount_percent INTEGER DEFAULT 0 NOT NULL,
    net INTEGER DEFAULT 0 NOT NULL,
    tax_code TEXT,
    tax INTEGER DEFAULT 0 NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TEXT NOT NULL,
    created_by CHAR(32),
    updated_at TEXT NOT NULL,
    updated_by CHAR(32),
    deleted_at TEXT,
    deleted_by CHAR(32),
    CONSTRAINT pk_sales_order_line PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_sales_order_line_document_id FOREIGN KEY(tenant_id, document_id) REFERENCES sales_order (tenant_id, id),
    CONSTRAINT fk_sales_order_line_product_id FOREIGN KEY(tenant_id, product_id) REFERENCES product (tenant_id, id),
    CONSTRAINT fk_sales_order_line_id FOREIGN KEY(tenant_id, id) REFERENCES record (tenant_id, id)
);

CREATE INDEX ix_sales_order_line_document_id_position ON sales_order_line (tenant_id, document_id, position);

CREATE INDEX ix_sales_order_line_product_id ON sales_order_line (tenant_id, product_id, id) WHERE product_id IS NOT NULL;
