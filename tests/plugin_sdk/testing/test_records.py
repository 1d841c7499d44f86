from __future__ import annotations

from typing import Any

import pytest

from crm_core.schema import RECORD_TABLES
from plugin_sdk.manifest import FieldKind, Manifest
from plugin_sdk.testing.client import Client
from plugin_sdk.testing.records import PATHS, create_minimal, sample_value


def test_every_record_type_of_the_core_has_a_path() -> None:
    assert set(PATHS) == set(RECORD_TABLES)


def test_an_unknown_record_type_is_named() -> None:
    with (
        Client("http://127.0.0.1:1") as client,
        pytest.raises(LookupError, match=r"known for invoice; known: account,"),
    ):
        create_minimal(client, "invoice")


@pytest.mark.parametrize("kind", FieldKind)
def test_fields_accept_their_sample(kind: FieldKind) -> None:
    declared: dict[str, Any] = {"record_type": "account", "key": "value", "kind": kind.value, "label": {"en": "Value"}}
    if kind is FieldKind.CHOICE:
        declared["choices"] = ["bronze", "silver"]
    if kind is FieldKind.TEXT:
        declared["max_length"] = 3
    plugin = {"id": "a", "name": "A", "version": "1.0.0", "summary": "A", "sdk": "*", "core": "*"}
    (spec,) = Manifest.from_json({"format": 1, "plugin": plugin, "fields": [declared]}).fields

    assert spec.validate(sample_value(spec)) is not None
