"""A worker does not outlive its host, however the host ends."""

from __future__ import annotations

import os
import signal

from crm_core.isolation.confinement.kernel import prctl

_PR_SET_PDEATHSIG = 1


def die_with(host: int) -> None:
    """Let the kernel kill this process when the host does not live any more.

    A change of the uid takes this back, so it comes after it; whether the host ended in between is asked last.
    """
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != host:
        os.kill(os.getpid(), signal.SIGKILL)
