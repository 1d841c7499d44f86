"""Who may do what: every role tried on every route. ``python -m tests.crm_core.identity.matrix`` rewrites the file.

A role may do what does not answer 403. The ids in the paths are nobody's, so that nothing but permissions decides.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crm_core.db.migrate import migrate
from crm_core.identity.roles import ROLES
from tests.crm_core.identity.routes_of import operations
from tests.support.app import run, running

if TYPE_CHECKING:
    import httpx

    from tests.crm_core.identity.routes_of import Operation

FILE = Path(__file__).with_name("authorization_matrix.txt")
_HEAD = """\
# Which role may use which route ("yes") and which is answered 403 ("-"). Written by
#   python -m tests.crm_core.identity.matrix
# and compared by test_authorization.py: a change here is a change of what people may do. Review it as such.
"""


async def matrix(url: str) -> str:
    """Return the matrix of a migrated database's application."""
    async with running(url) as app:
        clients = {role: app.client(role) for role in ROLES}
        found = operations(app.app)
        rows = [["route", *clients]]
        rows += [[str(each), *[await _verdict(client, each) for client in clients.values()]] for each in found]
    width = max(len(row[0]) for row in rows)
    lines = [" ".join([row[0].ljust(width), *(cell.ljust(13) for cell in row[1:])]).rstrip() for row in rows]
    return _HEAD + "\n".join(lines) + "\n"


async def _verdict(client: httpx.AsyncClient, operation: Operation) -> str:
    content: dict[str, Any] = {} if operation.method == "GET" else {"json": operation.body}
    answer = await client.request(operation.method, operation.filled({}), **content)
    if answer.status_code >= 500 or answer.status_code in {400, 401, 405}:
        message = f"{operation} with {operation.body} answered {answer.status_code}: {answer.text}"
        raise AssertionError(message)
    statuses = [answer.status_code]
    if operation.path.endswith("/bulk") and answer.is_success:
        statuses = [row["status"] for row in answer.json()["results"]]
    return "-" if 403 in statuses else "yes"


def _main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder, 'crm.db').as_posix()}"
        migrate(url)
        FILE.write_text(run(matrix(url)), encoding="utf-8")


if __name__ == "__main__":
    _main()
