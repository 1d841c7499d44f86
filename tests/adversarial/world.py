"""A real server with two tenants, the attacker and its victim, watched from outside."""

from __future__ import annotations

import secrets
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

import httpx

from plugin_sdk.testing.command import Command, CommandError, clean_environment
from plugin_sdk.testing.process import ServerProcess
from tests.adversarial.judge import Outcome, changed_rows, missing_rows, read_secrets
from tests.adversarial.plugin import FACTS, MIGRATING, write_attacker, write_migrating, write_victim
from tests.adversarial.rows import all_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.adversarial.corpus import Attack
    from tests.adversarial.rows import Rows

_OTHERS = "secret-of-the-other-tenant"
_HOST = "host-secret"
_VICTIMS = "secret-of-the-victim"
_SECONDS = 15.0
_LONGEST_INSTALL = 60.0
_NO_ANSWER = "no answer"
_GONE = "the server is gone"


@dataclass
class World:
    """One server, restarted when an attack has ended or stopped it."""

    command: Command
    look: str
    folder: Path
    facts: dict[str, str] = field(default_factory=dict)
    key: str = ""
    process: ServerProcess | None = None
    target: str = "Target"
    client: httpx.Client = field(default_factory=httpx.Client)

    def start(self) -> Self:
        """Serve, and connect a client of the attacked tenant."""
        self.process = ServerProcess(self.command, 0)
        url, _ = self.process.address()
        self.client.close()
        headers = {"authorization": f"Bearer {self.key}"}
        self.client = httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=_SECONDS)
        return self

    def stop(self) -> None:
        """End the server, whatever state it is in."""
        self.client.close()
        if self.process is not None:
            self.process.end()

    def attack(self, attack: Attack) -> Outcome:
        """Let the plugin attack while an account is created, and compare the world with before."""
        self._post("/plugins/attacker/resume")
        before = self._rows()
        answer = self._post("/accounts", {"name": f"{attack.at}:{attack.id}"})
        after = self._rows()
        harms = [*self._harms_of(answer, before, after), *self._next_request()]
        if _NO_ANSWER in harms or _GONE in harms:
            self.restart()
        text = answer.text if answer is not None else ""
        return Outcome(attack.id, answer.status_code if answer is not None else None, text, tuple(harms))

    def _harms_of(self, answer: httpx.Response | None, before: Rows, after: Rows) -> Iterator[str]:
        if answer is None:
            yield _NO_ANSWER
        accepted = answer is not None and answer.is_success
        yield from changed_rows(before, after, accepted=accepted)
        if answer is None:
            return
        if accepted:
            record_id = str(answer.json()["id"]).replace("-", "")
            yield from missing_rows(before, after, "core." if "core.account" in after else "", record_id)
        yield from read_secrets(answer.text, self._secrets())

    def migrate(self, name: str, body: str) -> Outcome:
        """Let an administrator install a plugin whose migration attacks, and compare the world with before."""
        package = write_migrating(self.folder / "site", body, self.folder / "host")
        before = self._rows_of_others()
        installed, text = False, ""
        try:
            self.command.run("plugin", "install", MIGRATING, seconds=_LONGEST_INSTALL)
            installed = True
        except CommandError as error:
            text = error.output
        after = self._rows_of_others()
        harms = [*changed_rows(before, after, accepted=installed), *read_secrets(text, self._secrets())]
        harms += self._next_request()
        if installed:
            harms += self._uninstall()
        package.unlink()
        return Outcome(name, 0 if installed else 1, text, tuple(harms))

    def _uninstall(self) -> Iterator[str]:
        try:
            self.command.run("plugin", "uninstall", MIGRATING, "--purge")
        except CommandError as error:
            yield f"what is installed cannot be uninstalled: {error.output}"

    def restart(self) -> None:
        """End the server and serve anew."""
        self.stop()
        self.start()

    def _secrets(self) -> tuple[str, ...]:
        return (_OTHERS, _VICTIMS, _HOST, self.command.environment["CRM_DATABASE_URL"])

    def _next_request(self) -> Iterator[str]:
        """Ask for something ordinary, and write something ordinary."""
        name = f"ordinary {secrets.token_hex(4)}"
        seen = self._get(f"/accounts/{self.facts['own_account']}")
        made = self._post("/accounts", {"name": name})
        if seen is None or made is None:
            yield _GONE
        elif seen.status_code != httpx.codes.OK or seen.json()["name"] != self.target:
            yield f"the next read answers {seen.status_code}"
            if seen.status_code == httpx.codes.OK:
                # Harm is told once, not by every attack that follows.
                self.target = seen.json()["name"]
        elif made.status_code != httpx.codes.CREATED or made.json()["name"] != name:
            yield f"the next write answers {made.status_code}"
        else:
            self.client.delete(f"/accounts/{made.json()['id']}")

    def _rows(self) -> Rows:
        return all_rows(self.look, self.facts["other_tenant"].replace("-", ""))

    def _rows_of_others(self) -> Rows:
        """Return the rows that no step of the migrating plugin's own life may change."""
        return {
            table: frozenset(row for row in rows if not (table.startswith("plat") and f'"{MIGRATING}"' in row))
            for table, rows in self._rows().items()
        }

    def _get(self, path: str) -> httpx.Response | None:
        try:
            return self.client.get(path)
        except httpx.HTTPError:
            return None

    def _post(self, path: str, body: Mapping[str, Any] | None = None) -> httpx.Response | None:
        try:
            return self.client.post(path, json=body or {})
        except httpx.HTTPError:
            return None


@contextmanager
def opened(folder: Path, url: str, look: str, **settings: str) -> Iterator[World]:
    """Prepare database and packages and serve; ``look`` is the URL of an administrator of the database."""
    site = folder / "site"
    site.mkdir()
    write_attacker(site)
    write_victim(site)
    (folder / "host").write_text(_HOST, encoding="utf-8")
    environment = clean_environment(
        PYTHONPATH=str(site),
        CRM_DATABASE_URL=url,
        CRM_BACKGROUND="false",
        CRM_REFRESH_SECONDS="0",
        **settings,
    )
    command = Command((sys.executable, "-m", "crm_core.cli"), environment)
    world = World(command, look, folder)
    try:
        _furnish(world)
        yield world
    finally:
        world.stop()


def _furnish(world: World) -> None:
    command = world.command
    main, other = command.json("init"), command.json("tenant", "create", "other", "--name", "Other")
    for plugin in ("attacker", "victim"):
        command.run("plugin", "install", plugin)
    world.key = other["api_key"]
    _enable(world, "other", {})
    there = _create(world, {"name": _OTHERS}, {"name": "keeper of secrets"}, {"name": "keeper of notes"})
    world.key = main["api_key"]
    _enable(world, "main", {})
    here = _create(world, {"name": "Target"}, {"name": "keeper of secrets"})
    world.facts = dict.fromkeys(FACTS, "") | {
        "other_tenant": other["tenant_id"],
        "other_account": there[0],
        "other_note": there[2],
        "other_body": _OTHERS,
        "own_account": here[0],
        "database_file": command.environment["CRM_DATABASE_URL"].removeprefix("sqlite:///"),
        "database_socket": _socket(command.environment["CRM_DATABASE_URL"]),
        "host_file": str(world.folder / "host"),
    }
    _enable(world, "main", world.facts)
    world.start()


def _socket(url: str) -> str:
    """Return the path of the database server's socket; a file has none."""
    place = parse_qs(urlsplit(url).query).get("host")
    return f"{place[0]}/.s.PGSQL.5432" if place else ""


def _enable(world: World, tenant: str, facts: Mapping[str, str]) -> None:
    options = [text for name, value in facts.items() if value for text in ("--set", f"{name}={value}")]
    world.command.run("plugin", "enable", "attacker", "--tenant", tenant, *options)
    world.command.run("plugin", "enable", "victim", "--tenant", tenant, "--set", f"token={_VICTIMS}")


def _create(world: World, *accounts: Mapping[str, Any]) -> list[str]:
    world.start()
    try:
        answers = [world.client.post("/accounts", json=account) for account in accounts]
        return [answer.raise_for_status().json()["id"] for answer in answers]
    finally:
        world.stop()
