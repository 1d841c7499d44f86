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
    "frames": "reaches the unit of work through the frames of its callers",
    "traceback_frames": "reaches the core's objects through the frames of a traceback",
    "import_the_core": "replaces a function of the core; later writes fail until the server is restarted",
    "builtins": "replaces a builtin; the server answers nobody any more",
    "recursion_limit": "takes the depth of the stack that the server needs",
    "environment_variables": "reads the server's environment",
    "core_by_name": "reads the database's URL, and could open the database with it",
    "database_file": "opens the file of an SQLite database beside the server",
    "host_file": "reads files that the server's account may read",
    "change_code_on_disk": "writes files where the server's account may",
    "start_process": "starts programs",
    "fork": "forks the server",
    "network": "sends what it likes over the network",
    "database_network": "connects to the database's server",
    "trace_host": "opens the memory of a process of the same account",
    "kill_host": "stops or ends the server by a signal",
    "exit_process": "ends the process it runs in",
    "abort": "ends the process it runs in",
    "segfault": "crashes the process it runs in",
    "endless_loop_that_catches": "catches what should stop it, and holds its thread",
    "sleep": "holds its thread in a call that nothing interrupts",
    "catastrophic_pattern": "holds the interpreter in a call that nothing interrupts",
    "migration_ends_process": "ends the operator's command as if it had worked",
    "migration_reads_environment": "reads the environment of the operator's command",
    "migration_reads_host_file": "reads files that the operator may read",
    "migration_starts_program": "starts programs as the operator",
}
