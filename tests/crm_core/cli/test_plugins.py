from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from crm_core.actors import system_actor
from crm_core.identity.tenants import ALL_TENANTS
from crm_core.plugin_api import faults
from crm_core.plugin_host.health import Episode, Fault
from crm_core.runtime import opened
from crm_core.settings import Settings
from tests.support.app import run
from tests.support.commands import crm

if TYPE_CHECKING:
    from pathlib import Path

    from crm_core.records.scope import Scope


def _fail(scope: Scope) -> None:
    fault = Fault("loyalty", "loyalty@1.0.0", "record_validate", "RuntimeError: broken", scope.uow.now)
    faults.record(scope, Episode([fault] * 5))


async def _quarantine(url: str) -> None:
    async with opened(Settings(database_url=url, breaker_rest_seconds=0, background=False)) as runtime:
        rows = await runtime.database.run(
            lambda connection: connection.fetch(ALL_TENANTS, {}), tenant_id=None, write=False
        )
        await runtime.run(system_actor(rows[0][0]), _fail, request_id="the-request")


def test_an_operator_sees_which_plugin_is_quarantined_and_why_and_resumes_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'crm.db'}"
    environment: Any = {"CRM_DATABASE_URL": url, "CRM_PLUGIN_TIER": "in_process"}
    crm("init", **environment)
    crm("plugin", "install", "loyalty", **environment)
    crm("plugin", "enable", "loyalty", "--tenant", "main", **environment)
    run(_quarantine(url))

    (listed,) = (each for each in json.loads(crm("plugin", "list", "--json", **environment)) if each["id"] == "loyalty")
    assert listed["reason"] == "quarantined for main; crm plugin show loyalty says why"
    health = json.loads(crm("plugin", "show", "loyalty", "--json", **environment))["health"]["main"]
    assert (health["breaker"], health["hook"], health["reason"], health["request_id"], health["failures"]) == (
        "quarantined",
        "record_validate",
        "RuntimeError: broken",
        "the-request",
        5,
    )
    told = crm("plugin", "resume", "loyalty", "--tenant", "main", **environment)
    assert told == "loyalty is called again for main; 0 events that waited for it are delivered\n"
    told = crm("plugin", "resume", "loyalty", "--tenant", "main", **environment)
    assert told.startswith("nothing was held against loyalty for main")
    assert "there is no plugin 'nobody'" in crm("plugin", "resume", "nobody", "--tenant", "main", code=1, **environment)
    history = json.loads(crm("plugin", "show", "loyalty", "--json", **environment))["history"]
    assert [row["action"] for row in history][-2:] == ["quarantined", "resumed"]
