"""How attacks are written down: functions that a plugin runs inside one of its hooks.

These modules are copied into the attacking plugin's package and imported by the tests that count them, so they import
nothing but the standard library, SQLAlchemy and the SDK.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from plugin_sdk import Issue, Rejected

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[[Any, Any, Any], Any]

# The attack is over and this is what it could read; the judge looks for secrets in it.
LOOT = "loot"


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack or mistake: what a plugin tries inside the hook ``at``; a control is something legal."""

    id: str
    family: str
    title: str
    at: str
    run: Run
    control: bool = False


ATTACKS: dict[str, Attack] = {}


def attack(at: str = "record_after_write", *, control: bool = False) -> Callable[[Run], Run]:
    """Register a function as an attack named after it; its docstring's first line says what it tries."""

    def register(run: Run) -> Run:
        family = run.__module__.rsplit(".", 1)[-1]
        title = (run.__doc__ or "").strip().split("\n", 1)[0].rstrip(".")
        if run.__name__ in ATTACKS and ATTACKS[run.__name__].family != family:
            raise ValueError(f"two attacks are named {run.__name__}")
        ATTACKS[run.__name__] = Attack(run.__name__, family, title, at, run, control)
        return run

    return register


def control(at: str = "record_after_write") -> Callable[[Run], Run]:
    """Register something legal that every tier must allow."""
    return attack(at, control=True)


def loot(*found: object) -> NoReturn:
    """End the attack and show what was read."""
    raise Rejected([Issue(LOOT, " ".join(map(str, found))[:4000])])
