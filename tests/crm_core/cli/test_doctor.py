from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from crm_core.db.migrate import in_transaction
from tests.support.commands import crm

if TYPE_CHECKING:
    from pathlib import Path


def test_the_doctor_tells_each_check_and_the_lines_that_differ(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'crm.db'}"
    environment: Any = {"CRM_DATABASE_URL": url, "CRM_ISOLATION_REQUIRE": ""}
    assert "  missing  connection: there is no CRM database yet; run crm init" in crm("doctor", code=1, **environment)
    crm("init", **environment)
    text = crm("doctor", "--fingerprint", **environment)
    assert "  ok       schema core: at core_0001, as this version needs it" in text
    assert "  ok       core: " in text

    in_transaction(url, lambda connection: connection.exec_driver_sql("CREATE INDEX mine ON account (name)"))
    answer = crm("doctor", "--fingerprint", code=1, **environment)
    assert '           + index mine: ["account", "CREATE INDEX mine ON account (name)"]' in answer
    told = json.loads(crm("doctor", "--accept", "--json", **environment))
    assert {each["status"] for each in told["checks"] if each["section"] == "fingerprint"} == {"ok"}
    assert {"scope", "digest", "kept", "taken_at", "taken_by", "added", "removed"} == told["fingerprints"][0].keys()
    assert "1 lines differ" not in crm("doctor", "--fingerprint", **environment)
