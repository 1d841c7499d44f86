"""What is said to the server late, together or not at all has the effect of what was asked for at once."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from crm_core.db.controls import Controls
from crm_core.db.rights import PluginRights
from crm_core.db.roles import Roles

ROLES = Roles("crm")
LOYALTY = PluginRights("loyalty", "loyalty@1.0.0")
RIGHTS = (None, LOYALTY, PluginRights("loyalty", "loyalty@1.0.0", statement_ms=7), PluginRights("books", "books@1.0.0"))
ENTER = (
    'SET LOCAL ROLE "crm_plg_loyalty"; SET LOCAL statement_timeout TO 2000; SET LOCAL lock_timeout TO 1000;'
    ' SET LOCAL search_path TO "plg_loyalty", pg_temp'
)
LEAVE = (
    'SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL ROLE "crm_app"; SET LOCAL statement_timeout TO DEFAULT;'
    " SET LOCAL lock_timeout TO DEFAULT; SET LOCAL search_path TO DEFAULT"
)
CORE = ('"crm_app"', "DEFAULT", "DEFAULT")


def place_of(rights: PluginRights | None) -> tuple[str, ...]:
    """Return role, time limit and search path that statements with these rights must find."""
    if rights is None:
        return CORE
    return f'"crm_plg_{rights.plugin}"', str(rights.statement_ms), f'"plg_{rights.plugin}", pg_temp'


class Server:
    """What PostgreSQL makes of the commands; an impossible one is an error."""

    def __init__(self) -> None:
        self.open = False
        self.place = list(CORE)
        self.savepoints: list[tuple[str, list[str]]] = []

    def hear(self, text: str | None) -> None:
        for command in text.split("; ") if text else ():
            words = command.split()
            if words[0] == "BEGIN":
                assert not self.open
                self.open = True
            elif words[0] in {"COMMIT", "ROLLBACK"} and len(words) == 1:
                self.end()
            else:
                assert self.open, command
                self._inside(words)

    def end(self) -> None:
        self.__init__()  # type: ignore[misc]

    def _inside(self, words: list[str]) -> None:
        names = [name for name, _ in self.savepoints]
        if words[0] == "SAVEPOINT":
            self.savepoints.append((words[1], list(self.place)))
        elif words[0] == "RELEASE":
            del self.savepoints[names.index(words[2]) :]
        elif words[0] == "ROLLBACK":
            place = names.index(words[3])
            self.place = list(self.savepoints[place][1])
            del self.savepoints[place + 1 :]
        elif words[1] != "CONSTRAINTS":
            index = {"ROLE": 0, "statement_timeout": 1, "search_path": 2}.get(words[2])
            if index is not None:
                self.place[index] = " ".join(words[3 if index == 0 else 4 :])


@given(st.data())
def test_the_server_is_always_where_the_connection_says(data: Any) -> None:
    controls, server, number = Controls(ROLES), Server(), 0
    names: list[str] = []
    for _ in range(data.draw(st.integers(0, 25))):
        choices = ["statement", "become"]
        choices += ["savepoint", "commit", "rollback"] if controls.in_transaction else ["begin"]
        choices += ["release", "rollback_to"] if names else []
        match data.draw(st.sampled_from(choices)):
            case "begin":
                controls.begin()
            case "become":
                controls.become(data.draw(st.sampled_from(RIGHTS)))
            case "savepoint":
                number += 1
                names.append(f"sp{number}")
                controls.savepoint(names[-1])
            case "release":
                controls.release(names.pop())
            case "rollback_to":
                place = data.draw(st.integers(0, len(names) - 1))
                server.hear(controls.rollback_to(names[place]))
                del names[place:]
            case "statement":
                server.hear(controls.take())
                assert server.open == controls.in_transaction
                assert tuple(server.place) == place_of(controls.rights)
                assert [name for name, _ in server.savepoints] == names
            case ended:
                server.hear(controls.committing() if ended == "commit" else controls.rolling_back())
                controls.ended()
                names.clear()
                assert not server.open
                assert controls.rights is None


def test_entering_and_leaving_are_two_texts() -> None:
    controls = Controls(ROLES)
    controls.begin()
    controls.savepoint("sp1")
    controls.become(LOYALTY)
    assert controls.take() == f"BEGIN; SAVEPOINT sp1; {ENTER}"
    controls.release("sp1")
    controls.become(None)
    # What the transaction's end takes back by itself is not said; the plugin's triggers still run as the plugin.
    assert controls.committing() == "RELEASE SAVEPOINT sp1; SET CONSTRAINTS ALL IMMEDIATE; COMMIT"


def test_without_roles_the_limits_remain() -> None:
    controls = Controls(None)
    controls.begin()
    controls.become(LOYALTY)
    assert controls.take() == f"BEGIN; {ENTER.partition('; ')[2]}"
    controls.become(None)
    assert controls.take() == LEAVE.replace(' SET LOCAL ROLE "crm_app";', "")


def test_what_nobody_has_heard_of_is_not_taken_back_aloud() -> None:
    controls = Controls(ROLES)
    controls.begin()
    controls.savepoint("sp1")
    controls.become(LOYALTY)
    assert controls.rollback_to("sp1") is None
    assert controls.rights is None
    controls.savepoint("sp2")
    controls.release("sp2")
    assert controls.committing() is None
    assert controls.rolling_back() is None


def test_another_plugin_s_rights_follow_without_the_core_s_between() -> None:
    controls = Controls(ROLES)
    controls.begin()
    controls.become(RIGHTS[3])
    controls.take()
    controls.become(LOYALTY)
    assert controls.take() == f"SET CONSTRAINTS ALL IMMEDIATE; {ENTER}"


def test_a_plugin_has_no_rights_outside_of_a_transaction() -> None:
    controls = Controls(ROLES)
    controls.become(LOYALTY)
    assert controls.rights is None
    assert controls.take() is None
