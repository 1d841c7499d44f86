from __future__ import annotations

import copy
from typing import Any

import pytest

from plugin_sdk.errors import ManifestError
from plugin_sdk.manifest import Manifest
from tests.plugin_sdk.manifests import DOCUMENT, VALID, paths


def problems(data: bytes, **known: set[str]) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        Manifest.parse(
            data, source="crm-plugin.toml", known_hooks=known.get("hooks"), known_record_types=known.get("types")
        )
    return str(caught.value).splitlines()


def changed(old: str, new: str) -> bytes:
    assert VALID.count(old.encode()) == 1, old
    return VALID.replace(old.encode(), new.encode())


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ('"1.0.0-rc.1"', '"1"', 'plugin.version = "1": not a SemVer version; write three numbers, e.g. "1.0.0"'),
        ('"1.0.0-rc.1"', '"1.0.0-nightly"', "not a version to Python installers (PEP 440)"),
        ('"1.0.0-rc.1"', '"1.0.0-1"', "a post-release to Python installers"),
        ('id = "loyalty"', 'id = "Loyalty"', 'plugin.id = "Loyalty": not a plugin id; use lower-case'),
        ('id = "loyalty"', 'id = "a__b"', "not a plugin id"),
        ('id = "loyalty"', f'id = "{"a" * 31}"', "31 characters, at most 30"),
        ('name = "Loyalty points"', "", 'plugin.name: missing; write a text in quotes, e.g. name = "Loyalty points"'),
        ('name = "Loyalty points"', 'name = "a\\nb"', "not a line of text"),
        ('sdk = "^0.1"', 'sdk = ">=0.1 <<2"', 'plugin.sdk = ">=0.1 <<2": at position 7 "<<": not an operator'),
        ('homepage = "https:', 'homepage = "javascript:', "not a web address"),
        ("summary =", "sumary =", 'plugin.sumary = "Points for orders": unknown key; did you mean "summary"?'),
        ("[uninstall]", "[unistall]", 'unistall = {"policy": "export"}: unknown key; did you mean "uninstall"?'),
        ('["REQ-7"]', '["REQ-7", "REQ-7"]', 'plugin.requirements[1] = "REQ-7": written twice'),
        ('lead_scoring = "^1.0"', 'loyalty = "^1.0"', "requires.loyalty"),
        ('"account:read"', '"account:raed"', "not a permission"),
        ('"account:read"', '"account"', "not a permission"),
        ('"core:read"', '"core:write"', 'capabilities.data[0] = "core:write": unknown word; did you mean "core:read"?'),
        ("ledger = ", "alembic_version = ", "a table name the plugin host uses itself"),
        ("ledger = ", "account_fields = ", "a table name the plugin host uses itself"),
        ("ledger = ", "Ledger = ", "tables.Ledger"),
        ('key = "tier"', 'key = "record_id"', "reserved for the column of that name"),
        ('key = "tier"', 'key = "motto"', 'fields[1].key = "motto": declared twice for account'),
        ('label = { en = "Motto" }', 'label = { zh = "Motto" }', "fields[1].label.en: missing"),
        ('label = { en = "Motto" }', "", "fields[1].label: missing"),
        ('label = { en = "Motto" }', 'label = { en = "Motto", English = "x" }', "not a language code"),
        ('choices = ["bronze", "silver"]', "", "fields[0].choices: missing or empty"),
        ('choices = ["bronze", "silver"]', "choices = []", "fields[0].choices = []: missing or empty"),
        ('choices = ["bronze", "silver"]', 'choices = ["a", "a"]', "written twice"),
        ("max_length = 40", "max_length = 4001", "out of bounds"),
        ("max_length = 40", 'choices = ["a"]', "fields[1].choices"),
        ("max_length = 40", 'kind_ = "x"', 'did you mean "kind"?'),
        ("computed = true", "computed = true\nsearchable = true", "no column to search in"),
        ("computed = true", 'computed = true\nwritable = "api"', "nobody writes a computed field"),
        ("computed = true", "max_length = 3", "only for kind text"),
        ('kind = "choice"\nlabel', 'kind = "json"\nlabel', "a json field cannot be filtered"),
        (
            'kind = "choice"\nlabel',
            'kind = "chioce"\nlabel',
            'fields[0].kind = "chioce": unknown word; did you mean "choice"?',
        ),
        ('default = "1.5"', 'default = "101"', 'settings.points_per_unit.default = "101": too large; use 100 or less'),
        ('default = "1.5"', "default = 1.5", "a binary floating-point number"),
        ('default = "1.5"', 'required = true\ndefault = "1.5"', "a required setting has no default"),
        ('min = "0"', 'min = "101"', "greater than max"),
        ('pattern = "[A-Z]{2}"', 'pattern = "["', "not a regular expression"),
        ('pattern = "[A-Z]{2}"', 'pattern = "[a-z]"', "does not match the pattern"),
        ('pattern = "[A-Z]{2}"', f'pattern = "{"a" * 201}"', "longer than 200 characters"),
        ('pattern = "[A-Z]{2}"', "min = 1", "settings.prefix.min = 1: only for kinds integer and decimal"),
        ("min = 1", 'min = "1"', 'settings.days.min = "1": not a whole number'),
        ("default = false", 'pattern = "x"', "settings.active.pattern"),
        ("default = false", "secret = true", "settings.active.secret = true: only for kind text"),
        ("required = true", 'default = "hunter2"', 'settings.token.default = "(secret)": a secret in a manifest'),
        ('record_types = ["sales_order"]', 'record_types = ["Orders"]', "record_types[0] = "),
        ("[settings.days]", '[settings."Days!"]', 'settings."Days!"'),
        ('record_types = ["sales_order"]', "record_types = []", "the hook is never called"),
        ('before = ["other_plugin"]', 'before = ["loyalty"]', "cannot be ordered relative to itself"),
        ('before = ["other_plugin"]', 'before = ["third"]', '"third" is in before and in after'),
        ("on_conflict_priority = 10", "on_conflict_priority = 10000", "out of bounds"),
        ('"export"', '"prune"', 'uninstall.policy = "prune": unknown word; did you mean "purge"?'),
        ('"ledger.note"', '"leger.note"', 'no table "leger" in [tables]; did you mean "ledger"?'),
        ('"ledger.note"', '"note"', "not a column of a table"),
    ],
)
def test_a_mistake_is_one_problem_that_names_key_and_fix(old: str, new: str, line: str) -> None:
    found = problems(changed(old, new))
    assert len([each for each in found if line in each]) == 1, found
    assert all(each.startswith("crm-plugin.toml: ") and "; " in each for each in found)


def test_all_problems_come_at_once() -> None:
    found = problems(b'[plugin]\nid = "A B"\nversion = "1"\ncore = "~="\n[tables]\nx_fields = ""\n[extra]\n')
    keys = [line.split(": ")[1].split(" = ")[0] for line in found]
    assert keys == [
        "plugin.id", "plugin.version", "tables.x_fields", "tables.x_fields", "plugin.name", "plugin.summary",
        "plugin.sdk", "plugin.core", "extra",
    ]  # fmt: skip


def test_names_the_core_does_not_know() -> None:
    types = {"account", "sales_order", "ticket"}
    (line,) = problems(VALID, hooks={"record_after_write", "record_before_delete"}, types=types)
    assert line.startswith('crm-plugin.toml: hooks.record_before_write = "record_before_write": unknown, not a hook')
    assert line.endswith('did you mean "record_before_delete"?')
    found = problems(VALID, hooks={"record_after_write", "record_before_write"}, types={"acount"})
    assert [line.split(" = ")[0] for line in found] == [
        *(f"crm-plugin.toml: capabilities.api[{index}]" for index in (0, 2)),
        *(f"crm-plugin.toml: fields[{index}].record_type" for index in range(3)),
        "crm-plugin.toml: hooks.record_after_write.record_types[0]",
    ]
    assert 'did you mean "acount"?' in found[0]


def dotted(path: tuple[str | int, ...]) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)[1:]


WRONG: dict[type, tuple[object, ...]] = {
    str: (["x"], {"x": 1}, True, 1.5),
    int: ("x", True, 1.5, []),
    bool: ("true", 1, []),
    list: (7, "x", {"x": 1}),
    dict: (7, "x", ["x"]),
}


@pytest.mark.parametrize("path", list(paths(DOCUMENT)), ids=dotted)
def test_a_wrong_type_anywhere_is_reported_under_its_key(path: tuple[str | int, ...]) -> None:
    document: Any = copy.deepcopy(DOCUMENT)
    *parents, last = path
    holder = document
    for key in parents:
        holder = holder[key]
    for wrong in WRONG[type(holder[last])]:
        original, holder[last] = holder[last], wrong
        with pytest.raises(ManifestError) as caught:
            Manifest.from_json({"format": 1, **document})
        holder[last] = original
        keys = [problem.key for problem in caught.value.problems]
        assert any(key == dotted(path) or key.startswith(dotted(path) + "[") for key in keys), keys
