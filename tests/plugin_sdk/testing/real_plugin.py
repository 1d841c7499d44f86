"""A small plugin that uses what the fixtures offer: fields, settings, an event, a computed field and a job."""

from __future__ import annotations

from tests.plugin_sdk.testing.fake_plugin import FakePlugin

MANIFEST = """
[capabilities]
api = ["account:read"]

[[fields]]
record_type = "account"
key = "tier"
kind = "choice"
choices = ["bronze", "silver"]
label = { en = "Tier" }

[[fields]]
record_type = "account"
key = "points"
kind = "decimal"
label = { en = "Points" }

[[fields]]
record_type = "account"
key = "visits"
kind = "integer"
writable = "plugin"
label = { en = "Visits" }

[[fields]]
record_type = "account"
key = "greeting"
kind = "text"
computed = true
label = { en = "Greeting" }

[settings.greeting]
kind = "text"
default = "hello"

[settings.token]
kind = "text"
secret = true

[hooks.record_committed]
record_types = ["account"]

[hooks.record_load]
record_types = ["account"]

[hooks.scheduled_jobs]
"""
HOOKS = """
from datetime import timedelta

from plugin_sdk import Job, hookimpl


@hookimpl
def record_committed(ctx, event):
    if event.name == "account.created":
        ctx.fields.set("account", event.record.id, {"visits": 1})


@hookimpl
def record_load(ctx, record_type, ids):
    return {record_id: {"greeting": ctx.settings["greeting"]} for record_id in ids}


@hookimpl
def scheduled_jobs():
    return [Job("count", timedelta(hours=1), count)]


def count(ctx):
    for record in ctx.api.list("account").records:
        ctx.fields.set("account", record.id, {"visits": 7})
"""
ID = "sample_real"
PLUGIN = FakePlugin(ID, "1.2.0", manifest=MANIFEST, hooks=HOOKS)
