"""Hypothesis strategies for what a manifest declares: settings and field values, as JSON values it accepts."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from plugin_sdk.errors import SettingError
from plugin_sdk.manifest import FieldKind, FieldSpec, SettingKind, SettingSpec, Writable

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import SearchStrategy

    from plugin_sdk.manifest import Manifest

__all__ = ["fields_of", "setting_values_of", "settings_of", "values_of"]

_LONGEST_TEXT: Final = 4000
_INTEGER_LIMIT: Final = 2**63
_PLACES: Final = 4
_DECIMAL_LIMIT: Final = 10**19 - 1  # in ten-thousandths: 15 digits before the point and 4 behind it
_LONGEST_OFFSET: Final = 23 * 60 + 59
# What every supported database can store: no NUL, no half of a surrogate pair.
_CHARACTERS: Final = st.characters(exclude_categories=["Cs"], exclude_characters="\0")


def values_of(field: FieldSpec) -> SearchStrategy[Any]:
    """Make JSON values that the field accepts; never null, which would clear it."""
    if field.kind is FieldKind.TEXT:
        return st.text(_CHARACTERS, max_size=field.max_length)
    if field.kind is FieldKind.CHOICE:
        return st.sampled_from(field.choices)
    return _KINDS[field.kind]()


def fields_of(manifest: Manifest, record_type: str) -> SearchStrategy[dict[str, Any]]:
    """Make values for any of the plugin's fields on a record type that callers of the REST API may write."""
    writable = [
        field for field in manifest.fields if field.record_type == record_type and field.writable is Writable.API
    ]
    return st.fixed_dictionaries({}, optional={field.key: values_of(field) for field in writable})


def settings_of(manifest: Manifest) -> SearchStrategy[dict[str, Any]]:
    """Make settings that the manifest accepts: all required ones, and any of the others."""
    required = {spec.key: setting_values_of(spec) for spec in manifest.settings.values() if spec.required}
    optional = {spec.key: setting_values_of(spec) for spec in manifest.settings.values() if not spec.required}
    return st.fixed_dictionaries(required, optional=optional)


def setting_values_of(spec: SettingSpec) -> SearchStrategy[Any]:
    """Make JSON values that the setting accepts."""
    if spec.kind is SettingKind.TEXT:
        return _setting_texts(spec)
    if spec.kind is SettingKind.CHOICE:
        return st.sampled_from(spec.choices)
    if spec.kind is SettingKind.BOOLEAN:
        return st.booleans()
    if spec.kind is SettingKind.DECIMAL:
        return _decimals(spec.minimum, spec.maximum)
    low, high = -_INTEGER_LIMIT, _INTEGER_LIMIT - 1
    return st.integers(
        low if spec.minimum is None else int(spec.minimum), high if spec.maximum is None else int(spec.maximum)
    )


def _setting_texts(spec: SettingSpec) -> SearchStrategy[str]:
    if spec.pattern is None:
        return st.text(_CHARACTERS, max_size=spec.max_length or _LONGEST_TEXT)
    # The pattern may allow more than the other limits do, so the setting itself has the last word.
    return st.from_regex(spec.pattern, fullmatch=True).filter(lambda text: _accepts(spec, text))


def _accepts(spec: SettingSpec, text: str) -> bool:
    try:
        spec.validate(text)
    except SettingError:
        return False
    return True


def _integers() -> SearchStrategy[int]:
    return st.integers(-_INTEGER_LIMIT, _INTEGER_LIMIT - 1)


def _decimals(minimum: Decimal | int | None = None, maximum: Decimal | int | None = None) -> SearchStrategy[str]:
    """Make decimals as texts, with up to four places, inside bounds that have no more places themselves."""
    low = -_DECIMAL_LIMIT if minimum is None else int(Decimal(minimum).scaleb(_PLACES))
    high = _DECIMAL_LIMIT if maximum is None else int(Decimal(maximum).scaleb(_PLACES))
    return st.builds(_decimal_text, st.integers(low, high), short=st.booleans())


def _decimal_text(scaled: int, *, short: bool) -> str:
    """Write ten-thousandths as a decimal, with all four places or, where it can be, without trailing zeros."""
    whole, rest = divmod(abs(scaled), 10**_PLACES)
    text = f"{'-' if scaled < 0 else ''}{whole}.{rest:0{_PLACES}d}"
    return text.rstrip("0").removesuffix(".") if short else text


def _dates() -> SearchStrategy[str]:
    return st.dates().map(lambda day: day.isoformat())


def _datetimes() -> SearchStrategy[str]:
    """Make points in time with any offset whose UTC form still has a year of four digits."""
    offsets = st.integers(-_LONGEST_OFFSET, _LONGEST_OFFSET).map(lambda minutes: timezone(timedelta(minutes=minutes)))
    first, last = datetime.min + timedelta(days=1), datetime.max - timedelta(days=1)  # noqa: DTZ901 - made aware below
    moments = st.datetimes(first, last, timezones=offsets)
    return st.builds(_datetime_text, moments, zulu=st.booleans())


def _datetime_text(moment: datetime, *, zulu: bool) -> str:
    return moment.isoformat().replace("+00:00", "Z") if zulu else moment.isoformat()


def _json_values() -> SearchStrategy[Any]:
    texts = st.text(_CHARACTERS)
    floats = st.floats(allow_nan=False, allow_infinity=False)
    scalars = st.booleans() | _integers() | floats | texts
    inner = st.recursive(
        st.none() | scalars,
        lambda items: st.lists(items, max_size=4) | st.dictionaries(texts, items, max_size=4),
        max_leaves=12,
    )
    return scalars | st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4)


_KINDS: Final[dict[FieldKind, Callable[[], SearchStrategy[Any]]]] = {
    FieldKind.INTEGER: _integers,
    FieldKind.DECIMAL: _decimals,
    FieldKind.MONEY: _decimals,
    FieldKind.BOOLEAN: st.booleans,
    FieldKind.DATE: _dates,
    FieldKind.DATETIME: _datetimes,
    FieldKind.JSON: _json_values,
}
