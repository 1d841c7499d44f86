"""The wall "no_new_privs": no program this process could ever start would have more rights than it has."""

from __future__ import annotations

from crm_core.isolation.confinement.kernel import prctl

_PR_SET_NO_NEW_PRIVS = 38


def build() -> None:
    """Build the wall; the kernel has no way to take it down again, and the walls after it need it."""
    prctl(_PR_SET_NO_NEW_PRIVS, 1)
