"""What a hostile worker may send instead of a statement."""

from __future__ import annotations

import contextlib
from typing import Any
from uuid import UUID

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm_core.db.statements import POSTGRES, SQLITE
from crm_core.isolation.statements import incoming, outgoing
from crm_core.isolation.statements.vocabulary import DEEPEST, LARGEST, LARGEST_SHAPE
from crm_core.plugin_api.guarded import GuardedStatement, Limits
from crm_core.plugin_host.core_read import READABLE
from plugin_sdk import NotAllowed, Record
from tests.support.books import BOOK
from tests.support.statements import READS, TENANT, WRITES

_LIMITS = Limits("books@1.0.0", "plg_books", sa.bindparam("t", TENANT, sa.Uuid(), unique=True), READABLE)
_TEXT = msgspec.msgpack.encode(["Text", None])
_NODES = [msgspec.msgpack.decode(outgoing.encode(each)[0]) for each in (*READS.values(), *WRITES.values())]
_VALUES: list[Any] = [1, "x", b"x", None, [1, 2], TENANT, 1.5]


def tree(*nodes: list[Any], values: list[Any] | None = None) -> Any:
    return [msgspec.msgpack.encode(list(nodes)), _VALUES if values is None else values]


def table(name: str = "book", schema: str | None = "plg_books", *columns: tuple[str, str]) -> list[Any]:
    described = [[column, key, _TEXT] for column, key in columns or (("id", "id"), ("title", "title"))]
    return ["table", msgspec.msgpack.encode([True, schema, name, described])]


_EXPRESSIONS: dict[str, list[list[Any]]] = {
    "text as a literal": [["literal", "(SELECT name FROM core.account)"]],
    "operator that is text": [
        ["null"],
        ["binary", 0, 0, ["FROM core.account --", 0, False, False, False], _TEXT, None],
    ],
    "operator that is a comment": [["null"], ["binary", 0, 0, ["--", 0, False, False, False], _TEXT, None]],
    "operator of Python": [["null"], ["binary", 0, 0, "__class__", _TEXT, None]],
    "operator with one side": [["null"], ["unary", 0, "or_", _TEXT]],
    "escape that is text": [["null"], ["binary", 0, 0, "like_op", _TEXT, "' FROM core.account --"]],
    "function that is text": [["function", "x() FROM core.account --", [], _TEXT]],
    "extract that is text": [["null"], ["extract", "year FROM now()) --", 0]],
    "collation that is text": [["null"], ["collate", 0, 'C" FROM core.account --']],
    "bind whose name is text": [["bind", _TEXT, 0, "x)s FROM core.account --", None]],
    "label that is a placeholder": [["null"], ["label", "%(x)s", 0, _TEXT]],
    "label that is filled in later": [["null"], ["label", "__[POSTCOMPILE_x]", 0, _TEXT]],
    "label without letters": [["null"], ["label", "", 0, _TEXT]],
    "value that is not there": [["bind", _TEXT, 99, None, None]],
    "list that is none": [["bind", _TEXT, 0, None, "in_op"]],
    "type that is text": [["null"], ["cast", 0, msgspec.msgpack.encode(["Numeric", "1)) --", 1, None, True])]],
    "type that is unknown": [["null"], ["cast", 0, msgspec.msgpack.encode(["UserDefinedType"])]],
    "type that is no type": [["null"], ["cast", 0, "Text"]],
    "later node": [["group", 1]],
    "own node": [["group", 0]],
    "node before the first": [["null"], ["group", -1]],
    "switch for a node": [["null"], ["group", True]],
    "table for an expression": [table(), ["group", 0]],
    "column that is not there": [table(), ["column", 0, 2]],
    "kind that is none": [["TextClause", "x"]],
    "kind of Python": [["__init__"]],
    "too few arguments": [["group"]],
    "too many arguments": [["null", 1]],
    "no node": [[]],
    "case without a case": [["case", None, [], None]],
    "window that is text": [["function", "sum", [], _TEXT], ["over", 0, None, None, "rows", ["1) --", None], None]],
}
_TABLES: dict[str, list[Any]] = {
    "tenant under another name": table("book", "plg_books", ("tenant_id", "x"), ("title", "tenant_id")),
    "tenant in capitals": table("book", "plg_books", ("TENANT_ID", "x"), ("tenant_id", "tenant_id")),
    "name with a placeholder": table("%(x)s"),
    "no name": table(""),
    "too many columns": table("book", "plg_books", *((f"c{place}", f"c{place}") for place in range(2000))),
    "columns twice": table("book", "plg_books", ("id", "id"), ("id", "id")),
    "not described": ["table", b"\xc1"],
    "described by text": ["table", "core.account"],
}


@pytest.mark.parametrize("name", _EXPRESSIONS)
def test_an_expression_that_cannot_be_is_refused(name: str) -> None:
    nodes = _EXPRESSIONS[name]
    with pytest.raises((ValueError, TypeError)) as caught:
        incoming.decode(tree(*nodes, ["select", [len(nodes) - 1], {}]))
    assert str(caught.value)


@pytest.mark.parametrize("name", _TABLES)
def test_a_table_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises((ValueError, TypeError)) as caught:
        incoming.decode(tree(_TABLES[name], ["column", 0, 0], ["select", [1], {}]))
    assert str(caught.value)


@pytest.mark.parametrize(
    "given",
    [None, [], [b""], [b"\x90", []], [b"\x91\x91\xa4null", []], ["", []], [b"\xff", []], {"a": 1}, [b"\x91\x90", {}]],
)
def test_what_is_no_statement_is_refused(given: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        incoming.decode(given)


@pytest.mark.parametrize("value", [Record("account", TENANT, 1, {}, {}), {1: 2}, {"a": {TENANT}}, [object()], UUID])
def test_a_value_that_no_column_holds_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="cannot be a value"):
        incoming.decode(tree(["bind", _TEXT, 0, None, None], ["select", [0], {}], values=[value]))


def _refused_for_its_size(*nodes: list[Any]) -> None:
    with pytest.raises(ValueError, match=r"constructs|levels|bytes"):
        incoming.decode(tree(*nodes))


def test_a_small_statement_that_would_be_written_out_without_end_is_refused() -> None:
    doubled: list[list[Any]] = [["null"]]
    doubled += [["booleans", [place, place], True] for place in range(40)]
    doubled.append(["select", [40], {}])
    _refused_for_its_size(*doubled)
    nodes = [table(), ["column", 0, 0], ["select", [1], {}]]
    for _ in range(20):
        select = len(nodes) - 1
        nodes += [["subquery", select, None], ["subquery", select, None]]
        nodes += [["column", select + 1, 0], ["label", "a", select + 3, _TEXT], ["column", select + 2, 0]]
        nodes += [["label", "b", select + 5, _TEXT], ["select", [select + 4, select + 6], {}]]
    _refused_for_its_size(*nodes)


def test_a_statement_that_is_too_deep_or_long_is_refused() -> None:
    deep: list[list[Any]] = [["null"], *(["group", place] for place in range(DEEPEST + 1))]
    _refused_for_its_size(*deep, ["select", [len(deep) - 1], {}])
    _refused_for_its_size(*(["null"] for _ in range(LARGEST)), ["select", [0], {}])
    _refused_for_its_size(["literal", "1" * LARGEST_SHAPE], ["select", [0], {}])


def test_the_deepest_statement_is_compiled() -> None:
    nodes: list[list[Any]] = [["null"]]
    for place in range(DEEPEST // 2 - 1):
        nodes += [["function", "lower", [place * 2], _TEXT], ["group", place * 2 + 1]]
    statement = incoming.decode(tree(*nodes, ["select", [len(nodes) - 1], {}]))
    for dialect in (SQLITE, POSTGRES):
        assert GuardedStatement(statement, _LIMITS).on(dialect).text.count("lower") == DEEPEST // 2 - 1


def test_what_has_no_brackets_gets_them() -> None:
    """Nothing that ends in OR may stand beside the tenant without brackets."""
    either = ["booleans", [1, 1], False]
    nodes = [table("book", "plg_books", ("tenant_id", "tenant_id"), ("pages", "pages")), ["column", 0, 1], either]
    statement = incoming.decode(tree(*nodes, ["between", 1, 1, 2, False, False], ["delete", 0, [3], []]))
    text = GuardedStatement(statement, _LIMITS).on(SQLITE).text
    assert text.endswith("BETWEEN plg_books__book.pages AND (plg_books__book.pages OR plg_books__book.pages)")


def test_a_table_is_the_cores_by_its_schema_alone() -> None:
    def read(name: str, schema: str | None, column: str) -> Any:
        return incoming.decode(tree(table(name, schema, (column, column)), ["column", 0, 0], ["select", [1], {}]))

    assert '"core.account".name' in GuardedStatement(read("account", "core", "name"), _LIMITS).on(POSTGRES).text
    own = read("account", "plg_books", "name")
    assert "plg_books.account" in GuardedStatement(own, _LIMITS).on(POSTGRES).text
    refused = [("api_key", "core", "hash"), ("account", "CORE", "name"), ("account", None, "name")]
    refused += [("core.account", None, "name"), ("account", "core ", "name"), ("principal", "core", "login")]
    refused += [("account_fields", "plg_loyalty", "x"), ("alembic_version", "plg_books", "version_num")]
    for each in refused:
        with pytest.raises(NotAllowed, match=r"plugin books@1\.0\.0 may not use"):
            GuardedStatement(read(*each), _LIMITS).on(POSTGRES)


def test_equal_tables_are_one() -> None:
    statements = [incoming.decode(outgoing.encode(sa.select(BOOK.c.id))) for _ in range(2)]
    first, second = (each.get_final_froms()[0] for each in statements)  # type: ignore[attr-defined]
    assert first is second


def _run(given: Any) -> None:
    """Take a tree as far as the host would: nothing but a refusal may come of it."""
    with contextlib.suppress(NotAllowed, ValueError, TypeError):
        statement = incoming.decode(given)
        for dialect in (SQLITE, POSTGRES):
            with contextlib.suppress(NotAllowed):
                GuardedStatement(statement, _LIMITS).on(dialect)


_KINDS = st.sampled_from([*sorted(incoming._BUILDERS), _TEXT])  # noqa: SLF001 - they are nowhere else
_ATOMS = st.none() | st.booleans() | st.integers(-3, 40) | st.text(max_size=3) | st.binary(max_size=3) | _KINDS
_ANYTHING = st.recursive(
    _ATOMS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=2),
    max_leaves=6,
)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.lists(_ANYTHING, max_size=6), max_size=6) | _ANYTHING)
def test_whatever_is_sent_is_refused_or_is_a_statement(nodes: Any) -> None:
    _run([msgspec.msgpack.encode(nodes), _VALUES])
    _run(nodes)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_statement_that_was_changed_on_its_way_is_refused_or_is_another(data: st.DataObject) -> None:
    nodes = [list(node) for node in data.draw(st.sampled_from(_NODES))]
    for _ in range(data.draw(st.integers(1, 3))):
        node = data.draw(st.sampled_from(nodes))
        place = data.draw(st.integers(0, len(node) - 1))
        node[place] = data.draw(_ANYTHING | st.integers(0, len(nodes)))
    _run(tree(*nodes))
