"""The scratch folder: where the host may mount, it is a small file system in memory that ends with its worker.

Elsewhere it is an ordinary folder, and a plugin could fill the disk it is on; nothing but a volume of its own for the
host's temporary files (TMPDIR) prevents that.
"""

from __future__ import annotations

import contextlib

from crm_core.isolation.confinement.kernel import syscall
from crm_core.isolation.confinement.syscalls import MACHINES

_MOUNT = dict(zip(MACHINES, (165, 40), strict=True))
_UNSHARE = dict(zip(MACHINES, (272, 97), strict=True))
_NEW_MOUNTS = 0x20000
_PRIVATE_BELOW = 1 << 18 | 1 << 14
_NO_DEVICES_PROGRAMS_OR_SETUID = 0b1110
_SIZE = b"size=64m,nr_inodes=1024,mode=0700"


def bound(folder: str, machine: str) -> None:
    """Put a file system of bounded size on the folder, seen by this process only, if this process may."""
    with contextlib.suppress(OSError):  # an ordinary user, or a container that may not mount
        syscall(_UNSHARE[machine], _NEW_MOUNTS)
        syscall(_MOUNT[machine], None, b"/", None, _PRIVATE_BELOW, None)  # so that the host does not see the next one
        syscall(_MOUNT[machine], b"tmpfs", folder.encode(), b"tmpfs", _NO_DEVICES_PROGRAMS_OR_SETUID, _SIZE)
