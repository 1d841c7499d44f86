CREATE TABLE core.audit_event (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    actor_id UUID,
    plugin TEXT COLLATE "C",
    request_id TEXT COLLATE "C",
    record_type TEXT COLLATE "C",
    record_id UUID,
    action TEXT COLLATE "C" NOT NULL,
    diff JSONB,
    CONSTRAINT pk_audit_event PRIMARY KEY (tenant_id, id)
);

CREATE INDEX ix_audit_event_record_id ON core.audit_event (tenant_id, record_id, id) WHERE record_id IS NOT NULL;

CREATE TABLE core.audit_pending (
    tenant_id UUID NOT NULL,
    event_id UUID NOT NULL,
    CONSTRAINT pk_audit_pending PRIMARY KEY (tenant_id, event_id)
);

CREATE TABLE core.audit_seal (
    tenant_id UUID NOT NULL,
    seq BIGINT NOT NULL,
    event_id UUID NOT NULL,
    hash TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_audit_seal PRIMARY KEY (tenant_id, seq)
);

CREATE UNIQUE INDEX uq_audit_seal_event_id ON core.audit_seal (tenant_id, event_id);

CREATE TABLE core.field_def (
    plugin TEXT COLLATE "C" NOT NULL,
    record_type TEXT COLLATE "C" NOT NULL,
    field_key TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    label JSONB NOT NULL,
    spec JSONB NOT NULL,
    searchable BOOLEAN DEFAULT false NOT NULL,
    pii BOOLEAN DEFAULT false NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_field_def PRIMARY KEY (plugin, record_type, field_key),
    CONSTRAINT ck_field_def_state CHECK (state IN ('active', 'deprecated', 'retired'))
);

CREATE TABLE core.outbox (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    topic TEXT COLLATE "C" NOT NULL,
    record_type TEXT COLLATE "C",
    record_id UUID,
    payload JSONB NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    available_at TIMESTAMP WITH TIME ZONE NOT NULL,
    attempts INTEGER DEFAULT 0 NOT NULL,
    claimed_until TIMESTAMP WITH TIME ZONE,
    done_at TIMESTAMP WITH TIME ZONE,
    last_error TEXT COLLATE "C",
    CONSTRAINT pk_outbox PRIMARY KEY (tenant_id, id)
);

CREATE INDEX ix_outbox_open ON core.outbox (available_at, id) WHERE done_at IS NULL;

CREATE TABLE core.tenant (
    id UUID NOT NULL,
    tenant_key TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    parent_id UUID,
    base_currency TEXT COLLATE "C" NOT NULL,
    timezone TEXT COLLATE "C" DEFAULT 'UTC' NOT NULL,
    locale TEXT COLLATE "C" DEFAULT 'en' NOT NULL,
    rounding TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    closed_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_tenant PRIMARY KEY (id),
    CONSTRAINT ck_tenant_kind CHECK (kind IN ('live', 'sandbox', 'trial')),
    CONSTRAINT ck_tenant_rounding CHECK (rounding IN ('half_up', 'half_even')),
    CONSTRAINT fk_tenant_parent_id FOREIGN KEY(parent_id) REFERENCES core.tenant (id)
);

CREATE UNIQUE INDEX uq_tenant_tenant_key ON core.tenant (tenant_key);

CREATE TABLE core.fx_rate (
    tenant_id UUID NOT NULL,
    base TEXT COLLATE "C" NOT NULL,
    quote TEXT COLLATE "C" NOT NULL,
    day DATE NOT NULL,
    rate NUMERIC(20, 10) NOT NULL,
    source TEXT COLLATE "C",
    CONSTRAINT pk_fx_rate PRIMARY KEY (tenant_id, base, quote, day),
    CONSTRAINT fk_fx_rate_tenant_id FOREIGN KEY(tenant_id) REFERENCES core.tenant (id)
);

CREATE TABLE core.number_series (
    tenant_id UUID NOT NULL,
    series TEXT COLLATE "C" NOT NULL,
    pattern TEXT COLLATE "C" NOT NULL,
    next_value BIGINT DEFAULT 1 NOT NULL,
    CONSTRAINT pk_number_series PRIMARY KEY (tenant_id, series),
    CONSTRAINT fk_number_series_tenant_id FOREIGN KEY(tenant_id) REFERENCES core.tenant (id)
);

CREATE TABLE core.record (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    record_type TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_record PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_record_tenant_id FOREIGN KEY(tenant_id) REFERENCES core.tenant (id)
);

CREATE TABLE core.attachment (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    record_id UUID NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    mime TEXT COLLATE "C",
    size BIGINT NOT NULL,
    sha256 TEXT COLLATE "C" NOT NULL,
    storage_key TEXT COLLATE "C" NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_by UUID,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_by UUID,
    deleted_at TIMESTAMP WITH TIME ZONE,
    deleted_by UUID,
    CONSTRAINT pk_attachment PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_attachment_record_id FOREIGN KEY(tenant_id, record_id) REFERENCES core.record (tenant_id, id),
    CONSTRAINT fk_attachment_id FOREIGN KEY(tenant_id, id) REFERENCES core.record (tenant_id, id)
);

CREATE INDEX ix_attachment_record_id ON core.attachment (tenant_id, record_id, id);

CREATE TABLE core.contact_point (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    record_id UUID NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    purpose TEXT COLLATE "C",
    value TEXT COLLATE "C" NOT NULL,
    normalized TEXT COLLATE "C",
    data JSONB,
    is_primary BOOLEAN DEFAULT false NOT NULL,
    opt_out BOOLEAN DEFAULT false NOT NULL,
    invalid BOOLEAN DEFAULT false NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_by UUID,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_by UUID,
    deleted_at TIMESTAMP WITH TIME ZONE,
    deleted_by UUID,
    CONSTRAINT pk_contact_point PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_contact_point_record_id FOREIGN KEY(tenant_id, record_id) REFERENCES core.record (tenant_id, id),
    CONSTRAINT fk_contact_point_id FOREIGN KEY(tenant_id, id) REFERENCES core.record (tenant_id, id)
);

CREATE INDEX ix_contact_point_kind_normalized ON core.contact_point (tenant_id, kind, normalized);

CREATE INDEX ix_contact_point_record_id ON core.contact_point (tenant_id, record_id, id);

CREATE TABLE core.external_ref (
    tenant_id UUID NOT NULL,
    system TEXT COLLATE "C" NOT NULL,
    ext_id TEXT COLLATE "C" NOT NULL,
    record_type TEXT COLLATE "C" NOT NULL,
    record_id UUID NOT NULL,
    row_hash TEXT COLLATE "C",
    seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_external_ref PRIMARY KEY (tenant_id, system, ext_id),
    CONSTRAINT fk_external_ref_record_id FOREIGN KEY(tenant_id, record_id) REFERENCES core.record (tenant_id, id)
);

CREATE INDEX ix_external_ref_record_id ON core.external_ref (tenant_id, record_id);

CREATE TABLE core.link (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    src_id UUID NOT NULL,
    rel TEXT COLLATE "C" NOT NULL,
    dst_id UUID NOT NULL,
    position INTEGER,
    valid_from DATE,
    valid_to DATE,
    data JSONB,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_by UUID,
    CONSTRAINT pk_link PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_link_src_id FOREIGN KEY(tenant_id, src_id) REFERENCES core.record (tenant_id, id),
    CONSTRAINT fk_link_dst_id FOREIGN KEY(tenant_id, dst_id) REFERENCES core.record (tenant_id, id)
);

CREATE INDEX ix_link_dst_id_rel ON core.link (tenant_id, dst_id, rel, id);

CREATE INDEX ix_link_src_id_rel ON core.link (tenant_id, src_id, rel, id);

CREATE UNIQUE INDEX uq_link_open ON core.link (tenant_id, src_id, rel, dst_id) WHERE valid_to IS NULL;

CREATE TABLE core.pipeline (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    record_type TEXT COLLATE "C" NOT NULL,
    pipeline_key TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    active BOOLEAN DEFAULT true NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_by UUID,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_by UUID,
    deleted_at TIMESTAMP WITH TIME ZONE,
    deleted_by UUID,
    CONSTRAINT pk_pipeline PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_pipeline_id FOREIGN KEY(tenant_id, id) REFERENCES core.record (tenant_id, id)
);

CREATE UNIQUE INDEX uq_pipeline_record_type_pipeline_key ON core.pipeline (tenant_id, record_type, pipeline_key) WHERE deleted_at IS NULL;

CREATE TABLE core.price_book (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    book_key TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    currency TEXT COLLATE "C" NOT NULL,
    valid_from DATE,
    valid_to DATE,
    active BOOLEAN DEFAULT true NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_by UUID,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_by UUID,
    deleted_at TIMESTAMP WITH TIME ZONE,
    deleted_by UUID,
    CONSTRAINT pk_price_book PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_price_book_id FOREIGN KEY(tenant_id, id) REFERENCES core.record (tenant_id, id)
);

CREATE UNIQUE INDEX uq_price_book_book_key ON core.price_book (tenant_id, book_key) WHERE deleted_at IS NULL;

CREATE TABLE core.principal (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    login TEXT COLLATE "C",
    email TEXT COLLATE "C",
    locale TEXT COLLATE "C",
    timezone TEXT COLLATE "C",
    active BOOLEAN DEFAULT true NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_by UUID,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_by UUID,
    deleted_at TIMESTAMP WITH TIME ZONE,
    deleted_by UUID,
    CONSTRAINT pk_principal PRIMARY KEY (tenant_id, id),
    CONSTRAINT ck_principal_kind CHECK (kind IN ('user', 'team', 'service', 'role')),
    CONSTRAINT fk_principal_id FOREIGN KEY(tenant_id, id) REFERENCES core.record (tenant_id, id)
);

CREATE INDEX ix_principal_created_at ON core.principal (tenant_id, created_at, id);

CREATE INDEX ix_principal_name ON core.principal (tenant_id, name, id);

CREATE INDEX ix_principal_updated_at ON core.principal (tenant_id, updated_at, id);

CREATE UNIQUE INDEX uq_principal_login ON core.principal (tenant_id, lower(login)) WHERE deleted_at IS NULL;

CREATE TABLE core.product (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    sku TEXT COLLATE "C",
    name TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C",
    unit TEXT COLLATE "C",
    tax_code TEXT COLLATE "C",
    active BOOLEAN DEFAULT true NOT NULL,
    description TEXT COLLATE "C",
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_by UUID,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_by UUID,
    deleted_at TIMESTAMP WITH TIME ZONE,
    deleted_by UUID,
    CONSTRAINT pk_product PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_product_id FOREIGN KEY(tenant_id, id) REFERENCES core.record (tenant_id, id)
);

CREATE INDEX ix_product_created_at ON core.product (tenant_id, created_at, id);

CREATE INDEX ix_product_name ON core.product (tenant_id, name, id);

CREATE INDEX ix_product_updated_at ON core.product (tenant_id, updated_at, id);

CREATE UNIQUE INDEX uq_product_sku ON core.product (tenant_id, sku) WHERE deleted_at IS NULL;

CREATE TABLE core.tag (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    record_type TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    color TEXT COLLATE "C",
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_by UUID,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_by UUID,
    deleted_at TIMESTAMP WITH TIME ZONE,
    deleted_by UUID,
    CONSTRAINT pk_tag PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_tag_id FOREIGN KEY(tenant_id, id) REFERENCES core.record (tenant_id, id)
);

CREATE UNIQUE INDEX uq_tag_record_type_name ON core.tag (tenant_id, record_type, name) WHERE deleted_at IS NULL;

CREATE TABLE core.account (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    legal_name TEXT COLLATE "C",
    registration_country TEXT COLLATE "C",
    registration_number TEXT COLLATE "C",
    industry TEXT COLLATE "C",
    status TEXT COLLATE "C",
    owner_id UUID,
    parent_id UUID,
    website TEXT COLLATE "C",
    language TEXT COLLATE "C",
    description TEXT COLLATE "C",
    merged_into_id UUID,
    erased_at TIMESTAMP WITH TIME ZONE,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_by UUID,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_by UUID,
    deleted_at TIMESTAMP WITH TIME ZONE,
    deleted_by UUID,
    CONSTRAINT pk_account PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_account_owner_id FOREIGN KEY(tenant_id, owner_id) REFERENCES core.principal (tenant_id, id),
    CONSTRAINT fk_account_parent_id FOREIGN KEY(tenant_id, parent_id) REFERENCES core.account (tenant_id, id),
    CONSTRAINT fk_account_merged_into_id FOREIGN KEY(tenant_id, merged_into_id) REFERENCES core.account (tenant_id, id),
    CONSTRAINT fk_account_id FOREIGN KEY(tenant_id, id) REFERENCES core.record (tenant_id, id)
);

CREATE INDEX ix_account_created_at ON core.account (tenant_id, created_at, id);

CREATE INDEX ix_account_merged_into_id ON core.account (tenant_id, merged_into_id, id) WHERE merged_into_id IS NOT NULL;

CREATE INDEX ix_account_name ON core.account (tenant_id, name, id);

CREATE INDEX ix_account_owner_id ON core.account (tenant_id, owner_id, id);

CREATE INDEX ix_account_parent_id ON core.account (tenant_id, parent_id, id) WHERE parent_id IS NOT NULL;

CREATE INDEX ix_account_registration_country_registration_number ON core.account (tenant_id, registration_country, registration_number) WHERE registration_number IS NOT NULL;

CREATE INDEX ix_account_updated_at ON core.account (tenant_id, updated_at, id);

CREATE TABLE core.activity (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" DEFAULT '' NOT NULL,
    body TEXT COLLATE "C",
    body_format TEXT COLLATE "C",
    status TEXT COLLATE "C",
    direction TEXT COLLATE "C",
    start_at TIMESTAMP WITH TIME ZONE,
    end_at TIMESTAMP WITH TIME ZONE,
    due_on DATE,
    timezone TEXT COLLATE "C",
    done_at TIMESTAMP WITH TIME ZONE,
    owner_id UUID,
    regarding_id UUID,
    message_id TEXT COLLATE "C",
    thread_id TEXT COLLATE "C",
    data JSONB,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_by UUID,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_by UUID,
    deleted_at TIMESTAMP WITH TIME ZONE,
    deleted_by UUID,
    CONSTRAINT pk_activity PRIMARY KEY (tenant_id, id),
    CONSTRAINT ck_activity_kind CHECK (kind IN ('task', 'call', 'meeting', 'email', 'note', 'message')),
    CONSTRAINT ck_activity_direction CHECK (direction IN ('inbound', 'outbound')),
    CONSTRAINT fk_activity_owner_id FOREIGN KEY(tenant_id, owner_id) REFERENCES core.principal (tenant_id, id),
    CONSTRAINT fk_activity_regarding_id FOREIGN KEY(tenant_id, regarding_id) REFERENCES core.record (tenant_id, id),
    CONSTRAINT fk_activity_id FOREIGN KEY(tenant_id, id) REFERENCES core.record (tenant_id, id)
);

CREATE INDEX ix_activity_created_at ON core.activity (tenant_id, created_at, id);

CREATE INDEX ix_activity_message_id ON core.activity (tenant_id, message_id) WHERE message_id IS NOT NULL;

CREATE INDEX ix_activity_open ON core.activity (tenant_id, due_on, id) WHERE done_at IS NULL AND deleted_at IS NULL;

CREATE INDEX ix_activity_open_owner ON core.activity (tenant_id, owner_id, due_on, id) WHERE done_at IS NULL AND deleted_at IS NULL;

CREATE INDEX ix_activity_owner_id ON core.activity (tenant_id, owner_id, id);

CREATE INDEX ix_activity_regarding_id ON core.activity (tenant_id, regarding_id, id) WHERE regarding_id IS NOT NULL;

CREATE INDEX ix_activity_start_at ON core.activity (tenant_id, start_at, id) WHERE start_at IS NOT NULL;

CREATE INDEX ix_activity_subject ON core.activity (tenant_id, subject, id);

CREATE INDEX ix_activity_thread_id ON core.activity (tenant_id, thread_id) WHERE thread_id IS NOT NULL;

CREATE INDEX ix_activity_updated_at ON core.activity (tenant_id, updated_at, id);

CREATE TABLE core.api_key (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    principal_id UUID NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    prefix TEXT COLLATE "C" NOT NULL,
    hash TEXT COLLATE "C" NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    expires_at TIMESTAMP WITH TIME ZONE,
    last_used_at TIMESTAMP WITH TIME ZONE,
    revoked_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_api_key PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_api_key_principal_id FOREIGN KEY(tenant_id, principal_id) REFERENCES core.principal (tenant_id, id)
);

CREATE INDEX ix_api_key_principal_id ON core.api_key (tenant_id, principal_id, id);

CREATE UNIQUE INDEX uq_api_key_prefix ON core.api_key (prefix);

CREATE TABLE core.campaign (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C",
    status TEXT COLLATE "C",
    start_on DATE,
    end_on DATE,
    budget NUMERIC(19, 4),
    currency TEXT COLLATE "C",
    owner_id UUID,
    description TEXT COLLATE "C",
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_by UUID,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_by UUID,
    deleted_at TIMESTAMP WITH TIME ZONE,
    deleted_by UUID,
    CONSTRAINT pk_campaign PRIMARY KEY (tenant_id, id),
    CONSTRAINT ck_campaign_budget_has_currency CHECK ((budget IS NULL) = (currency IS NULL)),
    CONSTRAINT fk_campaign_owner_id FOREIGN KEY(tenant_id, owner_id) REFERENCES core.principal (tenant_id, id),
    CONSTRAINT fk_campaign_id FOREIGN KEY(tenant_id, id) REFERENCES core.record (tenant_id, id)
);

CREATE INDEX ix_campaign_created_at ON core.campaign (tenant_id, created_at, id);

CREATE INDEX ix_campaign_name ON core.campaign (tenant_id, name, id);

CREATE INDEX ix_campaign_owner_id ON core.campaign (tenant_id, owner_id, id);

CREATE INDEX ix_campaign_updated_at ON core.campaign (tenant_id, updated_at, id);

CREATE TABLE core.membership (
    tenant_id UUID NOT NULL,
    member_id UUID NOT NULL,
    group_id UUID NOT NULL,
    CONSTRAINT pk_membership PRIMARY KEY (tenant_id, member_id, group_id),
    CONSTRAINT fk_membership_member_id FOREIGN KEY(tenant_id, member_id) REFERENCES core.principal (tenant_id, id),
    CONSTRAINT fk_membership_group_id FOREIGN KEY(tenant_id, group_id) REFERENCES core.principal (tenant_id, id)
);

CREATE INDEX ix_membership_group_id_member_id ON core.membership (tenant_id, group_id, member_id);

CREATE TABLE core.permission (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    principal_id UUID NOT NULL,
    resource TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    scope TEXT COLLATE "C" NOT NULL,
    CONSTRAINT pk_permission PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_permission_principal_id FOREIGN KEY(tenant_id, principal_id) REFERENCES core.principal (tenant_id, id),
    CONSTRAINT ck_permission_scope CHECK (scope IN ('own', 'team', 'tree', 'all'))
);

CREATE UNIQUE INDEX uq_permission_principal_id_resource_action ON core.permission (tenant_id, principal_id, resource, action);

CREATE TABLE core.price (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    price_book_id UUID NOT NULL,
    product_id UUID NOT NULL,
    min_quantity NUMERIC(19, 6) DEFAULT 0 NOT NULL,
    unit_price NUMERIC(19, 6) NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_by UUID,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_by UUID,
    deleted_at TIMESTAMP WITH TIME ZONE,
    deleted_by UUID,
    CONSTRAINT pk_price PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_price_price_book_id FOREIGN KEY(tenant_id, price_book_id) REFERENCES core.price_book (tenant_id, id),
    CONSTRAINT fk_price_product_id FOREIGN KEY(tenant_id, product_id) REFERENCES core.product (tenant_id, id),
    CONSTRAINT fk_price_id FOREIGN KEY(tenant_id, id) REFERENCES core.record (tenant_id, id)
);

CREATE INDEX ix_price_product_id ON core.price (tenant_id, product_id, id);

CREATE UNIQUE INDEX uq_price_price_book_id_product_id_min_quantity ON core.price (tenant_id, price_book_id, product_id, min_quantity) WHERE deleted_at IS NULL;

CREATE TABLE core.stage (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    pipeline_id UUID NOT NULL,
    stage_key TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    position INTEGER DEFAULT 0 NOT NULL,
    category TEXT COLLATE "C" NOT NULL,
    probability NUMERIC(7, 4),
    active BOOLEAN DEFAULT true NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_by UUID,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_by UUID,
    deleted_at TIMESTAMP WITH TIME ZONE,
    deleted_by UUID,
    CONSTRAINT pk_stage PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_stage_pipeline_id FOREIGN KEY(tenant_id, pipeline_id) REFERENCES core.pipeline (tenant_id, id),
    CONSTRAINT ck_stage_category CHECK (category IN ('open', 'won', 'lost', 'cancelled')),
    CONSTRAINT fk_stage_id FOREIGN KEY(tenant_id, id) REFERENCES core.record (tenant_id, id)
);

CREATE INDEX ix_stage_pipeline_id_position ON core.stage (tenant_id, pipeline_id, position);

CREATE UNIQUE INDEX uq_stage_pipeline_id_stage_key ON core.stage (tenant_id, pipeline_id, stage_key) WHERE deleted_at IS NULL;

CREATE TABLE core.tagging (
    tenant_id UUID NOT NULL,
    record_id UUID NOT NULL,
    tag_id UUID NOT NULL,
    CONSTRAINT pk_tagging PRIMARY KEY (tenant_id, record_id, tag_id),
    CONSTRAINT fk_tagging_record_id FOREIGN KEY(tenant_id, record_id) REFERENCES core.record (tenant_id, id),
    CONSTRAINT fk_tagging_tag_id FOREIGN KEY(tenant_id, tag_id) REFERENCES core.tag (tenant_id, id)
);

CREATE INDEX ix_tagging_tag_id_record_id ON core.tagging (tenant_id, tag_id, record_id);

CREATE TABLE core.campaign_member (
    tenant_id UUID NOT NULL,
    campaign_id UUID NOT NULL,
    record_id UUID NOT NULL,
    status TEXT COLLATE "C",
    responded_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT pk_campaign_member PRIMARY KEY (tenant_id, campaign_id, record_id),
    CONSTRAINT fk_campaign_member_campaign_id FOREIGN KEY(tenant_id, campaign_id) REFERENCES core.campaign (tenant_id, id),
    CONSTRAINT fk_campaign_member_record_id FOREIGN KEY(tenant_id, record_id) REFERENCES core.record (tenant_id, id)
);

CREATE INDEX ix_campaign_member_record_id_campaign_id ON core.campaign_member (tenant_id, record_id, campaign_id);

CREATE TABLE core.contact (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    account_id UUID,
    name TEXT COLLATE "C" NOT NULL,
    given_name TEXT COLLATE "C",
    family_name TEXT COLLATE "C",
    title TEXT COLLATE "C",
    owner_id UUID,
    language TEXT COLLATE "C",
    consent JSONB,
    description TEXT COLLATE "C",
    merged_into_id UUID,
    erased_at TIMESTAMP WITH TIME ZONE,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_by UUID,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_by UUID,
    deleted_at TIMESTAMP WITH TIME ZONE,
    deleted_by UUID,
    CONSTRAINT pk_contact PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_contact_account_id FOREIGN KEY(tenant_id, account_id) REFERENCES core.account (tenant_id, id),
    CONSTRAINT fk_contact_owner_id FOREIGN KEY(tenant_id, owner_id) REFERENCES core.principal (tenant_id, id),
    CONSTRAINT fk_contact_merged_into_id FOREIGN KEY(tenant_id, merged_into_id) REFERENCES core.contact (tenant_id, id),
    CONSTRAINT fk_contact_id FOREIGN KEY(tenant_id, id) REFERENCES core.record (tenant_id, id)
);

CREATE INDEX ix_contact_account_id ON core.contact (tenant_id, account_id, id) WHERE account_id IS NOT NULL;

CREATE INDEX ix_contact_created_at ON core.contact (tenant_id, created_at, id);

CREATE INDEX ix_contact_merged_into_id ON core.contact (tenant_id, merged_into_id, id) WHERE merged_into_id IS NOT NULL;

CREATE INDEX ix_contact_name ON core.contact (tenant_id, name, id);

CREATE INDEX ix_contact_owner_id ON core.contact (tenant_id, owner_id, id);

CREATE INDEX ix_contact_updated_at ON core.contact (tenant_id, updated_at, id);

CREATE TABLE core.stage_event (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    record_type TEXT COLLATE "C" NOT NULL,
    record_id UUID NOT NULL,
    pipeline_id UUID NOT NULL,
    from_stage_id UUID,
    to_stage_id UUID,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    actor_id UUID,
    reason TEXT COLLATE "C",
    CONSTRAINT pk_stage_event PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_stage_event_record_id FOREIGN KEY(tenant_id, record_id) REFERENCES core.record (tenant_id, id),
    CONSTRAINT fk_stage_event_pipeline_id FOREIGN KEY(tenant_id, pipeline_id) REFERENCES core.pipeline (tenant_id, id),
    CONSTRAINT fk_stage_event_from_stage_id FOREIGN KEY(tenant_id, from_stage_id) REFERENCES core.stage (tenant_id, id),
    CONSTRAINT fk_stage_event_to_stage_id FOREIGN KEY(tenant_id, to_stage_id) REFERENCES core.stage (tenant_id, id)
);

CREATE INDEX ix_stage_event_pipeline_id_at ON core.stage_event (tenant_id, pipeline_id, at);

CREATE INDEX ix_stage_event_record_id_at ON core.stage_event (tenant_id, record_id, at);

CREATE TABLE core.opportunity (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    number TEXT COLLATE "C",
    name TEXT COLLATE "C" NOT NULL,
    account_id UUID,
    contact_id UUID,
    owner_id UUID,
    pipeline_id UUID,
    stage_id UUID,
    stage_since TIMESTAMP WITH TIME ZONE,
    amount NUMERIC(19, 4),
    currency TEXT COLLATE "C",
    probability NUMERIC(7, 4),
    expected_close DATE,
    closed_at TIMESTAMP WITH TIME ZONE,
    lost_reason TEXT COLLATE "C",
    source TEXT COLLATE "C",
    campaign_id UUID,
    next_step TEXT COLLATE "C",
    description TEXT COLLATE "C",
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_by UUID,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_by UUID,
    deleted_at TIMESTAMP WITH TIME ZONE,
    deleted_by UUID,
    CONSTRAINT pk_opportunity PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_opportunity_account_id FOREIGN KEY(tenant_id, account_id) REFERENCES core.account (tenant_id, id),
    CONSTRAINT fk_opportunity_contact_id FOREIGN KEY(tenant_id, contact_id) REFERENCES core.contact (tenant_id, id),
    CONSTRAINT fk_opportunity_owner_id FOREIGN KEY(tenant_id, owner_id) REFERENCES core.principal (tenant_id, id),
    CONSTRAINT fk_opportunity_pipeline_id FOREIGN KEY(tenant_id, pipeline_id) REFERENCES core.pipeline (tenant_id, id),
    CONSTRAINT fk_opportunity_stage_id FOREIGN KEY(tenant_id, stage_id) REFERENCES core.stage (tenant_id, id),
    CONSTRAINT ck_opportunity_amount_has_currency CHECK ((amount IS NULL) = (currency IS NULL)),
    CONSTRAINT fk_opportunity_campaign_id FOREIGN KEY(tenant_id, campaign_id) REFERENCES core.campaign (tenant_id, id),
    CONSTRAINT fk_opportunity_id FOREIGN KEY(tenant_id, id) REFERENCES core.record (tenant_id, id)
);

CREATE INDEX ix_opportunity_account_id ON core.opportunity (tenant_id, account_id, id) WHERE account_id IS NOT NULL;

CREATE INDEX ix_opportunity_campaign_id ON core.opportunity (tenant_id, campaign_id, id) WHERE campaign_id IS NOT NULL;

CREATE INDEX ix_opportunity_contact_id ON core.opportunity (tenant_id, contact_id, id) WHERE contact_id IS NOT NULL;

CREATE INDEX ix_opportunity_created_at ON core.opportunity (tenant_id, created_at, id);

CREATE INDEX ix_opportunity_expected_close ON core.opportunity (tenant_id, expected_close, id);

CREATE INDEX ix_opportunity_name ON core.opportunity (tenant_id, name, id);

CREATE INDEX ix_opportunity_owner_id ON core.opportunity (tenant_id, owner_id, id);

CREATE INDEX ix_opportunity_stage_id ON core.opportunity (tenant_id, stage_id, id);

CREATE INDEX ix_opportunity_updated_at ON core.opportunity (tenant_id, updated_at, id);

CREATE UNIQUE INDEX uq_opportunity_number ON core.opportunity (tenant_id, number) WHERE deleted_at IS NULL;

CREATE TABLE core.ticket (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    number TEXT COLLATE "C",
    subject TEXT COLLATE "C" NOT NULL,
    account_id UUID,
    contact_id UUID,
    owner_id UUID,
    pipeline_id UUID,
    stage_id UUID,
    stage_since TIMESTAMP WITH TIME ZONE,
    priority TEXT COLLATE "C",
    kind TEXT COLLATE "C",
    channel TEXT COLLATE "C",
    description TEXT COLLATE "C",
    first_response_at TIMESTAMP WITH TIME ZONE,
    resolved_at TIMESTAMP WITH TIME ZONE,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_by UUID,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_by UUID,
    deleted_at TIMESTAMP WITH TIME ZONE,
    deleted_by UUID,
    CONSTRAINT pk_ticket PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_ticket_account_id FOREIGN KEY(tenant_id, account_id) REFERENCES core.account (tenant_id, id),
    CONSTRAINT fk_ticket_contact_id FOREIGN KEY(tenant_id, contact_id) REFERENCES core.contact (tenant_id, id),
    CONSTRAINT fk_ticket_owner_id FOREIGN KEY(tenant_id, owner_id) REFERENCES core.principal (tenant_id, id),
    CONSTRAINT fk_ticket_pipeline_id FOREIGN KEY(tenant_id, pipeline_id) REFERENCES core.pipeline (tenant_id, id),
    CONSTRAINT fk_ticket_stage_id FOREIGN KEY(tenant_id, stage_id) REFERENCES core.stage (tenant_id, id),
    CONSTRAINT fk_ticket_id FOREIGN KEY(tenant_id, id) REFERENCES core.record (tenant_id, id)
);

CREATE INDEX ix_ticket_account_id ON core.ticket (tenant_id, account_id, id) WHERE account_id IS NOT NULL;

CREATE INDEX ix_ticket_contact_id ON core.ticket (tenant_id, contact_id, id) WHERE contact_id IS NOT NULL;

CREATE INDEX ix_ticket_created_at ON core.ticket (tenant_id, created_at, id);

CREATE INDEX ix_ticket_owner_id ON core.ticket (tenant_id, owner_id, id);

CREATE INDEX ix_ticket_stage_id ON core.ticket (tenant_id, stage_id, id);

CREATE INDEX ix_ticket_subject ON core.ticket (tenant_id, subject, id);

CREATE INDEX ix_ticket_updated_at ON core.ticket (tenant_id, updated_at, id);

CREATE UNIQUE INDEX uq_ticket_number ON core.ticket (tenant_id, number) WHERE deleted_at IS NULL;

CREATE TABLE core.lead (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    number TEXT COLLATE "C",
    name TEXT COLLATE "C" NOT NULL,
    company TEXT COLLATE "C",
    title TEXT COLLATE "C",
    email TEXT COLLATE "C",
    phone TEXT COLLATE "C",
    website TEXT COLLATE "C",
    language TEXT COLLATE "C",
    source TEXT COLLATE "C",
    status TEXT COLLATE "C",
    description TEXT COLLATE "C",
    owner_id UUID,
    pipeline_id UUID,
    stage_id UUID,
    stage_since TIMESTAMP WITH TIME ZONE,
    campaign_id UUID,
    converted_at TIMESTAMP WITH TIME ZONE,
    converted_account_id UUID,
    converted_contact_id UUID,
    converted_opportunity_id UUID,
    erased_at TIMESTAMP WITH TIME ZONE,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_by UUID,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_by UUID,
    deleted_at TIMESTAMP WITH TIME ZONE,
    deleted_by UUID,
    CONSTRAINT pk_lead PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_lead_owner_id FOREIGN KEY(tenant_id, owner_id) REFERENCES core.principal (tenant_id, id),
    CONSTRAINT fk_lead_pipeline_id FOREIGN KEY(tenant_id, pipeline_id) REFERENCES core.pipeline (tenant_id, id),
    CONSTRAINT fk_lead_stage_id FOREIGN KEY(tenant_id, stage_id) REFERENCES core.stage (tenant_id, id),
    CONSTRAINT fk_lead_campaign_id FOREIGN KEY(tenant_id, campaign_id) REFERENCES core.campaign (tenant_id, id),
    CONSTRAINT fk_lead_converted_account_id FOREIGN KEY(tenant_id, converted_account_id) REFERENCES core.account (tenant_id, id),
    CONSTRAINT fk_lead_converted_contact_id FOREIGN KEY(tenant_id, converted_contact_id) REFERENCES core.contact (tenant_id, id),
    CONSTRAINT fk_lead_converted_opportunity_id FOREIGN KEY(tenant_id, converted_opportunity_id) REFERENCES core.opportunity (tenant_id, id),
    CONSTRAINT fk_lead_id FOREIGN KEY(tenant_id, id) REFERENCES core.record (tenant_id, id)
);

CREATE INDEX ix_lead_campaign_id ON core.lead (tenant_id, campaign_id, id) WHERE campaign_id IS NOT NULL;

CREATE INDEX ix_lead_converted_account_id ON core.lead (tenant_id, converted_account_id, id) WHERE converted_account_id IS NOT NULL;

CREATE INDEX ix_lead_converted_contact_id ON core.lead (tenant_id, converted_contact_id, id) WHERE converted_contact_id IS NOT NULL;

CREATE INDEX ix_lead_converted_opportunity_id ON core.lead (tenant_id, converted_opportunity_id, id) WHERE converted_opportunity_id IS NOT NULL;

CREATE INDEX ix_lead_created_at ON core.lead (tenant_id, created_at, id);

CREATE INDEX ix_lead_name ON core.lead (tenant_id, name, id);

CREATE INDEX ix_lead_owner_id ON core.lead (tenant_id, owner_id, id);

CREATE INDEX ix_lead_stage_id ON core.lead (tenant_id, stage_id, id);

CREATE INDEX ix_lead_updated_at ON core.lead (tenant_id, updated_at, id);

CREATE UNIQUE INDEX uq_lead_number ON core.lead (tenant_id, number) WHERE deleted_at IS NULL;

CREATE TABLE core.quote (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    number TEXT COLLATE "C",
    revision INTEGER DEFAULT 1 NOT NULL,
    status TEXT COLLATE "C" DEFAULT 'draft' NOT NULL,
    account_id UUID,
    contact_id UUID,
    opportunity_id UUID,
    origin_id UUID,
    owner_id UUID,
    price_book_id UUID,
    currency TEXT COLLATE "C" NOT NULL,
    fx_to_base NUMERIC(20, 10),
    document_date DATE,
    net NUMERIC(19, 4) DEFAULT 0 NOT NULL,
    tax NUMERIC(19, 4) DEFAULT 0 NOT NULL,
    total NUMERIC(19, 4) DEFAULT 0 NOT NULL,
    terms TEXT COLLATE "C",
    ship_to JSONB,
    bill_to JSONB,
    valid_until DATE,
    accepted_at TIMESTAMP WITH TIME ZONE,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_by UUID,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_by UUID,
    deleted_at TIMESTAMP WITH TIME ZONE,
    deleted_by UUID,
    CONSTRAINT pk_quote PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_quote_account_id FOREIGN KEY(tenant_id, account_id) REFERENCES core.account (tenant_id, id),
    CONSTRAINT fk_quote_contact_id FOREIGN KEY(tenant_id, contact_id) REFERENCES core.contact (tenant_id, id),
    CONSTRAINT fk_quote_opportunity_id FOREIGN KEY(tenant_id, opportunity_id) REFERENCES core.opportunity (tenant_id, id),
    CONSTRAINT fk_quote_origin_id FOREIGN KEY(tenant_id, origin_id) REFERENCES core.quote (tenant_id, id),
    CONSTRAINT fk_quote_owner_id FOREIGN KEY(tenant_id, owner_id) REFERENCES core.principal (tenant_id, id),
    CONSTRAINT fk_quote_price_book_id FOREIGN KEY(tenant_id, price_book_id) REFERENCES core.price_book (tenant_id, id),
    CONSTRAINT fk_quote_id FOREIGN KEY(tenant_id, id) REFERENCES core.record (tenant_id, id)
);

CREATE INDEX ix_quote_account_id ON core.quote (tenant_id, account_id, id) WHERE account_id IS NOT NULL;

CREATE INDEX ix_quote_contact_id ON core.quote (tenant_id, contact_id, id) WHERE contact_id IS NOT NULL;

CREATE INDEX ix_quote_created_at ON core.quote (tenant_id, created_at, id);

CREATE INDEX ix_quote_document_date ON core.quote (tenant_id, document_date, id);

CREATE INDEX ix_quote_opportunity_id ON core.quote (tenant_id, opportunity_id, id) WHERE opportunity_id IS NOT NULL;

CREATE INDEX ix_quote_origin_id ON core.quote (tenant_id, origin_id, id) WHERE origin_id IS NOT NULL;

CREATE INDEX ix_quote_owner_id ON core.quote (tenant_id, owner_id, id);

CREATE INDEX ix_quote_updated_at ON core.quote (tenant_id, updated_at, id);

CREATE UNIQUE INDEX uq_quote_number_revision ON core.quote (tenant_id, number, revision) WHERE deleted_at IS NULL;

CREATE TABLE core.quote_line (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    document_id UUID NOT NULL,
    product_id UUID,
    description TEXT COLLATE "C",
    unit TEXT COLLATE "C",
    position INTEGER NOT NULL,
    quantity NUMERIC(19, 6) DEFAULT 0 NOT NULL,
    unit_price NUMERIC(19, 6) DEFAULT 0 NOT NULL,
    discount_percent NUMERIC(7, 4) DEFAULT 0 NOT NULL,
    net NUMERIC(19, 4) DEFAULT 0 NOT NULL,
    tax_code TEXT COLLATE "C",
    tax NUMERIC(19, 4) DEFAULT 0 NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_by UUID,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_by UUID,
    deleted_at TIMESTAMP WITH TIME ZONE,
    deleted_by UUID,
    CONSTRAINT pk_quote_line PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_quote_line_document_id FOREIGN KEY(tenant_id, document_id) REFERENCES core.quote (tenant_id, id),
    CONSTRAINT fk_quote_line_product_id FOREIGN KEY(tenant_id, product_id) REFERENCES core.product (tenant_id, id),
    CONSTRAINT fk_quote_line_id FOREIGN KEY(tenant_id, id) REFERENCES core.record (tenant_id, id)
);

CREATE INDEX ix_quote_line_document_id_position ON core.quote_line (tenant_id, document_id, position);

CREATE INDEX ix_quote_line_product_id ON core.quote_line (tenant_id, product_id, id) WHERE product_id IS NOT NULL;

CREATE TABLE core.sales_order (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    number TEXT COLLATE "C",
    revision INTEGER DEFAULT 1 NOT NULL,
    status TEXT COLLATE "C" DEFAULT 'draft' NOT NULL,
    account_id UUID,
    contact_id UUID,
    opportunity_id UUID,
    origin_id UUID,
    owner_id UUID,
    price_book_id UUID,
    currency TEXT COLLATE "C" NOT NULL,
    fx_to_base NUMERIC(20, 10),
    document_date DATE,
    net NUMERIC(19, 4) DEFAULT 0 NOT NULL,
    tax NUMERIC(19, 4) DEFAULT 0 NOT NULL,
    total NUMERIC(19, 4) DEFAULT 0 NOT NULL,
    terms TEXT COLLATE "C",
    ship_to JSONB,
    bill_to JSONB,
    ordered_on DATE,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_by UUID,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_by UUID,
    deleted_at TIMESTAMP WITH TIME ZONE,
    deleted_by UUID,
    CONSTRAINT pk_sales_order PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_sales_order_account_id FOREIGN KEY(tenant_id, account_id) REFERENCES core.account (tenant_id, id),
    CONSTRAINT fk_sales_order_contact_id FOREIGN KEY(tenant_id, contact_id) REFERENCES core.contact (tenant_id, id),
    CONSTRAINT fk_sales_order_opportunity_id FOREIGN KEY(tenant_id, opportunity_id) REFERENCES core.opportunity (tenant_id, id),
    CONSTRAINT fk_sales_order_origin_id FOREIGN KEY(tenant_id, origin_id) REFERENCES core.quote (tenant_id, id),
    CONSTRAINT fk_sales_order_owner_id FOREIGN KEY(tenant_id, owner_id) REFERENCES core.principal (tenant_id, id),
    CONSTRAINT fk_sales_order_price_book_id FOREIGN KEY(tenant_id, price_book_id) REFERENCES core.price_book (tenant_id, id),
    CONSTRAINT fk_sales_order_id FOREIGN KEY(tenant_id, id) REFERENCES core.record (tenant_id, id)
);

CREATE INDEX ix_sales_order_account_id ON core.sales_order (tenant_id, account_id, id) WHERE account_id IS NOT NULL;

CREATE INDEX ix_sales_order_contact_id ON core.sales_order (tenant_id, contact_id, id) WHERE contact_id IS NOT NULL;

CREATE INDEX ix_sales_order_created_at ON core.sales_order (tenant_id, created_at, id);

CREATE INDEX ix_sales_order_document_date ON core.sales_order (tenant_id, document_date, id);

CREATE INDEX ix_sales_order_opportunity_id ON core.sales_order (tenant_id, opportunity_id, id) WHERE opportunity_id IS NOT NULL;

CREATE INDEX ix_sales_order_origin_id ON core.sales_order (tenant_id, origin_id, id) WHERE origin_id IS NOT NULL;

CREATE INDEX ix_sales_order_owner_id ON core.sales_order (tenant_id, owner_id, id);

CREATE INDEX ix_sales_order_updated_at ON core.sales_order (tenant_id, updated_at, id);

CREATE UNIQUE INDEX uq_sales_order_number_revision ON core.sales_order (tenant_id, number, revision) WHERE deleted_at IS NULL;

CREATE TABLE core.sales_order_line (
    tenant_id UUID NOT NULL,
    id UUID NOT NULL,
    document_id UUID NOT NULL,
    product_id UUID,
    description TEXT COLLATE "C",
    unit TEXT COLLATE "C",
    position INTEGER NOT NULL,
    quantity NUMERIC(19, 6) DEFAULT 0 NOT NULL,
    unit_price NUMERIC(19, 6) DEFAULT 0 NOT NULL,
    discount_percent NUMERIC(7, 4) DEFAULT 0 NOT NULL,
    net NUMERIC(19, 4) DEFAULT 0 NOT NULL,
    tax_code TEXT COLLATE "C",
    tax NUMERIC(19, 4) DEFAULT 0 NOT NULL,
    version INTEGER DEFAULT 1 NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    created_by UUID,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_by UUID,
    deleted_at TIMESTAMP WITH TIME ZONE,
    deleted_by UUID,
    CONSTRAINT pk_sales_order_line PRIMARY KEY (tenant_id, id),
    CONSTRAINT fk_sales_order_line_document_id FOREIGN KEY(tenant_id, document_id) REFERENCES core.sales_order (tenant_id, id),
    CONSTRAINT fk_sales_order_line_product_id FOREIGN KEY(tenant_id, product_id) REFERENCES core.product (tenant_id, id),
    CONSTRAINT fk_sales_order_line_id FOREIGN KEY(tenant_id, id) REFERENCES core.record (tenant_id, id)
);

CREATE INDEX ix_sales_order_line_document_id_position ON core.sales_order_line (tenant_id, document_id, position);

CREATE INDEX ix_sales_order_line_product_id ON core.sales_order_line (tenant_id, product_id, id) WHERE product_id IS NOT NULL;

ALTER TABLE core.audit_event ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.audit_event FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.audit_event USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE core.audit_pending ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.audit_pending FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.audit_pending USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

CREATE POLICY maintenance ON core.audit_pending USING (current_setting('crm.maintenance', true) = 'on') WITH CHECK (current_setting('crm.maintenance', true) = 'on');

ALTER TABLE core.audit_seal ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.audit_seal FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.audit_seal USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE core.outbox ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.outbox FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.outbox USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

CREATE POLICY maintenance ON core.outbox USING (current_setting('crm.maintenance', true) = 'on') WITH CHECK (current_setting('crm.maintenance', true) = 'on');

ALTER TABLE core.fx_rate ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.fx_rate FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.fx_rate USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE core.number_series ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.number_series FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.number_series USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE core.record ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.record FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.record USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE core.attachment ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.attachment FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.attachment USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE core.contact_point ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.contact_point FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.contact_point USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE core.external_ref ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.external_ref FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.external_ref USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE core.link ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.link FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.link USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE core.pipeline ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.pipeline FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.pipeline USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE core.price_book ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.price_book FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.price_book USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE core.principal ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.principal FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.principal USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE core.product ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.product FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.product USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE core.tag ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.tag FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.tag USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE core.account ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.account FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.account USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE core.activity ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.activity FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.activity USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE core.campaign ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.campaign FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.campaign USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE core.membership ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.membership FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.membership USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE core.permission ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.permission FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.permission USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE core.price ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.price FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.price USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE core.stage ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.stage FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.stage USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE core.tagging ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.tagging FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.tagging USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE core.campaign_member ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.campaign_member FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.campaign_member USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE core.contact ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.contact FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.contact USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE core.stage_event ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.stage_event FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.stage_event USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE core.opportunity ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.opportunity FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.opportunity USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE core.ticket ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.ticket FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.ticket USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE core.lead ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.lead FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.lead USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE core.quote ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.quote FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.quote USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE core.quote_line ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.quote_line FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.quote_line USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE core.sales_order ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.sales_order FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.sales_order USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);

ALTER TABLE core.sales_order_line ENABLE ROW LEVEL SECURITY;

ALTER TABLE core.sales_order_line FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant ON core.sales_order_line USING (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid) WITH CHECK (tenant_id = nullif(current_setting('crm.tenant', true), '')::uuid);
