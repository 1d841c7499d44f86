from __future__ import annotations

import pytest

from crm_core.settings import Settings


def test_the_environment_is_read_and_arguments_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_DATABASE_URL", "sqlite:///other.db")
    monkeypatch.setenv("CRM_POOL_SIZE", "3")
    monkeypatch.setenv("CRM_BACKGROUND", "false")
    monkeypatch.setenv("CRM_REFRESH_SECONDS", "0.25")

    settings = Settings.from_environment(pool_size=None)
    assert (settings.database_url, settings.pool_size, settings.background) == ("sqlite:///other.db", 3, False)
    assert settings.refresh_seconds == 0.25
    assert Settings.from_environment(database_url="sqlite:///mine.db").database_url == "sqlite:///mine.db"


def test_a_value_of_the_wrong_kind_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_POOL_SIZE", "many")

    with pytest.raises(ValueError, match="CRM_POOL_SIZE='many' is not a int"):
        Settings.from_environment()
