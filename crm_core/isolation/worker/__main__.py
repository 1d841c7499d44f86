"""Run one plugin: ``python -m crm_core.isolation.worker DESCRIPTOR``, started by ``isolation.process``."""

from __future__ import annotations

import sys

from crm_core.isolation.attach import attach
from crm_core.isolation.confinement import confine
from crm_core.isolation.worker.serving import Serving


def main() -> None:
    """Raise the walls, then serve; nothing of the plugin is imported before they stand."""
    channel, spec = attach(sys.argv)
    report = confine(spec)
    sys.path[:0] = spec.paths
    Serving(channel, report).run()


if __name__ == "__main__":
    main()
