from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.support.commands import crm
from tests.support.wheels import write_wheel

if TYPE_CHECKING:
    from pathlib import Path


def test_an_operator_trusts_a_plugin_and_takes_it_back(tmp_path: Path) -> None:
    environment: Any = {"CRM_DATABASE_URL": f"sqlite:///{tmp_path / 'crm.db'}"}
    crm("init", **environment)
    answer = json.loads(crm("plugin", "trust", "loyalty", "--tier", "isolated", "--json", **environment))
    assert (answer["plugin"], answer["tier"], len(answer["digest"])) == ("loyalty", "isolated", 64)
    assert "loyalty is trusted as it is now and runs in process" in crm("plugin", "trust", "loyalty", **environment)
    shown = {each["id"]: each for each in json.loads(crm("plugin", "list", "--json", **environment))}
    assert shown["loyalty"]["tier"] == "in_process"
    assert shown["loyalty"]["tier_reason"].startswith("in process: trusted by operator ")
    assert "loyalty is trusted no longer" in crm("plugin", "distrust", "loyalty", **environment)
    assert "no operator trusts plugin loyalty" in crm("plugin", "distrust", "loyalty", code=1, **environment)
    assert "there is no such tier" in crm("plugin", "trust", "loyalty", "--tier", "safe", code=1, **environment)
    assert "no package of plugin 'absent'" in crm("plugin", "trust", "absent", code=1, **environment)


def test_a_partner_signs_and_an_operator_trusts_the_key(tmp_path: Path) -> None:
    environment: Any = {"CRM_DATABASE_URL": f"sqlite:///{tmp_path / 'crm.db'}"}
    crm("init", **environment)
    key, wheel = tmp_path / "acme.key", write_wheel(tmp_path, "books")
    public = crm("plugin", "keygen", str(key)).strip()
    assert crm("plugin", "sign", str(wheel), "--key", str(key)) == f"{wheel.name} is signed with the key {public}\n"
    crm("plugin", "trust-key", "acme", public, **environment)
    assert public in crm("plugin", "keys", **environment)
    crm("plugin", "distrust-key", "acme", **environment)
    assert crm("plugin", "keys", **environment) == "no key is trusted\n"
    assert "no key is trusted as 'acme'" in crm("plugin", "distrust-key", "acme", code=1, **environment)
