"""Run one plugin: ``python -m crm_core.isolation.worker DESCRIPTOR``, started by ``isolation.process``."""

from __future__ import annotations

import sys

from crm_core.isolation import protocol
from crm_core.isolation.attach import attach
from crm_core.isolation.confinement import ConfinementError, confine
from crm_core.isolation.failures import failure_of
from crm_core.isolation.values import encode_tree
from crm_core.isolation.worker.serving import Serving


def main() -> None:
    """Raise the walls, then serve; nothing of the plugin is imported before they stand."""
    channel, spec = attach(sys.argv)
    try:
        report = confine(spec)
    except ConfinementError as error:
        # Instead of an answer to the first question: the administrator reads which wall is missing and what to do.
        channel.send(encode_tree(protocol.Failed(failure_of(error))))
        sys.exit(1)
    # Behind the libraries, as in a process of the core: nothing of a plugin stands in for one of theirs.
    sys.path += [path for path in spec.paths if path not in sys.path]
    Serving(channel, report).run()


if __name__ == "__main__":
    main()
