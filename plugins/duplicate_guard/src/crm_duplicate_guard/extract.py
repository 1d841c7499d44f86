"""The fingerprints of a record, and those a contact point adds to the record it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from crm_duplicate_guard import fingerprints as form
from crm_duplicate_guard.fingerprints import Fingerprint, fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Fingerprints = frozenset[Fingerprint]

RECORD_TYPES: Final = ("account", "contact", "lead")
CONTACT_POINT: Final = "contact_point"
POINT_KINDS: Final = ("email", "phone")


def is_guarded(values: Mapping[str, Any]) -> bool:
    """Tell whether a record counts: not in the bin, and no lead that has been converted.

    What a converted lead said is said by its account and contact now; whoever asks again is a new lead.
    """
    return values.get("deleted_at") is None and values.get("converted_at") is None


def of_record(record_type: str, values: Mapping[str, Any]) -> Fingerprints:
    """Return the fingerprints of a record's own fields; none for record types that are not guarded."""
    found = _EXTRACTORS[record_type](values) if record_type in _EXTRACTORS else ()
    return frozenset(fingerprint(kind, value) for kind, value in found if value)


def of_point(point: Mapping[str, Any]) -> Fingerprints:
    """Return the fingerprint of a contact point: none for postal addresses and the like."""
    if point["kind"] not in POINT_KINDS:
        return frozenset()
    value = form.email(point["value"]) if point["kind"] == "email" else form.phone(point["value"])
    return frozenset({fingerprint(point["kind"], value)} if value else ())


def _account(values: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    yield "name", form.company_name(_text(values, "name"))
    yield "name", form.company_name(_text(values, "legal_name"))
    yield "domain", form.domain(_text(values, "website"))
    yield "registration", form.registration(_text(values, "registration_country"), _text(values, "registration_number"))


def _contact(values: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    yield "name", form.person_name(_text(values, "name"))


def _lead(values: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    yield "name", form.person_name(_text(values, "name"))
    yield "email", form.email(_text(values, "email"))
    yield "phone", form.phone(_text(values, "phone"))
    yield "domain", form.domain(_text(values, "website"))


_EXTRACTORS: Final[Mapping[str, Callable[[Mapping[str, Any]], Iterable[tuple[str, str]]]]] = {
    "account": _account,
    "contact": _contact,
    "lead": _lead,
}


def _text(values: Mapping[str, Any], field: str) -> str:
    return values.get(field) or ""
