"""Rounds of operations, with a kill in the middle of each; see ``tests.kills.oracle`` for what must hold after it."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx

from crm_core.audit.sealer import seal
from crm_core.audit.verifier import verify
from crm_core.outbox import drain
from crm_core.plugins.service import enable
from crm_core.runtime import opened
from crm_core.settings import Settings
from tests.kills import oracle
from tests.kills.battlefields import Battlefield, Victim
from tests.kills.fighters import LEDGER, write_fighters
from tests.kills.operations import ACCOUNTS, Kind, Outcome, random_operation
from tests.kills.processes import kill
from tests.kills.server import Server
from tests.support.app import running
from tests.support.plugins import forget_plugins

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from uuid import UUID

    from crm_core.plugin_host.discovery import Discovered
    from tests.kills.operations import Operation

_TENANTS = ("main", "second")
_QUIET = "quiet"
_CLIENTS = 6
_OPERATIONS = 24
_LATEST = 16
"""The kill comes soon after one of this many first operations of a round has been sent."""
_DELAY_SECONDS = 0.03
_ALL_WORKERS = 0.6
_TRIES = 8
_RECOVERY_SECONDS = 60.0
_PAUSE_SECONDS = 0.05
_ROUND_SECONDS = 180


@dataclass(slots=True)
class Fight:
    """An installation with two tenants that write and one that does not, and what has happened to it so far."""

    ground: Battlefield
    server: Server
    plugins: Sequence[Discovered]
    chance: random.Random
    keys: dict[str, str]
    tenants: dict[str, UUID]
    accounts: dict[tuple[str, str], str]
    quiet: dict[str, list[str]]
    victims: list[Victim] = field(default_factory=list)
    """Who is left to be killed before everybody's turn comes again."""
    kills: Counter[Victim] = field(default_factory=Counter)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    blamed: int = 0
    """How many operations were refused because a plugin's worker was killed under them."""
    number: int = 0


@contextmanager
def fight(database: str, folder: Path, seed: int) -> Iterator[Fight]:
    """Set an installation up, serve it, and end everything afterwards."""
    packages = folder / "packages"
    packages.mkdir(parents=True)
    plugins = write_fighters(packages)
    battlefield = Battlefield.open(database, folder)
    server = Server(battlefield.url, packages, folder / "server.log")
    sys.path.append(str(packages))
    try:
        chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        made = asyncio.run(_settle(battlefield, server, plugins, chance))
        server.start()
        yield made
    finally:
        server.stop()
        battlefield.close()
        forget_plugins(packages)


async def _settle(
    battlefield: Battlefield, server: Server, plugins: Sequence[Discovered], chance: random.Random
) -> Fight:
    accounts: dict[tuple[str, str], str] = {}
    async with running(battlefield.url, plugins=plugins) as app:
        tenants = {"main": app.tenant_id, **{key: await app.add_tenant(key) for key in ("second", _QUIET)}}
        for plugin in plugins:
            await app.as_system(partial(enable, name=plugin.id, settings=None), tenant_id=tenants["second"])
        await app.runtime.refresh(now=True)
        for tenant, tenant_id in tenants.items():
            client = app.client(tenant_id=tenant_id)
            for name in (LEDGER, *ACCOUNTS):
                answer = await client.post("/accounts", json={"name": name})
                answer.raise_for_status()
                accounts[tenant, name] = answer.json()["id"]
        keys = {tenant: await app.key("administrator", tenant_id) for tenant, tenant_id in tenants.items()}
    quiet = await asyncio.to_thread(oracle.rows_of, battlefield.all_seeing_url, tenants[_QUIET])
    return Fight(battlefield, server, plugins, chance, keys, tenants, accounts, quiet)


@dataclass(slots=True)
class Round:
    """Clients at work, and one kill."""

    fight: Fight
    victim: Victim
    http: httpx.AsyncClient
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    at: int = 0
    sent: int = 0
    killed: bool = False
    accepted_after: int = 0

    async def run(self, operations: Sequence[Operation]) -> None:
        """Send the operations, so many at a time, and kill the victim soon after the one it is to be."""
        self.ready.set()
        waiting = list(reversed(operations))
        async with asyncio.timeout(_ROUND_SECONDS), asyncio.TaskGroup() as group:
            group.create_task(self._kill())
            for _ in range(_CLIENTS):
                group.create_task(self._client(waiting))

    async def _client(self, waiting: list[Operation]) -> None:
        while waiting:
            operation = waiting.pop()
            while operation.tries < _TRIES:
                await self._send(operation)
                # A new account may be asked for again: its Idempotency-Key sees to it that it is made once.
                again = operation.creates and (
                    operation.status is None or operation.status >= httpx.codes.INTERNAL_SERVER_ERROR
                )
                if not again:
                    break

    async def _send(self, operation: Operation) -> None:
        await self.ready.wait()
        self.sent += 1
        if self.sent == self.at:
            self.reached.set()
        after = self.killed
        operation.tries += 1
        operation.status, operation.body = None, None
        with suppress(httpx.TransportError):
            answer = await self._request(operation)
            operation.status, operation.body = answer.status_code, answer.json()
            self.accepted_after += after and answer.is_success

    async def _request(self, operation: Operation) -> httpx.Response:
        base = f"{self.fight.server.address}/api/v1/accounts"
        headers = self._headers(operation.tenant) | {"x-request-id": operation.id}
        if operation.creates:
            body = {"name": operation.name, "description": operation.description}
            return await self.http.post(base, json=body, headers={**headers, "idempotency-key": operation.id})
        url = f"{base}/{self.fight.accounts[operation.tenant, operation.name]}"
        if operation.guarded:
            seen = await self.http.get(url, headers=self._headers(operation.tenant))
            headers |= {"if-match": seen.headers.get("etag", '"0"')}
        return await self.http.patch(url, json={"description": operation.description}, headers=headers)

    def _headers(self, tenant: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.fight.keys[tenant]}"}

    async def _kill(self) -> None:
        await self.reached.wait()
        # At any moment of an operation: that is what this test is for.
        await asyncio.sleep(self.fight.chance.uniform(0, _DELAY_SECONDS))
        if self.victim is Victim.WORKER:
            workers = await self._workers()
            kill(workers if self.fight.chance.random() < _ALL_WORKERS else [self.fight.chance.choice(workers)])
            self.killed = True
            return
        self.ready.clear()
        if self.victim is Victim.HOST:
            await asyncio.to_thread(self.fight.server.kill)
            await asyncio.to_thread(self.fight.server.start)
        else:
            await asyncio.to_thread(self.fight.ground.strike, self.victim, self.fight.chance)
            await self._recovered()
        self.killed = True
        self.ready.set()

    async def _workers(self) -> list[int]:
        """Wait for a worker to kill: the one before it may have been killed a moment ago."""
        while not (found := self.fight.server.workers()):  # noqa: ASYNC110 - the kernel has no event for it
            await asyncio.sleep(_PAUSE_SECONDS)
        return found

    async def _recovered(self) -> None:
        """Wait until the server, which nobody has started again, has the database back for every tenant."""
        deadline = time.monotonic() + _RECOVERY_SECONDS
        for tenant in _TENANTS:
            while (answer := await self._looked(tenant)) is not None:
                if time.monotonic() > deadline:
                    raise AssertionError(f"the server has not recovered: {answer}")
                await asyncio.sleep(_PAUSE_SECONDS)

    async def _looked(self, tenant: str) -> str | None:
        """Return why a tenant cannot read its accounts; None if it can."""
        url = f"{self.fight.server.address}/api/v1/accounts"
        try:
            answer = await self.http.get(url, headers=self._headers(tenant))
        except httpx.TransportError as error:
            return repr(error)
        return None if answer.is_success else answer.text


def _next_victim(fight: Fight) -> Victim:
    if not fight.victims:
        fight.victims = fight.ground.victims()
        fight.chance.shuffle(fight.victims)
    return fight.victims.pop()


def play(fight: Fight) -> list[str]:
    """Play one round; return what is wrong afterwards."""
    fight.number += 1
    victim = _next_victim(fight)
    operations = [
        random_operation(fight.chance, f"r{fight.number}-{place}", fight.chance.choice(_TENANTS))
        for place in range(_OPERATIONS)
    ]
    accepted_after = asyncio.run(_play(fight, victim, operations))
    fight.kills[victim] += 1
    database_died = victim.is_database
    outcomes = Counter(each.outcome(database_died=database_died) for each in operations)
    fight.outcomes += outcomes
    fight.blamed += sum(1 for each in operations if each.failed_hook)
    problems = oracle.misdone(fight.ground.all_seeing_url, operations, fight.tenants, database_died=database_died)
    problems += _misanswered(victim, operations)
    if not fight.server.alive:
        problems.append(f"the server has ended: {fight.server.last_words()}")
    if not accepted_after:
        problems.append(f"nothing was accepted after the kill: {[each.told(None) for each in operations]}")
    return [f"round {fight.number}, {victim} killed: {problem}" for problem in problems]


async def _play(fight: Fight, victim: Victim, operations: Sequence[Operation]) -> int:
    async with httpx.AsyncClient(timeout=60) as http:
        this = Round(fight, victim, http, at=fight.chance.randint(1, _LATEST))
        await this.run(operations)
        return this.accepted_after


def _misanswered(victim: Victim, operations: Sequence[Operation]) -> Iterator[str]:
    """Find answers that the kill does not explain; a killed worker ends as a refusal that names its plugin."""
    for each in operations:
        failed = each.status is None or each.status >= httpx.codes.INTERNAL_SERVER_ERROR
        if each.kind is Kind.VETOED and not failed and each.status not in {409, 422}:
            yield f"it was not refused: {each.told(None)}"
        if each.failed_hook is not None and each.failed_hook != oracle.ECHO and not victim.is_database:
            yield f"the wrong plugin is named: {each.told(None)}"
        if victim is Victim.WORKER and failed and each.failed_hook is None:
            yield f"no plugin is named: {each.told(None)}"
        if each.creates and failed:
            yield f"it was not made in {each.tries} attempts: {each.told(None)}"


def finish(fight: Fight) -> list[str]:
    """Stop the server, let everything be delivered and sealed, and return what is wrong with the installation."""
    fight.server.stop()
    url = fight.ground.all_seeing_url
    problems = asyncio.run(_delivered(fight))
    problems += oracle.inconsistencies(url)
    problems += oracle.undelivered(url)
    quiet = oracle.rows_of(url, fight.tenants[_QUIET])
    problems += [f"{name} of the quiet tenant changed" for name in quiet if quiet[name] != fight.quiet[name]]
    done = fight.server.command("doctor", "--fingerprint")
    if done.returncode:
        problems.append(f"crm doctor --fingerprint ended with {done.returncode}: {done.stdout}{done.stderr}")
    return problems


async def _delivered(fight: Fight) -> list[str]:
    """Deliver and seal what is left, and return what is wrong with the audit trail then."""
    settings = Settings(database_url=fight.ground.url, background=False)
    await asyncio.to_thread(oracle.free_claims, fight.ground.all_seeing_url)
    async with opened(settings, discovered=fight.plugins) as runtime:
        await drain(runtime)
        await seal(runtime)
        reports = [await verify(runtime, tenant_id) for tenant_id in fight.tenants.values()]
    return [problem for report in reports for problem in report.problems]


def wanted_kills(sample: int, full: int) -> int:
    """Return how many kills to do: a sample, or with CRM_FULL=1 what the promise is about."""
    return full if os.environ.get("CRM_FULL") == "1" else sample


def told(fight: Fight, seed: int, seconds: float) -> dict[str, Any]:
    """Say what happened, for people and for the end of a run."""
    return {
        "seed": seed,
        "seconds": round(seconds),
        "kills": {str(victim): count for victim, count in fight.kills.items()},
        "operations": {str(outcome): count for outcome, count in fight.outcomes.items()},
        "refused with the plugin's name": fight.blamed,
    }
