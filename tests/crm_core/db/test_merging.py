from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, insert, update
from sqlalchemy.dialects.postgresql import insert as upsert

from crm_core.db.merging import merged, runs
from crm_core.db.statements import Statement
from crm_core.db.unit import RecordWrite, Write
from crm_core.schema import account, core, record, sales_order

_RECORD = Statement(insert(record))
_ACCOUNT = Statement(insert(account))
_ORDER = Statement(insert(sales_order))
_CHANGE = Statement(update(account).where(account.c.name == bindparam("old")))


def of(*statements: Statement, number: int = 0) -> RecordWrite:
    return RecordWrite([Write(statement, {"n": number}) for statement in statements])


def guarded() -> RecordWrite:
    return RecordWrite([Write(_CHANGE, {})], on_stale=lambda: ValueError("stale"))


def test_many_new_records_become_one_call_per_table_referenced_tables_first() -> None:
    writes = [of(_RECORD, _ORDER if number % 2 else _ACCOUNT, number=number) for number in range(10)]
    (run,) = runs(writes)
    assert run == writes
    groups = merged(run)
    assert [statement for statement, _ in groups] == [_RECORD, _ACCOUNT, _ORDER]
    assert [[write.values["n"] for write in each] for _, each in groups] == [
        list(range(10)),
        [0, 2, 4, 6, 8],
        [1, 3, 5, 7, 9],
    ]


def test_a_guarded_write_or_a_change_is_never_moved() -> None:
    for barrier in (guarded(), of(_CHANGE)):
        writes = [*(of(_RECORD) for _ in range(8)), barrier, *(of(_RECORD) for _ in range(9))]
        assert [len(run) for run in runs(writes)] == [8, 1, 9]
        assert [write for run in runs(writes) for write in run] == writes


def test_a_few_writes_are_sent_as_they_are() -> None:
    assert [len(run) for run in runs([of(_RECORD) for _ in range(7)])] == [1] * 7


def test_different_statements_on_one_table_keep_their_order() -> None:
    def store(*columns: str) -> Statement:
        statement: Any = upsert(account)
        return Statement(statement.on_conflict_do_nothing(), columns)

    first, second = store("name"), store("name", "industry")
    writes = [*(of(first) for _ in range(8)), *(of(second) for _ in range(8))]
    assert [{write.writes[0].statement for write in run} for run in runs(writes)] == [{first}, {second}]


def test_every_table_of_the_core_comes_after_those_it_refers_to() -> None:
    tables = list(core.sorted_tables)
    for place, table in enumerate(tables):
        targets = {key.column.table for key in table.foreign_keys} - {table}
        assert all(tables.index(target) < place for target in targets), table.name
