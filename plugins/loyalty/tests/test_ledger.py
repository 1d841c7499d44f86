from __future__ import annotations

from datetime import date
from uuid import UUID

from crm_loyalty.ledger import Holding, pages
from crm_loyalty.points import Lot


def test_what_is_left_comes_from_the_lots_that_expire_last() -> None:
    holding = Holding((Lot(UUID(int=2), 50, None), Lot(UUID(int=1), 100, date(2026, 1, 1))), 120)

    assert holding.left() == (Lot(UUID(int=2), 30, None),)


def test_an_account_in_debt_has_nothing_left() -> None:
    assert Holding((Lot(UUID(int=1), 10, None),), 25).left() == ()


def test_pages_cover_every_id_once() -> None:
    ids = [UUID(int=number) for number in range(7)]

    assert [list(page) for page in pages(ids, 3)] == [ids[:3], ids[3:6], ids[6:]]
    assert list(pages([])) == []
