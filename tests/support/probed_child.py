"""Started with ``python -c`` as a worker: confines itself if told to, then calls the probes it is asked for."""

from __future__ import annotations

import json
import sys
from typing import Any

from crm_core.isolation.attach import attach
from crm_core.isolation.confinement import confine


def main() -> None:
    channel, spec = attach(sys.argv)
    order = json.loads(channel.receive())
    report = confine(spec) if order["confined"] else None
    # The probes are executed as text: their folder is out of reach, and their imports are to happen behind the walls.
    probes: dict[str, Any] = {"__name__": "probes"}
    for text in order["probes"]:
        exec(compile(text, "probes", "exec"), probes)  # noqa: S102 - the text is the test's own
    standing = sorted(report.standing) if report else []
    missing = dict(report.missing) if report else {}
    channel.send(json.dumps([standing, missing, spec.scratch]).encode())
    while True:
        name, arguments = json.loads(channel.receive())
        try:
            answer = {"returned": probes[name](*arguments)}
        except BaseException as error:  # noqa: BLE001 - whatever a wall makes of a probe is the result
            answer = {"raised": type(error).__name__, "text": str(error)}
        channel.send(json.dumps(answer).encode())


main()
