from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_sdk.errors import SettingError
from plugin_sdk.manifest import Manifest

MANIFEST = Manifest.parse(
    b"""
[plugin]
id = "loyalty"
name = "Loyalty points"
version = "1.0.0"
summary = "Points for orders"
sdk = "*"
core = "*"

[settings]
points_per_unit = { kind = "decimal", default = "1.5", min = "0", max = "100" }
prefix = { kind = "text", default = "LP", pattern = "[A-Z]{2}" }
token = { kind = "text", required = true, secret = true }
mode = { kind = "choice", choices = ["slow", "fast"] }
days = { kind = "integer", default = 30, min = 1, max = 90 }
active = { kind = "boolean", default = false }
""",
    source="crm-plugin.toml",
)


def test_settings_are_filled_in_and_converted() -> None:
    assert MANIFEST.validate_settings({"token": "s3cret", "points_per_unit": "2.50", "mode": "fast"}) == {
        "points_per_unit": Decimal("2.50"),
        "prefix": "LP",
        "token": "s3cret",
        "mode": "fast",
        "days": 30,
        "active": False,
    }
    assert MANIFEST.validate_settings({"token": "t", "mode": None})["mode"] is None


def test_all_wrong_settings_come_at_once_and_secrets_stay_hidden() -> None:
    given_settings = {"dayz": 1, "token": 12345, "points_per_unit": 1.5, "prefix": "lp", "mode": "x", "days": 0}
    with pytest.raises(SettingError) as caught:
        MANIFEST.validate_settings(given_settings)
    lines = str(caught.value).splitlines()
    assert [line.split(" = ")[0] for line in lines] == [
        "settings.dayz", "settings.points_per_unit", "settings.prefix", "settings.token", "settings.mode",
        "settings.days",
    ]  # fmt: skip
    assert lines[0].endswith('unknown setting; did you mean "days"?')
    assert lines[-1] == "settings.days = 0: too small; use 1 or more"
    assert "12345" not in str(caught.value)


def test_a_required_setting_must_be_given() -> None:
    with pytest.raises(SettingError, match=r"settings\.token = null: required; give it a value"):
        MANIFEST.validate_settings({"token": None})


def test_one_setting_says_what_is_wrong_with_it() -> None:
    spec = MANIFEST.settings["points_per_unit"]
    assert spec.validate(3) == Decimal(3)
    with pytest.raises(SettingError) as caught:
        spec.validate("1e3")
    error: Any = caught.value
    assert (error.key, error.value, error.reason) == (
        "points_per_unit", "1e3", "not a decimal number of at most 15 digits and 4 decimals",
    )  # fmt: skip
    assert "12.50" in error.fix


@given(
    st.fixed_dictionaries(
        {"token": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))},
        optional={
            "points_per_unit": st.decimals(0, 100, places=4) | st.integers(0, 100),
            "days": st.integers(1, 90),
            "active": st.booleans(),
        },
    )
)
def test_dumped_settings_validate_to_the_same_values(settings: dict[str, object]) -> None:
    dumped = json.loads(json.dumps(MANIFEST.dump_settings(settings)))
    assert MANIFEST.validate_settings(dumped) == MANIFEST.validate_settings(settings)
