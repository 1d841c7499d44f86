"""What code in the server's own process can do whatever the core does; nothing of it happens in the isolated tier.

Python has no wall inside a process: who runs in it reaches its memory, its descriptors, its signals and its end. These
attacks are run like all others, and their harm is counted and listed in SECURITY.md.
"""

from __future__ import annotations

RESIDUE = {
    "record_of_core_by_gc": "reaches the unit of work through the garbage collector",
    "private_attribute": "reaches the unit of work through private attributes",
    "driver_connection": "reaches the driver's connection through private attributes",
    "read_other_module": "reads another plugin's memory",
}
