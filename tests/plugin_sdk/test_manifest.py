from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin_sdk.errors import ManifestError
from plugin_sdk.manifest import FieldKind, Manifest, UninstallPolicy, Writable
from plugin_sdk.versions import Range, parse_version
from tests.plugin_sdk.manifests import DOCUMENT, MINIMAL, VALID, paths


def test_a_full_manifest() -> None:
    manifest = Manifest.parse(VALID, source="crm-plugin.toml")
    assert manifest.label == "loyalty@1.0.0-rc.1"
    assert manifest.version == parse_version("1.0.0-rc.1")
    assert (manifest.sdk, manifest.core) == (Range.parse("^0.1"), Range.parse(">=0.1,<1"))
    assert manifest.requirements == ("REQ-7",)
    assert manifest.requires == {"lead_scoring": Range.parse("^1.0")}
    assert [str(grant) for grant in manifest.capabilities.api] == ["account:read", "*:create", "ticket:*"]
    assert manifest.capabilities.data == ("core:read",)
    assert manifest.tables == {"ledger": "One row per points movement."}
    tier, motto, balance = manifest.fields
    assert (tier.kind, tier.choices, tier.searchable, tier.writable) == ("choice", ("bronze", "silver"), True, "plugin")
    assert (tier.label, tier.help) == ({"en": "Tier", "zh": "等级"}, {"en": "From bronze to silver"})
    assert (motto.kind, motto.max_length, motto.writable, motto.pii) == (FieldKind.TEXT, 40, Writable.API, True)
    assert (balance.computed, balance.writable, balance.max_length) == (True, None, None)
    assert manifest.settings["points_per_unit"].default == Decimal("1.5")
    assert manifest.hooks["record_after_write"].record_types == ("sales_order",)
    assert manifest.hooks["record_after_write"].before == ("other_plugin",)
    assert manifest.hooks["record_after_write"].after == ("third",)
    assert (manifest.hooks["record_before_write"].record_types, manifest.hooks["record_before_write"].priority) == (
        None,
        10,
    )
    assert manifest.uninstall is UninstallPolicy.EXPORT
    assert manifest.pii_tables == ("ledger.note",)


def test_a_minimal_manifest_has_quiet_defaults() -> None:
    manifest = Manifest.parse(MINIMAL, source="crm-plugin.toml")
    assert (manifest.license, manifest.homepage, manifest.requirements) == ("", "", ())
    assert (manifest.fields, manifest.settings, manifest.hooks, manifest.tables) == ((), {}, {}, {})
    assert manifest.capabilities.api == ()
    assert manifest.uninstall is UninstallPolicy.KEEP


def test_capabilities_answer_for_a_record_type_and_an_action() -> None:
    capabilities = Manifest.parse(VALID, source="").capabilities
    assert capabilities.allows("account", "read")
    assert capabilities.allows("lead", "create")
    assert capabilities.allows("ticket", "delete")
    assert not capabilities.allows("account", "update")


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"\xff", "crm-plugin.toml: not UTF-8 at byte 0; save the file as UTF-8"),
        (b"[plugin", "not TOML: "),
        (b"x = " + b"[" * 5000, "; "),
        (b"x = " + b"9" * 5000, "not TOML: "),
        (b"#" * 300_000, "300000 bytes long"),
    ],
)
def test_a_file_that_is_no_toml(data: bytes, line: str) -> None:
    with pytest.raises(ManifestError) as caught:
        Manifest.parse(data, source="crm-plugin.toml")
    assert len(caught.value.problems) == 1
    assert line in str(caught.value)


def test_a_byte_order_mark_does_no_harm() -> None:
    assert Manifest.parse(b"\xef\xbb\xbf" + MINIMAL, source="").id == "a"


def test_a_stored_manifest_of_another_format_is_refused() -> None:
    stored = Manifest.parse(VALID, source="").to_json()
    with pytest.raises(ManifestError, match="stored manifest: format = 2: unknown format"):
        Manifest.from_json(stored | {"format": 2})


# ------------------------------------------------------------------------------------------ round trips

NAMES = st.lists(st.text("abz09", min_size=1, max_size=4), min_size=1, max_size=3).map(lambda it: "p" + "_".join(it))
LINES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)
RANGE_TEXTS = st.sampled_from(["*", "^1.2", ">=0.1,<1", "~0.3 || 2.x", "!=1.2.*", ">=2.0.0-rc.1"])
TEXTS = st.dictionaries(st.sampled_from(["zh", "pt-BR", "de"]), LINES).map(lambda texts: {"en": "Label", **texts})
CHOICES = st.lists(LINES, min_size=1, max_size=4, unique=True)
ON = st.sampled_from([True])
DECIMALS = st.decimals(-(10**15) + 1, 10**15 - 1, places=4).map(lambda number: format(number, "f"))


def table(needed: dict[str, st.SearchStrategy[Any]], /, **optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(needed, optional=optional)


def field_documents() -> st.SearchStrategy[Any]:
    common = {"record_type": NAMES, "label": TEXTS}
    plain = ["integer", "decimal", "money", "boolean", "date", "datetime"]
    flags = {"pii": st.booleans(), "help": TEXTS, "writable": st.sampled_from(["api", "plugin"])}
    return st.one_of(
        table({**common, "kind": st.sampled_from(plain)}, searchable=st.booleans(), **flags),
        table({**common, "kind": st.just("text")}, max_length=st.integers(1, 4000), **flags),
        table({**common, "kind": st.just("choice"), "choices": CHOICES}, searchable=st.booleans(), **flags),
        table({**common, "kind": st.just("json")}, **flags),
        table({**common, "kind": st.sampled_from(plain), "computed": ON}, pii=st.booleans()),
    )


def setting_documents() -> st.SearchStrategy[Any]:
    integers = st.integers(-(2**63), 2**63 - 1)
    return st.one_of(
        table({"kind": st.just("text")}, default=LINES, label=TEXTS, max_length=st.integers(20, 4000)),
        table({"kind": st.just("text"), "secret": ON}, required=st.booleans(), help=TEXTS),
        table({"kind": st.just("text"), "pattern": st.just("[a-z]*")}, default=st.just("abc")),
        table({"kind": st.just("decimal")}, default=DECIMALS, min=st.just("-999999999999999.9999")),
        table({"kind": st.just("integer")}, default=integers, max=st.just(2**63 - 1)),
        table({"kind": st.just("boolean")}, default=st.booleans()),
        CHOICES.map(lambda choices: {"kind": "choice", "choices": choices, "default": choices[-1]}),
    )


FIELDS = field_documents()
PLUGINS = table(
    {
        "id": st.just("own_id"),
        "name": LINES,
        "version": st.sampled_from(["1.2.0", "0.1.0-rc.1", "2.0.0+linux.1"]),
        "summary": LINES,
        "sdk": RANGE_TEXTS,
        "core": RANGE_TEXTS,
    },
    license=LINES,
    homepage=st.just("https://example.com"),
    requirements=CHOICES,
)
HOOKS = table(
    {},
    record_types=st.lists(NAMES, min_size=1, unique=True),
    before=st.lists(NAMES.map("{}_x".format), unique=True),
    after=st.lists(NAMES.map("{}_y".format), unique=True),
    on_conflict_priority=st.integers(-9, 9),
)
DOCUMENTS = st.fixed_dictionaries(
    {"plugin": PLUGINS},
    optional={
        "requires": st.dictionaries(NAMES, RANGE_TEXTS, max_size=3),
        "capabilities": table({}, api=st.lists(NAMES.map("{}:update".format), unique=True, max_size=3)),
        "tables": st.dictionaries(NAMES, LINES, max_size=3),
        "fields": st.dictionaries(NAMES, FIELDS, max_size=4).map(
            lambda fields: [field | {"key": key} for key, field in fields.items()]
        ),
        "settings": st.dictionaries(NAMES, setting_documents(), max_size=4),
        "hooks": st.dictionaries(NAMES, HOOKS, max_size=3),
        "uninstall": table({}, policy=st.sampled_from(["keep", "export", "purge"])),
    },
)


def toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


@given(DOCUMENTS)
def test_a_manifest_survives_storage(document: dict[str, Any]) -> None:
    if document.get("tables"):
        document["privacy"] = {"pii_tables": [f"{name}.note" for name in document["tables"]]}
    source = "\n".join(f"{key} = {toml(value)}" for key, value in document.items())
    manifest = Manifest.parse(source.encode(), source="generated")
    stored = json.loads(json.dumps(manifest.to_json()))
    assert Manifest.from_json(stored) == manifest
    assert Manifest.from_json(stored).to_json() == manifest.to_json()
    for part in ("tables", "settings", "hooks", "requires"):
        assert list(getattr(manifest, part)) == list(document.get(part, {}))
    assert [each.key for each in manifest.fields] == [each["key"] for each in document.get("fields", [])]


def test_the_full_manifest_survives_storage() -> None:
    manifest = Manifest.parse(VALID, source="crm-plugin.toml")
    assert Manifest.from_json(json.loads(json.dumps(manifest.to_json()))) == manifest


SPLICES = st.builds(
    lambda at, length, new: VALID[:at] + new + VALID[at + length :],
    st.integers(0, len(VALID)),
    st.integers(0, 40),
    st.binary(max_size=8) | st.text("[]{}=\"'.,#\n aeiou017", max_size=8).map(str.encode),
)


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")) | SPLICES)
def test_junk_bytes_raise_only_manifest_errors(data: bytes) -> None:
    try:
        manifest = Manifest.parse(data, source="junk")
    except ManifestError as error:
        lines = {str(problem).partition(": ")[0] for problem in error.problems}
        assert lines == {"junk"}
    else:
        assert Manifest.from_json(manifest.to_json()) == manifest


JSON_KEYS = (
    st.sampled_from(sorted({str(path[-1]) for path in paths(DOCUMENT)} | {"required", "secret", ""})) | st.text()
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(JSON_KEYS, children, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(JSON_KEYS, JSON, max_size=8))
def test_junk_tables_raise_only_manifest_errors(document: dict[str, object]) -> None:
    with pytest.raises(ManifestError) as caught:
        Manifest.from_json({**document, "format": 1})
    assert str(caught.value)
