from __future__ import annotations

import pytest

from crm_core.isolation.confinement.report import ConfinementError, Report


def test_every_missing_wall_is_named_with_its_reason() -> None:
    report = Report(frozenset({"rlimits"}), {"uid": "no root here", "landlock": "no Landlock here"})
    report.require(frozenset({"rlimits"}), "loyalty")
    with pytest.raises(ConfinementError) as caught:
        report.require(frozenset({"uid", "landlock", "rlimits"}), "loyalty")
    assert str(caught.value) == (
        "plugin loyalty may not run here: walls that must stand around it are missing (landlock: no Landlock here; "
        "uid: no root here); put right what is in their way, or take these walls out of CRM_ISOLATION_REQUIRE"
    )
