from __future__ import annotations

import re
from pathlib import Path

import pytest

from crm_core.imports.mapping import ColumnValue, Constant, RefValue, When, parse_mapping
from crm_core.imports.problems import MappingError
from crm_core.imports.templates import Template

_HEAD = '[[record]]\nrecord_type = "account"\nsystem = "shop"\next_id = "{id}"\n'


def problems(text: str) -> list[str]:
    with pytest.raises(MappingError) as caught:
        parse_mapping(text.encode(), "map.toml")
    return list(caught.value.details["problems"])


def test_a_whole_mapping_is_read() -> None:
    text = (
        '[source]\nformat = "fixed"\ncolumns = ["id", "when"]\nskip_lines = 1\n'
        + _HEAD
        + '[record.fields]\nname = "Customer {id}"\nactive = 7\n'
        + 'industry = { column = "when", values = { s = "steel" }, default = "none" }\n'
        + 'parent_id = { ref = "account", system = "shop", ext_id = "{id}" }\n'
        + '[record.plugins.loyalty]\ntier = { column = "id" }\n'
        + '[record.when]\ncolumn = "id"\nequals = ["1", "2"]\n'
    )
    mapping = parse_mapping(text.encode(), "map.toml")
    assert mapping.source.format == "fixed"
    assert mapping.source.columns == ("id", "when")
    (record,) = mapping.records
    assert record.fields["name"] == Template("Customer {id}", ("Customer ", "id", ""))
    assert record.fields["active"] == Constant(7)
    assert record.fields["industry"] == ColumnValue("when", values={"s": "steel"}, default="none")
    assert record.fields["parent_id"] == RefValue("account", "shop", Template.parse("{id}"))
    assert record.plugins == {"loyalty": {"tier": ColumnValue("id")}}
    assert record.when == When("id", ("1", "2"))


def test_lists_of_a_record_are_its_parts() -> None:
    mapping = parse_mapping((_HEAD + "[[record.lines]]\n[record.lines.fields]\nquantity = 1\n").encode(), "map.toml")
    assert [part.fields for part in mapping.records[0].parts["lines"]] == [{"quantity": Constant(1)}]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x = [", "map.toml is not TOML: "),
        ("", "map.toml: record: missing; write at least one [[record]]"),
        ("[sourc]\n" + _HEAD, "map.toml: sourc: there is no such table; did you mean source?"),
        (
            '[source]\ndelimeter = ";"\n' + _HEAD,
            "map.toml: source.delimeter: there is no such key; did you mean delimiter?",
        ),
        ('[source]\nformat = "cvs"\n' + _HEAD, "map.toml: source.format: there is no format 'cvs'; did you mean csv?"),
        (
            '[source]\ndelimiter = ";;"\n' + _HEAD,
            "map.toml: source.delimiter: ';;' cannot separate columns; write one character",
        ),
        (
            '[source]\nencoding = "utf-9"\n' + _HEAD,
            "map.toml: source.encoding: there is no encoding 'utf-9'; write utf-8, ",
        ),
        ('[source]\nskip_lines = "1"\n' + _HEAD, "map.toml: source.skip_lines: '1' is not a whole number"),
        ('[[record]]\nsystem = "s"\next_id = "{a}"\n', "map.toml: record[0].record_type: missing; write a text"),
        (_HEAD + 'extid = "x"\n', "map.toml: record[0].extid: there is no such key; did you mean ext_id?"),
        (
            _HEAD + '[record.fields]\nname = "{a"\n',
            "map.toml: record[0].fields.name: '{a' has a single {; write {column}",
        ),
        (
            _HEAD + "[record.fields]\nrate = 1.1\n",
            "map.toml: record[0].fields.rate: 1.1 may lose digits; write it as a text",
        ),
        (
            _HEAD + '[record.fields]\nname = { colum = "x", column = "y" }\n',
            "map.toml: record[0].fields.name.colum: there is no such key; did you mean column?",
        ),
        (
            _HEAD + '[record.fields]\nname = { column = "x", type = "number" }\n',
            "map.toml: record[0].fields.name.type: there is no type 'number'; there are boolean, ",
        ),
        (
            _HEAD + '[record.fields]\nname = { ref = "account" }\n',
            "map.toml: record[0].fields.name.system: missing; write a text",
        ),
        (
            _HEAD + "[[record.lines]]\nfield = 1\n",
            "map.toml: record[0].lines[0].field: there is no such key; did you mean fields?",
        ),
    ],
)
def test_a_problem_names_file_and_key_and_says_what_to_do(text: str, problem: str) -> None:
    found = problems(text)
    assert any(each.startswith(problem) for each in found), found


def test_all_problems_are_told_at_once() -> None:
    assert len(problems('[source]\nformat = "x"\ndelimiter = ""\n[[record]]\n')) == 5


def test_every_change_of_the_file_changes_its_hash() -> None:
    first = parse_mapping(_HEAD.encode(), "map.toml")
    second = parse_mapping((_HEAD + "# note\n").encode(), "map.toml")
    assert first.hash != second.hash
    assert first.records[0].fingerprint == second.records[0].fingerprint


def test_the_guide_s_mapping_is_a_mapping() -> None:
    guide = (Path(__file__).parents[3] / "crm_core" / "docs" / "import.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```toml\n(.*?)```", guide, re.DOTALL)
    mapping = parse_mapping(text.encode(), "import.md")
    assert [record.record_type for record in mapping.records] == ["account", "sales_order"]
