"""The wall "rlimits": memory, files and threads a worker can take from everybody else."""

from __future__ import annotations

import sys

from crm_core.isolation.confinement.report import WallMissing

_RESERVED = 512 * 2**20
"""Address space beyond the memory limit: libraries, and what malloc reserves per thread without using it."""
_LARGEST_FILE = 16 * 2**20
_OPEN_FILES = 64
_STACK = 8 * 2**20
_THREADS = 256


def build(memory_bytes: int, *, own_uid: bool) -> None:
    """Build the wall; limits only go down, and a worker without capabilities cannot raise them again.

    Processor time has no limit here: the host watches it call by call. The number of processes counts for a whole
    user, so it is limited only where the user is the plugin alone; elsewhere memory and seccomp bound threads and
    processes.
    """
    limits = {
        "RLIMIT_CORE": 0,
        "RLIMIT_FSIZE": _LARGEST_FILE,
        "RLIMIT_NOFILE": _OPEN_FILES,
        "RLIMIT_MEMLOCK": 0,
        "RLIMIT_STACK": _STACK,
        "RLIMIT_DATA": memory_bytes,
    }
    if sys.platform == "linux":
        limits |= {"RLIMIT_AS": memory_bytes + _RESERVED, "RLIMIT_MSGQUEUE": 0}
    if own_uid:
        limits |= {"RLIMIT_NPROC": _THREADS}
    _lower(limits)


def _lower(limits: dict[str, int]) -> None:
    try:
        import resource  # noqa: PLC0415 - some systems have none, and the host is to say so, not to fail
    except ImportError as error:
        message = f"{sys.platform} has no resource limits; run the host on Linux"
        raise WallMissing(message) from error
    for name, value in limits.items():
        limit = getattr(resource, name)
        hard = resource.getrlimit(limit)[1]
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (allowed, allowed))
