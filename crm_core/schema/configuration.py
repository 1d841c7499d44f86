"""What an installation sets up: fields, pipelines, number series and exchange rates."""

from __future__ import annotations

import sqlalchemy as sa

from crm_core.schema.columns import flag, index, json, one_of, record_table, ref, table, tenant_column, text, unique
from crm_core.schema.metadata import core
from crm_core.schema.types import Day, Percent, Rate

__all__ = ["field_def", "fx_rate", "number_series", "pipeline", "stage"]

# The one core table besides tenant without a tenant: definitions come with installed plugins, so they are the
# installation's. Whether a tenant sees them follows from the plugin being enabled for it.
field_def = table(
    core,
    "field_def",
    text("plugin", required=True, doc="The plugin that defines the field."),
    text("record_type", required=True),
    text("field_key", required=True, doc="The field's name inside the plugin."),
    text("kind", required=True, doc="The kind of value."),
    json("label", required=True, doc="The label for each locale."),
    json("spec", required=True, doc="Everything else the plugin declared about the field."),
    flag("searchable", default=False),
    flag("pii", default=False, doc="Holds personal data, which an erase request must reach."),
    one_of("state", ("active", "deprecated", "retired")),
    sa.PrimaryKeyConstraint("plugin", "record_type", "field_key"),
    doc="A field a plugin adds to a record type.",
)

pipeline = record_table(
    "pipeline",
    text("record_type", required=True, doc="The record type that moves through it."),
    text("pipeline_key", required=True, doc="The short name used in configuration."),
    text("name", required=True),
    flag("active", default=True),
    unique("record_type", "pipeline_key"),
    doc="The stages records of one type move through.",
    listed=False,
)

stage = record_table(
    "stage",
    ref("pipeline_id", "pipeline", required=True, indexed=False),
    text("stage_key", required=True, doc="The short name used in configuration."),
    text("name", required=True),
    sa.Column("position", sa.Integer, nullable=False, server_default=sa.text("0"), doc="The order in the pipeline."),
    one_of("category", ("open", "won", "lost", "cancelled"), doc="What being here means for the outcome."),
    sa.Column("probability", Percent, doc="How likely a record here is won, 0 to 100."),
    flag("active", default=True),
    index("pipeline_id", "position"),
    unique("pipeline_id", "stage_key"),
    doc="One step of a pipeline.",
    listed=False,
)

number_series = table(
    core,
    "number_series",
    tenant_column(),
    text("series", required=True, doc="What is numbered, such as quote."),
    text("pattern", required=True, doc="How a number is written."),
    sa.Column(
        "next_value", sa.BigInteger, nullable=False, server_default=sa.text("1"), doc="The start of the next block."
    ),
    sa.PrimaryKeyConstraint("tenant_id", "series"),
    sa.ForeignKeyConstraint(["tenant_id"], ["core.tenant.id"]),
    doc="The numbers people see; processes take them in blocks, so no row is hot.",
)

fx_rate = table(
    core,
    "fx_rate",
    tenant_column(),
    text("base", required=True, doc="The currency one unit of which is priced."),
    text("quote", required=True, doc="The currency the price is in."),
    sa.Column("day", Day, nullable=False),
    sa.Column("rate", Rate, nullable=False),
    text("source", doc="Who published it."),
    sa.PrimaryKeyConstraint("tenant_id", "base", "quote", "day"),
    sa.ForeignKeyConstraint(["tenant_id"], ["core.tenant.id"]),
    doc="An exchange rate of one day; documents keep the rate they used.",
)
