from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_sdk.manifest import FieldKind, Manifest, SettingKind
from plugin_sdk.testing.strategies import fields_of, settings_of, values_of

PLUGIN = {
    "id": "sample",
    "name": "Sample",
    "version": "1.0.0",
    "summary": "A plugin of these tests",
    "sdk": "^0.1",
    "core": "*",
}
LABEL = {"en": "Label"}
CHOICES = st.lists(st.sampled_from(["bronze", "silver", "gold", "ünïcode"]), min_size=1, unique=True)
PATTERNS = st.sampled_from(["[A-Z]{2}", r"\d+", "^x$", "a|b*", "(?i)key-[0-9a-f]{8}", ".{0,3}"])


@st.composite
def field_declarations(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(FieldKind))
    declared: dict[str, Any] = {"record_type": "account", "key": "value", "kind": kind.value, "label": LABEL}
    if kind is FieldKind.CHOICE:
        declared["choices"] = draw(CHOICES)
    if kind is FieldKind.TEXT and draw(st.booleans()):
        declared["max_length"] = draw(st.integers(1, 4000))
    return declared


@st.composite
def setting_declarations(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(SettingKind))
    declared: dict[str, Any] = {"kind": kind.value, "required": draw(st.booleans())}
    if kind is SettingKind.CHOICE:
        declared["choices"] = draw(CHOICES)
    if kind is SettingKind.TEXT:
        declared |= draw(st.fixed_dictionaries({}, optional={"pattern": PATTERNS, "max_length": st.integers(11, 4000)}))
    if kind in (SettingKind.INTEGER, SettingKind.DECIMAL):
        bounds = sorted(draw(st.lists(st.integers(-(10**15) + 1, 10**15 - 1), min_size=2, max_size=2)))
        chosen = draw(st.sets(st.sampled_from(["min", "max"])))
        declared |= {key: bound for key, bound in zip(["min", "max"], bounds, strict=True) if key in chosen}
    return declared


def manifest(**parts: Any) -> Manifest:
    return Manifest.from_json({"format": 1, "plugin": PLUGIN, **parts})


@given(st.data(), field_declarations())
def test_every_field_accepts_its_values(data: st.DataObject, declared: dict[str, Any]) -> None:
    (field,) = manifest(fields=[declared]).fields

    value = data.draw(values_of(field))

    assert value is not None
    assert field.validate(value) is not None


@given(st.data(), st.dictionaries(st.sampled_from(["first", "second", "third"]), setting_declarations()))
def test_every_manifest_accepts_its_settings(data: st.DataObject, declared: dict[str, Any]) -> None:
    sample = manifest(settings=declared)

    settings = data.draw(settings_of(sample))

    checked = sample.validate_settings(settings)
    assert checked.keys() == declared.keys()
    assert {key for key, value in checked.items() if value is None} == declared.keys() - settings.keys()


@given(st.data())
def test_only_fields_of_the_record_type_that_callers_may_write_get_values(data: st.DataObject) -> None:
    field = {"record_type": "account", "kind": "integer", "label": LABEL}
    sample = manifest(
        fields=[
            field | {"key": "written"},
            field | {"key": "by_plugin", "writable": "plugin"},
            field | {"key": "computed", "computed": True},
            field | {"key": "elsewhere", "record_type": "lead"},
        ]
    )

    assert data.draw(fields_of(sample, "account")).keys() <= {"written"}
    assert data.draw(fields_of(sample, "ticket")) == {}


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [("0.0001", "0.0001", {"0.0001"}), ("-1.5", "-1.5", {"-1.5", "-1.5000"}), ("0", "0", {"0", "0.0000"})],
)
def test_decimals_stay_inside_narrow_bounds(low: str, high: str, expected: set[str]) -> None:
    sample = manifest(settings={"rate": {"kind": "decimal", "min": low, "max": high, "required": True}})
    found: set[str] = set()

    @given(settings_of(sample))
    def draw(settings: dict[str, Any]) -> None:
        found.add(settings["rate"])

    draw()
    assert found == expected
