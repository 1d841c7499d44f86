"""A plugin without tables that does everything else a plugin can, well and badly, as the names of records ask."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crm_core.plugin_host.discovery import Discovered
    from tests.support.plugins import MakePlugin

_HOOKS = '''
import datetime as dt
from decimal import Decimal

from pydantic import BaseModel, Field

from plugin_sdk import (
    ConvertPatch, Issue, Job, Level, Match, NotAllowed, NotFound, Patch, Rejected, Score, SdkError, hookimpl,
)
from plugin_sdk.http import Route


class Mute(Exception):
    def __str__(self):
        raise ValueError


def _warning(code, message):
    return [Issue(code, message, "name", Level.WARNING)]


def _exit():
    raise SystemExit(3)


def _raise(error):
    raise error


def _told(function):
    """Say what the core has against something."""
    try:
        return _warning("told", repr(function()))
    except SdkError as error:
        return _warning(type(error).__name__, str(error))


def _generated(ctx):
    yield Issue("first", str(ctx.settings["limit"]), level=Level.WARNING)
    yield Issue("second", ctx.plugin, level=Level.WARNING)


def _seen(ctx):
    return _warning("seen", f"{sorted(ctx.settings.items())} {ctx.now.tzinfo} {ctx.actor_id} {ctx.tenant_id}")


# What record_validate does for an account of that name.
DEEDS = {
    "refuse": lambda ctx, new: [Issue("no", "not this one", "name"), Issue("really", "no", None)],
    "warn": lambda ctx, new: _warning("careful", "look twice"),
    "reject": lambda ctx, new: _raise(Rejected([Issue("rejected", "raised", "name")])),
    "reject without words": lambda ctx, new: _raise(Rejected([])),
    "generate": lambda ctx, new: _generated(ctx),
    "see": lambda ctx, new: _seen(ctx),
    "break": lambda ctx, new: _raise(ValueError("broken")),
    "break mutely": lambda ctx, new: _raise(Mute()),
    "exit": lambda ctx, new: _exit(),
    "stop": lambda ctx, new: _raise(StopIteration("enough")),
    "text": lambda ctx, new: "all is well",
    "number": lambda ctx, new: 7,
    "wrong items": lambda ctx, new: [Issue("a", "b"), 7],
    "wrong issue": lambda ctx, new: [Issue(1, "b")],
    "not found": lambda ctx, new: _told(lambda: ctx.api.get("account", new.id)),
    "not allowed": lambda ctx, new: _told(lambda: ctx.api.get("ticket", new.id)),
    "no such type": lambda ctx, new: _told(lambda: ctx.api.get("spaceship", new.id)),
    "no such field": lambda ctx, new: _told(lambda: ctx.api.create("activity", {"colour": "red"})),
    "own field": lambda ctx, new: _told(lambda: ctx.fields.get("account", [new.id])),
    "no own field": lambda ctx, new: _told(lambda: ctx.fields.get("ticket", [new.id])),
    "wrong value": lambda ctx, new: _told(lambda: ctx.fields.set("account", new.id, {"rank": "high"})),
    "not found outside": lambda ctx, new: ctx.api.get("account", new.id),
    "all": lambda ctx, new: _told(lambda: [each["name"] for each in ctx.api.list("account", sort="name").records]),
}


@hookimpl
def record_defaults(ctx, record_type, draft):
    if record_type == "account":
        return Patch(values={"industry": ctx.settings["industry"]}, fields={"rank": 3})
    return None


@hookimpl
def record_normalize(draft):
    name = draft.get("name")
    return Patch(values={"name": name.strip()}) if isinstance(name, str) and name != name.strip() else None


@hookimpl
def find_duplicates(ctx, record_type, draft):
    if record_type != "account":
        return None
    page = ctx.api.list("account", {"name": draft["name"]}, sort="-created_at", limit=2)
    return tuple(Match(each.id, 0.5, "the same name", blocks=draft["name"] == "unique") for each in page.records)


@hookimpl
def record_before_write(ctx, operation, old, new):
    if new.record_type != "account" or old is None:
        return None
    changed = sorted(name for name in new if new[name] != old[name])
    facts = {"operation": operation, "changed": changed, "fields": dict(new.fields("versatile"))}
    return Patch(values={"description": f"{operation}: {changed}"}, fields={"facts": facts, "price": Decimal("1.5")})


@hookimpl
def record_validate(ctx, operation, old, new, changed):
    deed = DEEDS.get(new.get("name"))
    if new.record_type != "account" or deed is None:
        return None
    return deed(ctx, new)


@hookimpl
def record_after_write(new, ctx, changed, operation):
    ctx.log.info("%s %s: %s", operation, new.record_type, sorted(changed))
    if new.record_type == "account" and operation == "create":
        ctx.fields.set("account", new.id, {"seen_on": dt.date(2026, 2, 3), "seen_at": ctx.now.replace(microsecond=5)})
        ctx.api.create("activity", {"kind": "task", "subject": f"Call {new['name']}", "regarding_id": new.id})
        if new["name"] == "break after":
            raise RuntimeError("too late")


@hookimpl
def record_before_delete(record):
    return [Issue("kept", f"{record['name']} stays")] if record["name"] == "keep" else []


@hookimpl
def record_committed(ctx, event):
    if event.record.record_type != "account":
        return
    changes = {name: list(pair) for name, pair in sorted(event.changes.items()) if name in {"name", "industry"}}
    subject = f"{event.name} by {event.plugin} at {event.at.tzinfo}: {changes}"
    ctx.api.create("activity", {"kind": "note", "subject": subject, "regarding_id": event.record.id})
    if event.record["name"] == "undeliverable":
        raise RuntimeError("not now")


@hookimpl
def stage_transition(ctx, record, from_stage, to_stage):
    if to_stage.category == "won" and not record.get("company"):
        return [Issue("no_company", f"from {from_stage.key} to {to_stage.key} only with a company", "company")]
    return None


@hookimpl
def stage_entered(ctx, event):
    ctx.api.create("activity", {"kind": "note", "subject": event.name, "regarding_id": event.record.id})


@hookimpl
def lead_convert(ctx, lead, plan):
    opportunity = {} if plan.opportunity is None else {"next_step": f"from {lead['name']}"}
    return ConvertPatch(account={"industry": sorted(plan.account)[0]}, opportunity=opportunity)


@hookimpl
def score(record):
    return Score("length", len(record["name"]), ("by its name",)) if record["name"] != "scoreless" else 1 / 0


@hookimpl
def record_load(ctx, record_type, ids):
    return {each: {"place": place} for place, each in enumerate(ids)}


class Body(BaseModel):
    count: int = Field(ge=1)
    names: list[str] = []


class View(BaseModel):
    path: dict[str, str]
    query: dict[str, str]
    total: Decimal
    when: dt.datetime | None = None


def serve(ctx, request):
    what = request.path["what"]
    ctx.log.warning("asked for %s", what)
    if what == "rejected":
        raise Rejected([Issue("route", "not this", "what")])
    if what == "missing":
        raise NotFound("there is no such thing")
    if what == "forbidden":
        raise NotAllowed("you may not")
    if what == "broken":
        raise KeyError("what")
    if what == "exit":
        raise SystemExit(1)
    if what == "wrong":
        return {"path": 1}
    if what == "api":
        return ctx.api.get("account", ctx.tenant_id)
    return {"path": dict(request.path), "query": dict(request.query), "total": Decimal("2.50"), "when": ctx.now}


def serve_body(ctx, request):
    made = [ctx.api.create("account", {"name": name}).id for name in request.body.names]
    for place, record_id in enumerate(made):
        ctx.api.update("account", record_id, {"industry": f"number {place}"}, version=1)
    if request.body.count == 99:
        raise RuntimeError("nothing of it is kept")
    return View(path={}, query={}, total=Decimal(request.body.count))


@hookimpl
def routes():
    return [
        Route("GET", "/things/{what}", "account:read", serve, View, summary="Read a thing"),
        Route("POST", "/things", "account:create", serve_body, View, body=Body, status=202),
    ]


def greet(ctx):
    ctx.api.create("activity", {"kind": "note", "subject": f"job of {ctx.plugin}"})
    ctx.log.info("greeted")


def fail(ctx):
    ctx.api.create("activity", {"kind": "note", "subject": "never kept"})
    raise RuntimeError("this job fails")


@hookimpl
def scheduled_jobs():
    yield Job("greet", dt.timedelta(hours=1), greet, "Greets")
    yield Job("fail", dt.timedelta(minutes=2), fail)


@hookimpl
def plugin_check(environment):
    return [Issue("checked", environment.database, level=Level.WARNING)]


@hookimpl
def plugin_enable(ctx, plugin, version):
    if ctx.settings["limit"] == 13:
        return [Issue("unlucky", f"{plugin}@{version} does not want 13", "limit")]
    return _warning("enabled", f"{plugin}@{version} with {ctx.settings['limit']}")


@hookimpl
def plugin_enabled(ctx):
    ctx.api.create("activity", {"kind": "note", "subject": "enabled"})


@hookimpl
def plugin_disabled(ctx):
    ctx.log.info("disabled")
    if ctx.settings["limit"] == 14:
        raise RuntimeError("cannot be refused")


@hookimpl
def plugin_export(ctx):
    for record in ctx.api.list("account", sort="name").records:
        yield {"name": record["name"], "at": ctx.now.year > 2000}


@hookimpl
def plugin_import(ctx, lines):
    ctx.api.create("activity", {"kind": "note", "subject": f"brought back {len(lines)}: {dict(lines[0])}"})


@hookimpl
def plugin_uninstall(ctx, mode):
    ctx.api.create("activity", {"kind": "note", "subject": f"uninstalled: {mode.value}"})
'''

_MANIFEST = """\
[capabilities]
api = ["account:read", "account:create", "account:update", "activity:create", "activity:read", "lead:read"]

[hooks.record_defaults]
[hooks.record_normalize]
record_types = ["account", "contact"]
[hooks.find_duplicates]
[hooks.record_before_write]
[hooks.record_validate]
[hooks.record_after_write]
record_types = ["account", "lead"]
[hooks.record_before_delete]
record_types = ["account"]
[hooks.record_committed]
[hooks.stage_transition]
[hooks.stage_entered]
[hooks.lead_convert]
[hooks.score]
[hooks.record_load]
record_types = ["account"]
[hooks.routes]
[hooks.scheduled_jobs]
[hooks.plugin_check]
[hooks.plugin_enable]
[hooks.plugin_enabled]
[hooks.plugin_disabled]
[hooks.plugin_export]
[hooks.plugin_import]
[hooks.plugin_uninstall]

[settings.industry]
kind = "text"
default = "trade"
label = { en = "Industry" }

[settings.limit]
kind = "integer"
default = 3
label = { en = "Limit" }

[settings.rate]
kind = "decimal"
default = "1.25"
label = { en = "Rate" }
"""
DEEDS = tuple(re.findall(r'^    "(.+?)": lambda ctx', _HOOKS, re.MULTILINE))
"""Names of accounts for which something special happens."""

_FIELDS = {
    "rank": 'kind = "integer"',
    "facts": 'kind = "json"\nwritable = "plugin"',
    "price": 'kind = "money"',
    "seen_on": 'kind = "date"',
    "seen_at": 'kind = "datetime"',
    "place": 'kind = "integer"\ncomputed = true',
}


def versatile(make_plugin: MakePlugin) -> Discovered:
    """Write the plugin."""
    fields = "".join(
        f'\n[[fields]]\nrecord_type = "account"\nkey = "{key}"\nlabel = {{ en = "{key}" }}\n{kind}\n'
        for key, kind in _FIELDS.items()
    )
    return make_plugin("versatile", _HOOKS, _MANIFEST + fields)
