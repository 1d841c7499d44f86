"""Random requests to the API: mostly sensible, some at the edge of what a database can hold, some wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

TEXTS = (
    "Acme", "acme", "ACME GmbH", "Zeta", "alpha", "_x", "a b", "ab", "a-b", "Ärzte", "ärzte", "ÄRZTE", "Straße",
    "STRASSE", "é", "e\u0301", "中文", "🏢", "\uffff", " ", "\t", "50%", "a_b", "a\\b", "'", '"',
    "x" * 500, "x" * 501, "a\0b", "\ud800", "", "1e3", "null", "$1", ":name", "?", "%s",
)  # fmt: skip
VALUES = (
    "0", "1", "-1", "2147483647", "2147483648", "9223372036854775807", "9223372036854775808", "1.00001", "7", "7.0000",
    "1e3", "NaN", "inf", "922337203685477.5808", "99999999999999999999", "2001-02-03", "0001-01-01", "9999-12-31",
    "2001-02-03T04:05:06Z", "2001-02-03T04:05:06", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+05:00", "x", "", "é",
    "a\0b", "00000000-0000-7000-8000-000000000000", "00000000000070008000000000000000", "1,2",
)  # fmt: skip
_text = st.sampled_from(TEXTS) | st.sampled_from(TEXTS[:20]) | st.text(max_size=6)
_plain: st.SearchStrategy[Any] = st.sampled_from(
    [text for text in TEXTS if text.strip() and len(text) <= 500 and "\0" not in text][:-1]
)
_amount = st.sampled_from([
    "0", "1", "19.99", "-5", "0.0001", "0.00001", "922337203685477.5807", "922337203685477.5808", "1e3", "NaN",
    "-922337203685477.5807", "99999999999999999999", 7, 12.5, None,
])  # fmt: skip
_count = st.sampled_from(["1", "2.5", "0.000001", "9223372036854.775807", "9223372036854.775808", "-1", "0"])
_percent = st.sampled_from(["0", "10", "33.3333", "100", "100.0001", "999.9999", "1000", "-1"])
_currency = st.sampled_from(["EUR", "USD", "eur", None])
_moment = st.sampled_from([
    "2001-02-03T04:05:06Z", "2001-02-03T04:05:06.123456Z", "2001-02-03T04:05:06.1234567+02:00", "9999-12-31T00:00:00Z",
    "0001-01-01T00:00:00Z", "2001-02-03T04:05:06", "1969-12-31T23:59:59.999999Z", None,
])  # fmt: skip
_day = st.sampled_from(["2001-02-03", "0001-01-01", "0001-01-02", "9999-12-31", "9999-12-30", "2001-02-30", None])
_json: st.SearchStrategy[Any] = st.sampled_from([
    None, {}, {"a": 1.0}, {"a": 1e300}, {"a": 2**53}, {"b": 1, "a": 2}, {"a": "x\0"}, {"": ["é", {"z": None}]}, [], "x",
    {"a": 12345678901234567890}, {"a": 0.1}, {"a": "\ud800"}, -0.0,
])  # fmt: skip
_int = st.sampled_from([0, 1, -1, 2**31 - 1, 2**31, 2**63 - 1, 2**63, 1.5])


@dataclass(frozen=True)
class Ref:
    """The n-th record of a kind, counted round, or an id that nobody has where there is none."""

    kind: str
    place: int

    def __repr__(self) -> str:
        return f"{self.kind}#{self.place}"


@dataclass(frozen=True)
class Request:
    """One request; references stand where ids belong."""

    method: str
    path: tuple[str | Ref, ...]
    body: Any = None
    query: tuple[tuple[str, str | Ref], ...] = ()
    match: str | None = None
    pages: int = 1


def ref(*kinds: str) -> st.SearchStrategy[Ref]:
    """Give a reference to a record of one of the kinds; ``nothing`` is no kind, so it is always missing."""
    return st.builds(Ref, st.sampled_from([*kinds * 8, "nothing"]), st.integers(0, 3))


def _some(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Give an object with some of these members, at most four."""
    names = st.lists(st.sampled_from(sorted(members)), max_size=4, unique=True)
    return names.flatmap(lambda chosen: st.fixed_dictionaries({name: members[name] for name in chosen}))


_LINE = _some(
    product_id=ref("products"), description=_text, quantity=_count, unit_price=_amount, discount_percent=_percent,
    tax=_amount, unit=_plain, tax_code=_text,
)  # fmt: skip
_LINES = st.lists(_LINE, max_size=3)
_DOCUMENT = {
    "account_id": ref("accounts"), "contact_id": ref("contacts"), "price_book_id": ref("price-books"), "net": _amount,
    "tax": _amount, "total": _amount, "currency": _currency, "status": st.sampled_from(["draft", "confirmed", "paid"]),
    "number": _plain, "document_date": _day, "lines": _LINES, "ship_to": _json, "fx_to_base": _count, "revision": _int,
}  # fmt: skip
_STAGED = {"pipeline_id": ref("pipelines"), "stage_id": ref("stages")}
FIELDS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "accounts": {
        "name": _text, "industry": _text, "website": _text, "parent_id": ref("accounts"), "owner_id": ref("principals"),
        "registration_country": st.sampled_from(["DE", "FR"]), "registration_number": st.sampled_from(["HRB 1", "7"]),
        "description": _text, "plugins": st.sampled_from([{"loyalty": {"tier": "gold"}}, {"none": {}}, {}]),
    },
    "contacts": {"name": _text, "account_id": ref("accounts"), "title": _text, "consent": _json, "language": _text},
    "contact-points": {
        "record_id": ref("accounts", "contacts", "leads"), "kind": st.sampled_from(["email", "phone", "x"]),
        "value": st.sampled_from(["a@example.com", "A@Example.com ", "+49 30 1234567", "ä@exämple.de", "nothing"]),
        "is_primary": st.booleans(), "data": _json,
    },
    "leads": {
        "name": _text, "company": _text, "email": st.sampled_from(["a@b.example", "A@B.example", "x"]), "source": _text,
        "phone": _plain, "title": _text, **_STAGED, "campaign_id": ref("campaigns"), "status": _text,
    },
    "opportunities": {
        "name": _text, "account_id": ref("accounts"), **_STAGED, "amount": _amount, "currency": _currency,
        "probability": _percent, "expected_close": _day, "closed_at": _moment, "lost_reason": _text,
    },
    "activities": {
        "kind": st.sampled_from(["call", "task", "x"]), "subject": _text, "body": _text, "start_at": _moment,
        "due_on": _day, "regarding_id": ref("accounts", "leads"), "data": _json, "done_at": _moment,
    },
    "products": {"name": _text, "sku": _plain, "active": st.booleans(), "description": _text},
    "price-books": {"book_key": _plain, "name": _text, "currency": _currency},
    "prices": {
        "price_book_id": ref("price-books"), "product_id": ref("products"), "unit_price": _amount, "valid_from": _day,
        "min_quantity": _count, "valid_to": _day,
    },
    "quotes": _DOCUMENT,
    "sales-orders": _DOCUMENT,
    "sales-order-lines": {"document_id": ref("sales-orders"), "quantity": _count, "unit_price": _amount},
    "tickets": {"subject": _text, "account_id": ref("accounts"), "priority": _text, **_STAGED, "resolved_at": _moment},
    "campaigns": {"name": _text, "budget": _amount, "budget_currency": _currency, "start_on": _day, "end_on": _day},
    "tags": {"record_type": st.sampled_from(["account", "lead", "Ä"]), "name": _text, "color": _text},
    "attachments": {
        "record_id": ref("accounts", "tickets"), "name": _text, "size": _int, "sha256": st.just("0" * 64),
        "storage_key": _plain,
    },
    "pipelines": {"record_type": st.sampled_from(["lead", "ticket"]), "pipeline_key": _plain, "name": _text},
    "principals": {"kind": st.just("user"), "name": _text, "login": _text, "email": _text},
}  # fmt: skip
_REQUIRED = {
    "activities": ("kind",), "tickets": ("subject",), "price-books": ("book_key", "name", "currency"),
    "contact-points": ("record_id", "kind", "value"), "prices": ("price_book_id", "product_id", "unit_price"),
    "quotes": (), "sales-orders": (), "sales-order-lines": ("document_id",), "tags": ("record_type", "name"),
    "attachments": ("record_id", "name", "size", "sha256", "storage_key"), "principals": ("kind", "name"),
    "pipelines": ("record_type", "pipeline_key", "name"),
}  # fmt: skip
_KINDS = sorted(FIELDS)
_kind = st.sampled_from([*_KINDS, *["accounts", "leads", "sales-orders"] * 4])


def _whole(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    required = {name: FIELDS[kind][name] for name in _REQUIRED.get(kind, ("name",))}
    return st.builds(lambda some, needed: {**some, **needed}, _some(**FIELDS[kind]), st.fixed_dictionaries(required))


def _create(kind: str) -> st.SearchStrategy[Request]:
    return _whole(kind).map(lambda body: Request("POST", (kind,), body))


def _change(kind: str) -> st.SearchStrategy[Request]:
    match = st.sampled_from([None, None, None, '"1"', '"2"', '"x"', f'"{2**31}"', f'"{2**64}"'])
    build = lambda one, body, version: Request("PATCH", (kind, one), body, match=version)  # noqa: E731
    return st.builds(build, ref(kind), _some(**FIELDS[kind]), match)


def _simple(kind: str) -> st.SearchStrategy[Request]:
    one = ref(kind)
    return st.one_of(
        one.map(lambda each: Request("DELETE", (kind, each))),
        one.map(lambda each: Request("POST", (kind, each, "restore"), {})),
        one.map(lambda each: Request("GET", (kind, each))),
        one.map(lambda each: Request("POST", (kind, each, "score"), {})),
        st.builds(
            lambda each, tags: Request("PUT", (kind, each, "tags"), {"tag_ids": tags}),
            one,
            st.lists(ref("tags"), max_size=2),
        ),
    )


_OPERATORS = ("", "[ne]", "[lt]", "[lte]", "[gt]", "[gte]", "[in]", "[contains]", "[starts]", "[like]")


def _listed(kind: str) -> st.SearchStrategy[Request]:
    plugin = {"leads": ["lead_scoring.grade", "lead_scoring.score"], "accounts": ["loyalty.tier"]}.get(kind, [])
    names = [
        *(name for name in FIELDS[kind] if name not in {"plugins", "lines"}),
        *plugin,
        "id",
        "created_at",
        "version",
    ]
    name = st.sampled_from(names)
    sort = st.lists(st.builds("{}{}".format, st.sampled_from(["", "-"]), name), max_size=3, unique=True).map(",".join)
    value = _text | _moment.map(str) | _day.map(str) | _count | _int.map(str) | _currency.map(str)
    one = st.builds(lambda field, how, text: (field + how, text), name, st.sampled_from(_OPERATORS), value)
    empty = st.builds(lambda field, yes: (f"{field}[empty]", yes), name, st.sampled_from(["true", "false"]))
    extra = st.sampled_from([(), (), (), (("deleted", "true"),)])
    build = lambda by, many, filters, more: Request(  # noqa: E731
        "GET", (kind,), query=(*([("sort", by)] if by else []), ("limit", many), *filters, *more), pages=3
    )
    return st.builds(build, sort, st.sampled_from(["1", "2", "50", "0"]), st.lists(one | empty, max_size=2), extra)


def _bulk(kind: str) -> st.SearchStrategy[Request]:
    create = _whole(kind).map(lambda body: {"create": body})
    update = st.builds(lambda one, values: {"update": {"id": one, "set": values}}, ref(kind), _some(**FIELDS[kind]))
    rows = st.lists(create | update, min_size=1, max_size=3)
    return rows.map(lambda operations: Request("POST", (kind, "bulk"), {"operations": operations}))


_LINK = st.builds(
    lambda src, rel, dst, more: Request("POST", ("links",), {"src_id": src, "rel": rel, "dst_id": dst, **more}),
    ref("accounts", "contacts"), st.sampled_from(["works_at", "partner_of", "Ä"]), ref("accounts", "contacts"),
    _some(position=_int, valid_from=_day, valid_to=_day, data=_json),
)  # fmt: skip
_EXTERNAL = st.builds(
    lambda ext, record: Request("POST", ("external-refs",), {"system": "erp", "ext_id": ext, "record_id": record}),
    _text, ref("accounts", "leads"),
)  # fmt: skip
_MERGE = st.builds(
    lambda kind, winner, loser: Request("POST", (kind, Ref(kind, winner), "merge"), {"loser_id": Ref(kind, loser)}),
    st.sampled_from(["accounts", "contacts"]), st.integers(0, 2), st.integers(0, 2),
)  # fmt: skip
_MOVE = st.builds(
    lambda kind, one, stage, reason: Request(
        "POST", (kind, Ref(kind, one), "move-stage"), {"stage_id": stage, "reason": reason}
    ),
    st.sampled_from(["leads", "opportunities", "tickets"]), st.integers(0, 2), ref("stages"), _text | st.none(),
)  # fmt: skip
_CONVERT = st.builds(
    lambda one, body: Request("POST", ("leads", one, "convert"), body),
    ref("leads"),
    _some(account_id=ref("accounts"), contact_id=ref("contacts"), opportunity=_some(**FIELDS["opportunities"])),
)
_ORDER = ref("quotes").map(lambda one: Request("POST", ("quotes", one, "order"), {}))
_RAW = st.sampled_from(
    [b'{"name": "\xff"}', b'{"name": "\\ud800"}', b"", b"[]", b'{"name": 1}', b'{"name":"a","name":"b"}']
).map(lambda raw: Request("POST", ("accounts",), raw))

request = st.one_of(
    _kind.flatmap(_create), _kind.flatmap(_create), _kind.flatmap(_create), _kind.flatmap(_change),
    _kind.flatmap(_simple), _kind.flatmap(_listed), _kind.flatmap(_listed),
    st.sampled_from(["accounts", "leads", "sales-orders"]).flatmap(_bulk),
    _LINK, _EXTERNAL, _MERGE, _MOVE, _CONVERT, _ORDER, _RAW,
    st.just(Request("GET", ("links",))), st.just(Request("GET", ("external-refs",))),
    st.builds(lambda one: Request("DELETE", ("links", one)), ref("links")),
)  # fmt: skip
sequence = st.lists(request, min_size=6, max_size=12)

_LINES_OF_SEED = [{"product_id": Ref("products", 0), "quantity": "2", "unit_price": "9.99"}]
SEED = (
    *(Request("POST", ("accounts",), {"name": name}) for name in ("Acme", "Ärzte")),
    *(Request("POST", ("contacts",), {"name": name, "account_id": Ref("accounts", 0)}) for name in ("Ann", "Bob")),
    *(Request("POST", ("leads",), {"name": name, "email": f"{name}@c.example"}) for name in ("carl", "dora")),
    Request("POST", ("products",), {"name": "Chair"}),
    Request("POST", ("price-books",), {"book_key": "b", "name": "B", "currency": "EUR"}),
    Request("POST", ("opportunities",), {"name": "Sale", "account_id": Ref("accounts", 0)}),
    Request("POST", ("tickets",), {"subject": "Broken"}),
    Request("POST", ("quotes",), {"account_id": Ref("accounts", 0), "lines": _LINES_OF_SEED}),
    Request("POST", ("sales-orders",), {"account_id": Ref("accounts", 1), "lines": _LINES_OF_SEED, "status": "paid"}),
    Request("POST", ("tags",), {"record_type": "account", "name": "Big"}),
    Request("POST", ("links",), {"src_id": Ref("accounts", 0), "rel": "part_of", "dst_id": Ref("accounts", 1)}),
)
"""What every example starts with, so that most requests meet a record."""
