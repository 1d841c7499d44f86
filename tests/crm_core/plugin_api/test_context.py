from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from crm_core.db.statements import Statement
from crm_core.schema import audit_event
from plugin_sdk import NotAllowed, NotFound, Rejected, VersionConflict
from plugin_sdk.ids import new_id
from tests.support.app import run, running
from tests.support.books import as_plugin

if TYPE_CHECKING:
    from plugin_sdk import Context
    from tests.support.app import RunningApp
    from tests.support.plugins import MakePlugin

_FIELD = '\n[[fields]]\nrecord_type = "account"\nkey = "{key}"\nkind = "{kind}"\nlabel = {{ en = "x" }}\n'
_GRANTS = '[capabilities]\napi = ["account:read", "account:create", "account:update", "contact:*"]\n'
_GUARD = """\
from plugin_sdk import Issue, hookimpl

@hookimpl
def record_validate(new):
    return [Issue("bad", "never bad", "name")] if new["name"] == "bad" else None
"""


async def _audited(app: RunningApp) -> list[tuple[str, str | None]]:
    query = Statement(
        sa.select(audit_event.c.action, audit_event.c.plugin)
        .where(audit_event.c.tenant_id == app.tenant_id, audit_event.c.record_type == "account")
        .order_by(audit_event.c.id)
    )
    return [tuple(row) for row in await app.as_system(lambda scope: scope.uow.fetch(query, {}))]


def test_only_what_the_manifest_asks_for_is_allowed(database_url: str, make_plugin: MakePlugin) -> None:
    plugin = make_plugin("modest", "", _GRANTS)
    denied = [
        lambda ctx: ctx.api.get("lead", UUID(int=1)),
        lambda ctx: ctx.api.list("lead"),
        lambda ctx: ctx.api.create("lead", {"name": "x"}),
        lambda ctx: ctx.api.update("lead", UUID(int=1), {}),
        lambda ctx: ctx.api.delete("account", UUID(int=1)),
    ]

    async def scenario() -> None:
        async with running(database_url, plugins=[plugin]) as app:
            for use in denied:
                with pytest.raises(NotAllowed, match=r"^plugin modest@1\.0\.0 may not \w+ (lead|account)"):
                    await as_plugin(app, use, plugin="modest")
            made = await as_plugin(app, lambda ctx: ctx.api.create("contact", {"name": "x"}), plugin="modest")
            await as_plugin(app, lambda ctx: ctx.api.delete("contact", made.id), plugin="modest")
            with pytest.raises(NotFound):
                await as_plugin(app, lambda ctx: ctx.api.get("contact", made.id), plugin="modest")
            with pytest.raises(Rejected, match="there is no record type 'invoice'"):
                await as_plugin(app, lambda ctx: ctx.api.get("invoice", made.id), plugin="modest")

    run(scenario())


def test_what_a_plugin_does_is_audited_as_its_own(database_url: str, make_plugin: MakePlugin) -> None:
    plugin = make_plugin("writer", "", _GRANTS + _FIELD.format(key="rank", kind="integer"))

    def work(ctx: Context) -> None:
        made = ctx.api.create("account", {"name": "A"})
        ctx.api.update("account", made.id, {"name": "B"}, version=1)
        ctx.fields.set("account", made.id, {"rank": 3})
        ctx.fields.set("account", made.id, {})
        assert ctx.fields.get("account", [made.id, new_id()]) == {made.id: {"rank": 3}}
        with pytest.raises(VersionConflict, match="is at version 2, not 1"):
            ctx.api.update("account", made.id, {"name": "C"}, version=1)

    async def scenario() -> None:
        async with running(database_url, plugins=[plugin]) as app:
            await app.client().post("/accounts", json={"name": "by hand"})
            await as_plugin(app, work, plugin="writer")
            label = "writer@1.0.0"
            assert await _audited(app) == [
                ("create", None),
                ("create", label),
                ("update", label),
                ("set_fields", label),
            ]

    run(scenario())


def test_a_rejected_write_leaves_nothing_and_the_rest_goes_on(database_url: str, make_plugin: MakePlugin) -> None:
    guard = make_plugin("guard", _GUARD, '[hooks.record_validate]\nrecord_types = ["account"]')
    plugin = make_plugin("writer", "", _GRANTS + _FIELD.format(key="rank", kind="integer"))

    def work(ctx: Context) -> list[str]:
        ctx.api.create("account", {"name": "before"})
        with pytest.raises(Rejected) as caught:
            ctx.api.create("account", {"name": "bad"})
        assert [(issue.code, issue.message, issue.field) for issue in caught.value.issues] == [
            ("bad", "never bad", "name")
        ]
        with pytest.raises(Rejected, match="names a record that does not exist"):
            ctx.api.create("account", {"name": "orphan", "parent_id": str(new_id())})
        with pytest.raises(Rejected, match="names a record that does not exist"):
            ctx.fields.set("account", new_id(), {"rank": 1})
        with pytest.raises(Rejected, match="set by the core"):
            ctx.api.create("account", {"name": "x", "version": 7})
        ctx.api.create("account", {"name": "after"})
        return [record["name"] for record in ctx.api.list("account", sort="name").records]

    async def scenario() -> None:
        async with running(database_url, plugins=[guard, plugin]) as app:
            assert await as_plugin(app, work, plugin="writer") == ["after", "before"]
            assert [action for action, _ in await _audited(app)] == ["create", "create"]

    run(scenario())


def test_fields_are_a_plugin_s_own(database_url: str, make_plugin: MakePlugin) -> None:
    one = make_plugin("one", "", _FIELD.format(key="rank", kind="integer"))
    two = make_plugin("two", "", _GRANTS)
    computed = make_plugin(
        "three",
        "",
        _FIELD.format(key="rank", kind="integer") + "computed = true\n" + _FIELD.format(key="n", kind="integer"),
    )

    async def scenario() -> None:
        async with running(database_url, plugins=[one, two, computed]) as app:
            account = UUID((await app.client().post("/accounts", json={"name": "A"})).json()["id"])
            set_rank: Any = lambda ctx: ctx.fields.set("account", account, {"rank": 1})  # noqa: E731 - used twice
            with pytest.raises(NotAllowed, match=r"two@1\.0\.0 declares no fields on account; add \[\[fields\]\]"):
                await as_plugin(app, set_rank, plugin="two")
            with pytest.raises(Rejected, match=r"plugins\.three\.rank is set by the plugin three only"):
                await as_plugin(app, set_rank, plugin="three")
            with pytest.raises(Rejected, match=r"plugins\.one\.rank: "):
                await as_plugin(app, lambda ctx: ctx.fields.set("account", account, {"rank": "x"}), plugin="one")
            await as_plugin(app, set_rank, plugin="one")
            shown = (await app.client().get(f"/accounts/{account}")).json()
            assert shown["plugins"] == {"one": {"rank": 1}, "three": {"rank": None, "n": None}}
            assert shown["version"] == 1

    run(scenario())


def test_a_context_says_who_where_and_when(database_url: str, make_plugin: MakePlugin) -> None:
    plugin = make_plugin("witness", "", '[settings.limit]\nkind = "integer"\ndefault = 5\nlabel = { en = "Limit" }\n')

    def look(ctx: Context) -> tuple[Any, ...]:
        with pytest.raises(TypeError):
            ctx.settings["limit"] = 6  # type: ignore[index]
        assert ctx.log.extra == {"plugin": "witness@1.0.0", "tenant": str(ctx.tenant_id), "request_id": ctx.request_id}
        return ctx.tenant_id, ctx.actor_id, ctx.plugin, dict(ctx.settings), ctx.now.utcoffset() is not None

    async def scenario() -> None:
        async with running(database_url, plugins=[plugin]) as app:
            seen = await as_plugin(app, look, plugin="witness")
            assert seen == (app.tenant_id, None, "witness", {"limit": 5}, True)

    run(scenario())
