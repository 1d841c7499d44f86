"""The rules of random histories; each does something to the installation and to the model and compares the answers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from crm_core.plugin_host.catalogs import catalogs
from crm_core.schema import record
from tests.histories.actors import MODES
from tests.histories.model import Account, Model, Status
from tests.support.all_seeing import all_seeing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx
    from sqlalchemy.engine import Connection

    from crm_core.plugin_host.discovery import Discovered
    from tests.histories.world import World

VERSIONS = ("1.0.0", "1.1.0")
_STEPS_BETWEEN = 2
_modes = st.sampled_from(MODES)
_places = st.integers(0, 7)
_plugins = st.sampled_from(["actor", "needy"])


class Histories(RuleBasedStateMachine):
    """One tenant's history; ``open_world`` gives an installation of its own, ``packages`` the plugins by name."""

    def __init__(
        self,
        open_world: Callable[[], tuple[World, str, Callable[[], object]]],
        packages: Mapping[str, Discovered],
    ) -> None:
        super().__init__()
        self.world, self.all_seeing_url, self._close = open_world()
        self.packages = packages
        self.model = Model()
        self.numbers = self.steps = 0
        self.world.other.made("/accounts", {"name": "of the other tenant", "description": "change"})
        self.of_other = self.world.all(self.world.other)
        self.catalog = all_seeing(self.all_seeing_url, _core_catalog)

    def teardown(self) -> None:
        """Stop the installation."""
        self.world.close()
        self._close()

    # ------------------------------------------------------------------------------------- plugins

    @initialize(begin=st.sampled_from(["nothing", "installed", "enabled", "enabled", "enabled"]))
    def begin(self, begin: str) -> None:
        """Begin where most installations are: with a plugin at work."""
        if begin != "nothing":
            self.install(VERSIONS[0])
        if begin == "enabled":
            self.enable("actor")

    @precondition(lambda self: self.steps > _STEPS_BETWEEN)
    @rule(step=st.sampled_from(["1.0.0", "1.1.0", "keep", "purge", "needy", "without needy"]))
    def change_packages(self, step: str) -> None:
        """Do one of the things that take a restart, now and then: they must not crowd out all others."""
        self.steps = 0
        if step in VERSIONS:
            self.install(step)
        elif step == "needy":
            self.install_needy()
        elif step == "without needy":
            self.uninstall_needy()
        else:
            self.uninstall(purge=step == "purge")

    def install(self, version: str) -> None:
        """Install the plugin, upgrade it, or try to go back to an older version."""
        actor = self.model.actor
        fits = actor.kept is None or version >= actor.kept
        assert self.world.install(self.packages[version]) is fits
        if fits:
            actor.installed = actor.kept = version
            actor.known = True

    def uninstall(self, *, purge: bool) -> None:
        """Uninstall the plugin and keep what it has, or not."""
        actor = self.model.actor
        there = actor.installed is not None or (purge and actor.kept is not None)
        fits = there and not self.model.needy_installed
        assert self.world.uninstall("actor", purge=purge) is fits
        if fits:
            self.model.uninstall(purge=purge)

    def install_needy(self) -> None:
        """Install the plugin that needs the other one."""
        fits = self.model.actor.installed is not None
        assert self.world.install(self.packages["needy"]) is fits
        self.model.needy_installed |= fits

    def uninstall_needy(self) -> None:
        """Uninstall it."""
        assert self.world.uninstall("needy", purge=False) is self.model.needy_installed
        self.model.needy_installed = self.model.needy_enabled = False

    @rule(name=_plugins, on=st.booleans())
    def switch(self, name: str, on: bool) -> None:  # noqa: FBT001 - hypothesis gives it
        """Enable or disable a plugin."""
        if on:
            self.enable(name)
        else:
            self.disable(name)

    def enable(self, name: str) -> None:
        """Enable a plugin; whoever enables one again has put it right."""
        actor = self.model.actor
        if name == "actor":
            fits = actor.installed is not None
            actor.enabled |= fits
            if fits and actor.state != "closed":
                actor.resume()
        else:
            fits = self.model.needy_installed and actor.enabled
            self.model.needy_enabled |= fits
        self._answered(self.world.client.post(f"/plugins/{name}/enable"), Status.OK if fits else Status.CONFLICT)

    def disable(self, name: str) -> None:
        """Disable a plugin."""
        if name == "actor":
            fits = self.model.actor.enabled and not self.model.needy_enabled
            self.model.actor.enabled &= not fits
        else:
            fits = self.model.needy_enabled
            self.model.needy_enabled = False
        self._answered(self.world.client.post(f"/plugins/{name}/disable"), Status.NOTHING if fits else Status.CONFLICT)

    @rule(industry=st.sampled_from(["moved", "other", None]))
    def configure(self, industry: str | None) -> None:
        """Change the plugin's setting, or bring it back to its default."""
        actor = self.model.actor
        fits = actor.installed is not None
        answer = self.world.client.patch("/plugins/actor/settings", {"settings": {"industry": industry}})
        self._answered(answer, Status.NOTHING if fits else Status.CONFLICT)
        if fits and industry is not None:
            actor.settings["industry"] = industry
        elif fits:
            actor.settings.pop("industry", None)

    @rule()
    def resume(self) -> None:
        """Say that the plugin is in order."""
        answer = self.world.client.post("/plugins/actor/resume")
        if not self.model.actor.known:
            self._answered(answer, Status.NOT_FOUND)
            return
        assert self._answered(answer, Status.OK)["resumed"] is self.model.actor.resume()

    # ------------------------------------------------------------------------------------ accounts

    @rule(descriptions=st.lists(_modes, min_size=1, max_size=3))
    def create_some(self, descriptions: list[str]) -> None:
        """Create accounts one after the other."""
        for description in descriptions:
            self.create(description)

    def create(self, description: str) -> None:
        """Create an account."""
        name = self._name()
        answer = self.world.client.post("/accounts", {"name": name, "description": description})
        wanted = Account("", name, description)
        called = self.model.actor.called
        status = self.model.before_write(description)
        if status is Status.OK:
            wanted.id = answer.json().get("id", "")
            self._patched(wanted, called=called)
            status = self.model.after_writes(wanted)
        self._answered(answer, Status.CREATED if status is Status.OK else status)
        if status is Status.OK:
            self.model.accounts[wanted.id] = wanted

    @precondition(lambda self: self.model.accounts)
    @rule(place=_places, description=_modes, seen=st.sampled_from(["right", "stale", "none", "right"]))
    def update(self, place: int, description: str, seen: str) -> None:
        """Change an account that the client has seen as it is, as it was, or not at all."""
        account = self._pick(list(self.model.accounts.values()), place)
        headers = {"right": {"if_match": f'"{account.version}"'}, "stale": {"if_match": f'"{account.version + 1}"'}}
        answer = self.world.client.patch(
            f"/accounts/{account.id}", {"description": description}, **headers.get(seen, {})
        )
        self._answered(answer, self._updated(account, description, stale=seen == "stale"))

    def _updated(self, account: Account, description: str, *, stale: bool) -> Status:
        if account.deleted:
            return Status.NOT_FOUND
        if stale:
            return Status.CONFLICT
        called = self.model.actor.called
        status = self.model.before_write(description)
        if status is not Status.OK:
            return status
        new = replace(account, description=description, version=account.version + 1)
        self._patched(new, called=called)
        if not called and description == account.description:
            return Status.OK
        return self._written(new)

    @precondition(lambda self: self.model.accounts)
    @rule(place=_places)
    def delete(self, place: int) -> None:
        """Delete an account."""
        account = self._pick(list(self.model.accounts.values()), place)
        answer = self.world.client.delete(f"/accounts/{account.id}")
        status = Status.NOT_FOUND if account.deleted else self.model.before_delete(account)
        if status is Status.OK:
            status = self._written(replace(account, deleted=True, version=account.version + 1))
        self._answered(answer, Status.NOTHING if status is Status.OK else status)

    @precondition(lambda self: self.model.binned())
    @rule(place=_places)
    def restore(self, place: int) -> None:
        """Bring a deleted account back; one that was merged stays where it is."""
        account = self._pick(self.model.binned(), place)
        answer = self.world.client.post(f"/accounts/{account.id}/restore")
        status = Status.REFUSED if account.merged_into else Status.OK
        if status is Status.OK:
            status = self._written(replace(account, deleted=False, version=account.version + 1))
        self._answered(answer, status)

    @precondition(lambda self: len(self.model.live()) > 1)
    @rule(place=_places)
    def merge(self, place: int) -> None:
        """Merge one account into another; what the winner lacks it gets from the loser."""
        live = self.model.live()
        winner, loser = self._pick(live, place), self._pick(live, place + 1)
        answer = self.world.client.post(f"/accounts/{winner.id}/merge", {"loser_id": loser.id})
        won = replace(winner, version=winner.version + 1, industry=winner.industry or loser.industry)
        lost = replace(loser, version=loser.version + 1, deleted=True, merged_into=winner.id)
        status = self._written(won, lost)
        if status is Status.OK:
            self.model.follow(loser, winner)
        self._answered(answer, status)

    @rule(descriptions=st.lists(st.sampled_from(["plain", "change", "veto", "api"]), min_size=1, max_size=3))
    def load(self, descriptions: list[str]) -> None:
        """Import a small file; a row that is refused does not keep the others out."""
        rows = [(self._name(), description) for description in descriptions]
        called = self.model.actor.called
        outcome = self.world.load(rows)
        made = {each["name"]: each["id"] for each in self.world.all(self.world.client)}
        refused = 0
        for name, description in rows:
            status = self.model.before_write(description)
            refused += status is not Status.OK
            if status is Status.OK:
                account = Account(made[name], name, description)
                self._patched(account, called=called)
                assert self.model.after_writes(account) is Status.OK
                self.model.accounts[account.id] = account
        assert (outcome.rows, outcome.failed) == (len(rows), refused), outcome

    @rule(description=_modes)
    def search(self, description: str) -> None:
        """List the accounts with a description."""
        found = {each["id"] for each in self.world.all(self.world.client, description=description)}
        assert found == {each.id for each in self.model.live() if each.description == description}

    # ----------------------------------------------------------------------------------- what holds

    @invariant()
    def accounts_are_as_they_should_be(self) -> None:
        """Compare both tenants' accounts, the bin and what the plugin made through the core's services."""
        shown = self.model.actor.enabled
        for there, deleted in ((self.model.live(), "false"), (self.model.binned(), "true")):
            found = {each["id"]: _account(each) for each in self.world.all(self.world.client, deleted=deleted)}
            _require_same(found, {each.id: _shown(each, fields=shown) for each in there})
        answer = self.world.client.get("/activities", limit=200)
        _require_same(len(answer.json()["data"]), self.model.activities)
        _require_same(self.world.all(self.world.other), self.of_other)

    @invariant()
    def plugins_are_as_they_should_be(self) -> None:
        """Compare what the API says of the plugins."""
        found = {each["id"]: each for each in self.world.client.get("/plugins").json()["data"]}
        actor = self.model.actor
        installed = {"actor": actor.installed is not None, "needy": self.model.needy_installed}
        _require_same(set(found), {name for name, there in installed.items() if there})
        if actor.installed is not None:
            it = found["actor"]
            state = "quarantined" if actor.state == "quarantined" else "loaded"
            breaker = (it["health"] or {"breaker": "closed"})["breaker"]
            _require_same(
                (it["version"], it["state"], it["enabled"], it["settings"], breaker),
                (actor.installed, state, actor.enabled, actor.settings, actor.state),
            )
        if self.model.needy_installed:
            _require_same((found["needy"]["state"], found["needy"]["enabled"]), ("loaded", self.model.needy_enabled))
        of_other = self.world.other.get("/plugins").json()["data"]
        _require_same(
            [(each["enabled"], each["settings"], each["health"]) for each in of_other],
            [(False, {}, None) for _ in found],
        )

    @invariant()
    def audit_trails_are_whole(self) -> None:
        """Verify the chains of both tenants."""
        _require_same(self.world.audit_problems(), [])

    @invariant()
    def the_database_is_as_it_should_be(self) -> None:
        """Compare the plugin's rows, its tables and the core's catalog, read past the product."""
        self.steps += 1
        all_seeing(self.all_seeing_url, self._compare)

    def _compare(self, connection: Connection) -> None:
        actor = self.model.actor
        found = catalogs(connection)
        _require_same(sorted([*found["core"], *found["plat"]]), self.catalog)
        _require_same(bool(found.get("plg_actor")), actor.kept is not None)
        if actor.kept is None:
            return
        columns = ["account_id", "tenant_id", "version", *(["mood"] if actor.kept != VERSIONS[0] else [])]
        ids = {"account_id", "tenant_id"}
        note = sa.table(
            "note", *(sa.column(each, sa.Uuid if each in ids else None) for each in columns), schema="plg_actor"
        )
        rows = list(connection.execute(sa.select(note)).mappings())
        _require_same(
            sorted((str(row["account_id"]), row["version"], str(row.get("mood"))) for row in rows),
            sorted((account_id, version, str(mood)) for account_id, version, mood in actor.notes.elements()),
        )
        anchors = set(connection.execute(sa.select(record.c.id)).scalars())
        _require_same({row["tenant_id"] for row in rows} - {self.world.tenants[0]}, set())
        _require_same({row["account_id"] for row in rows} - anchors, set())

    def _written(self, *accounts: Account) -> Status:
        """Tell the plugin of accounts that were written; if it lets them be, so they are."""
        status = self.model.after_writes(*accounts)
        if status is Status.OK:
            self.model.accounts.update({each.id: each for each in accounts})
        return status

    def _patched(self, account: Account, *, called: bool) -> None:
        """Let the plugin change an account before it is written."""
        if called:
            account.seen = account.version
            if account.description == "change":
                account.industry = self.model.actor.industry

    def _name(self) -> str:
        self.numbers += 1
        return f"account {self.numbers}"

    @staticmethod
    def _pick(accounts: list[Account], place: int) -> Account:
        return accounts[place % len(accounts)]

    @staticmethod
    def _answered(answer: httpx.Response, status: Status) -> Any:
        assert answer.status_code == status, answer.text
        if status in {Status.FAILED, Status.UNAVAILABLE}:
            assert "actor@1." in answer.json()["detail"], answer.text
        return answer.json() if answer.content else None


def _require_same(found: Any, wanted: Any) -> None:
    """Compare what is there with what the model has; a failure shows both."""
    assert found == wanted, f"found:\n{found}\nwanted:\n{wanted}"


def _core_catalog(connection: Connection) -> list[str]:
    found = catalogs(connection)
    return sorted([*found["core"], *found["plat"]])


def _account(answer: Mapping[str, Any]) -> tuple[Any, ...]:
    seen = answer["plugins"].get("actor", {}).get("seen")
    return (*(answer[name] for name in ("name", "description", "industry", "version")), seen)


def _shown(account: Account, *, fields: bool) -> tuple[Any, ...]:
    return (account.name, account.description, account.industry, account.version, account.seen if fields else None)
