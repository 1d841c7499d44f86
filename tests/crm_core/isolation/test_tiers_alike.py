"""A plugin does the same in both tiers: every answer, audit event, delivery and line of the log is compared."""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from compat_tests.replay import record
from compat_tests.scenario import load_folder
from crm_core.db.statements import Statement
from crm_core.outbox.relay import deliver_due
from crm_core.plugin_host.discovery import discover
from crm_core.plugin_host.tiers import Tier
from crm_core.schema import delivery, outbox
from tests.crm_core.isolation.bookish import DEEDS as STATEMENTS
from tests.crm_core.isolation.bookish import bookish
from tests.crm_core.isolation.versatile import DEEDS, versatile
from tests.invariants.masks import Masks
from tests.invariants.sources import ROOT
from tests.support.databases import clone_sqlite
from tests.support.local_stage import local_server
from tests.support.postgres import clone_database

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.local_stage import LocalStage
    from tests.support.plugins import MakePlugin

# What a line of the log says of where it belongs, and a metric that measures.
_ABOUT = re.compile(r" \((tenant|request) .*\)$")
_MEASURED = re.compile(r"^(crm_plugin_seconds_total|crm_plugin_worker|# ).*\n", re.MULTILINE)
_SHIPPED = ("duplicate_guard", "lead_scoring", "loyalty")


@pytest.fixture(params=["sqlite", "postgresql"])
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Give two databases of a kind, one for each tier."""
    if request.param == "sqlite":
        template = request.getfixturevalue("sqlite_template")
        yield clone_sqlite(template, tmp_path / "one.db"), clone_sqlite(template, tmp_path / "other.db")
        return
    server, template = request.getfixturevalue("postgres_server"), request.getfixturevalue("postgres_template")
    with clone_database(server, template) as one, clone_database(server, template) as other:
        yield one, other


class Transcript:
    """What one tenant was told, and what is stored of it, without what may differ."""

    def __init__(self, stage: LocalStage, caplog: pytest.LogCaptureFixture) -> None:
        self.lines: dict[str, Any] = {}
        self.stage = stage
        self._caplog = caplog
        self._masks = Masks()
        caplog.clear()

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Ask and note the answer; return what it says."""
        answer = self.stage.ask(method, path, body)
        warnings = json.loads(answer.headers.get("crm-warnings", "[]"))
        self.note(f"{method} {path} {body}", [answer.status, answer.body, warnings])
        return answer.body

    def note(self, what: str, value: Any) -> None:
        """Note something that has happened, with the lines that plugins have written meanwhile."""
        logged = [
            [each.name, each.levelname, _ABOUT.sub("", each.getMessage())]
            for each in self._caplog.records
            if each.name.startswith("crm_core.plugin")
        ]
        self._caplog.clear()
        self.lines[self._masks.of(f"{len(self.lines)} {what}")] = self._masks.of([value, logged])

    def note_stored(self) -> None:
        """Note every audit event, event and delivery."""
        for path in ("/audit?limit=500", "/stage-events?limit=500", "/activities?limit=500&sort=created_at"):
            self.ask("GET", path)
        for table, columns in (
            (outbox, "topic record_type payload attempts"),
            (delivery, "plugin attempts last_error"),
        ):
            rows = self._rows(sa.select(*(table.c[name] for name in columns.split())))
            self.note(table.name, sorted(json.dumps(self._masks.of(list(row)), default=str) for row in rows))

    def _rows(self, query: sa.Select[Any]) -> list[Any]:
        statement, server = Statement(query), self.stage.server
        database = server.runtime.database
        return server.run(
            database.run(
                lambda connection: list(connection.fetch(statement, {})), tenant_id=self.stage.tenant_id, write=False
            )
        )


def _differences(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    names = [*one, *(name for name in other if name not in one)]
    return {name: (one.get(name), other.get(name)) for name in names if one.get(name) != other.get(name)}


def _everything(stage: LocalStage, caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    told = Transcript(stage, caplog)
    ask = told.ask
    ask("POST", "/plugins/versatile/enable", {"settings": {"limit": 13}})
    ask("POST", "/plugins/versatile/enable", {"settings": {"limit": "many"}})
    ask("POST", "/plugins/versatile/enable", {"settings": {"limit": 5, "rate": "0.1"}})
    ask("PATCH", "/plugins/versatile/settings", {"settings": {"industry": "ships"}})
    _accounts(told)
    _leads(told)
    _routes(told)
    # Once: whether what failed is due again when all else is done depends on the machine.
    told.note("relay", str(stage.server.run(deliver_due(stage.server.runtime, limit=1000))))
    told.note("job greet", stage.job("versatile", "greet").output)
    told.note("job fail", stage.job("versatile", "fail").output)
    for path in ("/accounts?sort=name&limit=3", "/accounts?versatile.rank=3&sort=-name&limit=2"):
        ask("GET", path)
    _health(told)
    told.note("reinstall", stage.reinstall("versatile", "export"))
    ask("GET", "/accounts?sort=name&limit=2")
    ask("PATCH", "/plugins/versatile/settings", {"settings": {"limit": 14}})
    ask("POST", "/plugins/versatile/disable")
    told.note_stored()
    return told.lines


def _accounts(told: Transcript) -> None:
    first = told.ask("POST", "/accounts", {"name": "  Acme ", "plugins": {"versatile": {"rank": 7, "price": "2.50"}}})
    told.ask("POST", "/accounts", {"name": "Acme"})
    told.ask("POST", "/accounts", {"name": "Acme", "plugins": {"versatile": {"facts": {}}}})
    told.ask("PATCH", f"/accounts/{first['id']}", {"industry": "sand", "plugins": {"versatile": {"rank": 8}}})
    told.ask("GET", f"/accounts/{first['id']}")
    told.ask("POST", f"/accounts/{first['id']}/score")
    for name in ("unique", "unique", "keep", "undeliverable", "scoreless", "break after", *DEEDS):
        told.ask("POST", "/accounts", {"name": name})
    for name in ("keep", "scoreless"):
        [found] = told.ask("GET", f"/accounts?name={name}")["data"]
        told.ask("POST", f"/accounts/{found['id']}/score")
        told.ask("DELETE", f"/accounts/{found['id']}")
        told.ask("POST", f"/accounts/{found['id']}/restore")


def _leads(told: Transcript) -> None:
    stages = {each["stage_key"]: each["id"] for each in told.ask("GET", "/stages?limit=100")["data"]}
    for company in (None, "Acme"):
        lead = told.ask("POST", "/leads", {"name": f"Lead of {company}", "company": company})
        for key in sorted(stages):
            told.ask("POST", f"/leads/{lead['id']}/move-stage", {"stage_id": stages[key]})
        lead = told.ask("POST", "/leads", {"name": f"Another of {company}", "company": company})
        told.ask("POST", f"/leads/{lead['id']}/convert", {"opportunity": {"name": "Deal"}})


def _routes(told: Transcript) -> None:
    for what in ("fine", "rejected", "missing", "forbidden", "broken", "exit", "wrong", "api"):
        told.ask("GET", f"/x/versatile/things/{what}?a=1&b=%C3%BC")
    bodies: list[object] = [
        {"count": 1},
        {"count": 0},
        {"names": 1},
        [],
        None,
        {"count": 1, "names": ["via route", "see"]},
    ]
    for body in (*bodies, {"count": 99, "names": ["never kept"]}, {"count": 1, "names": ["refuse"]}):
        told.ask("POST", "/x/versatile/things", body)
    told.ask("GET", "/accounts?name=never kept")
    paths = told.stage.ask("GET", "/openapi.json").body["paths"]
    told.note("documentation", json.dumps({path: paths[path] for path in paths if "/x/" in path}))


def _health(told: Transcript) -> None:
    [status] = told.stage.ask("GET", "/plugins").body["data"]
    tier = told.stage.server.tier
    assert (status.pop("tier"), status.pop("tier_reason")) == (tier, f"{tier.words}: CRM_PLUGIN_TIER={tier}")
    told.note("health", status)
    told.note("metrics", _MEASURED.sub("", told.stage.ask("GET", "/metrics").body))


def test_a_plugin_of_all_hooks_does_the_same_in_both_tiers(
    urls: tuple[str, str], make_plugin: MakePlugin, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="crm_core")
    plugin = versatile(make_plugin)
    transcripts = []
    # The isolated one first: where it were imported here after all, it would not be for the second time.
    for url, tier in zip(urls, (Tier.ISOLATED, Tier.IN_PROCESS), strict=True):
        with local_server(url, [plugin], tier, tmp_path, hook_wall_ms=30_000.0, breaker_failures=1000) as server:
            transcripts.append(_everything(server.stage("main"), caplog))
    isolated, in_process = transcripts
    assert len(in_process) > 100
    assert _differences(in_process, isolated) == {}


def test_statements_do_the_same_in_both_tiers(
    urls: tuple[str, str], make_plugin: MakePlugin, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plugin = bookish(make_plugin)
    transcripts = []
    for url, tier in zip(urls, (Tier.ISOLATED, Tier.IN_PROCESS), strict=True):
        with local_server(url, [plugin], tier, tmp_path, hook_wall_ms=30_000.0) as server:
            told = Transcript(server.stage("main"), caplog)
            told.ask("POST", "/plugins/books/enable", {})
            for name in STATEMENTS:
                made = told.ask("POST", "/accounts", {"name": name})
            told.ask("DELETE", f"/accounts/{made['id']}")
            told.note_stored()
            transcripts.append(told.lines)
    isolated, in_process = transcripts
    assert _differences(in_process, isolated) == {}


@pytest.mark.parametrize("plugin", _SHIPPED)
def test_a_shipped_plugin_does_the_same_in_both_tiers(
    urls: tuple[str, str], plugin: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="crm_core")
    scenarios = load_folder(ROOT / "plugins" / plugin / "scenarios")
    assert scenarios
    found = [each for each in discover() if each.id == plugin]
    transcripts: list[dict[str, Any]] = []
    for url, tier in zip(urls, (Tier.ISOLATED, Tier.IN_PROCESS), strict=True):
        played = {}
        with local_server(url, found, tier, tmp_path, hook_wall_ms=30_000.0) as server:
            for scenario in scenarios:
                stage = server.stage(scenario.name.replace("_", "-"))
                told = Transcript(stage, caplog)
                told.note("steps", record(scenario, stage))
                told.note_stored()
                played.update({f"{scenario.name} {name}": line for name, line in told.lines.items()})
        transcripts.append(played)
    isolated, in_process = transcripts
    assert _differences(in_process, isolated) == {}
