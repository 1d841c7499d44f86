"""Settings that a tenant gives a plugin: their schema, and checking values against it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from plugin_sdk import _manifest_values as values
from plugin_sdk._manifest_fields import LONGEST_TEXT, read_choices, read_max_length
from plugin_sdk._manifest_reader import NAME, did_you_mean, show
from plugin_sdk._manifest_texts import read_texts
from plugin_sdk.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plugin_sdk._manifest_reader import Section

_LONGEST_PATTERN: Final = 200
_HIDDEN: Final = "(secret)"


class SettingKind(StrEnum):
    """What a setting holds."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    CHOICE = "choice"


class InvalidSetting(SettingError):
    """One setting does not fit; ``value`` is hidden where the setting is a secret."""

    def __init__(self, key: str, value: object, reason: str, fix: str) -> None:
        super().__init__(f"settings.{key} = {show(value)}: {reason}; {fix}")
        self.key = key
        self.value = value
        self.reason = reason
        self.fix = fix


class InvalidSettings(SettingError):
    """Settings do not fit the manifest; ``problems`` holds everything wrong with them."""

    def __init__(self, problems: tuple[InvalidSetting, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class SettingSpec:
    """One declared setting; ``default`` is a checked Python value, or None where there is none."""

    key: str
    kind: SettingKind
    default: Decimal | int | str | None
    required: bool
    minimum: Decimal | int | None
    maximum: Decimal | int | None
    choices: tuple[str, ...]
    max_length: int | None
    pattern: str | None
    label: Mapping[str, str]
    help: Mapping[str, str]
    secret: bool

    def validate(self, value: object) -> Decimal | int | str:
        """Return the Python value of a JSON value; raise SettingError with the reason and the fix."""
        try:
            return self._check(value)
        except values.BadValueError as error:
            raise InvalidSetting(self.key, _HIDDEN if self.secret else value, error.reason, error.fix) from None

    def _check(self, value: object) -> Decimal | int | str:
        if self.kind is SettingKind.TEXT:
            return self._check_text(value)
        if self.kind is SettingKind.CHOICE:
            return values.to_choice(value, self.choices)
        if self.kind is SettingKind.BOOLEAN:
            return values.to_boolean(value)
        number = values.to_decimal(value) if self.kind is SettingKind.DECIMAL else values.to_integer(value)
        if self.minimum is not None and number < self.minimum:
            raise values.BadValueError("too small", f"use {self.minimum} or more")
        if self.maximum is not None and number > self.maximum:
            raise values.BadValueError("too large", f"use {self.maximum} or less")
        return number

    def _check_text(self, value: object) -> str:
        text = values.to_text(value, self.max_length or LONGEST_TEXT)
        if self.pattern is not None and not re.fullmatch(self.pattern, text):
            raise values.BadValueError("does not match the pattern", f"write a text that matches {self.pattern}")
        return text

    def dump(self, value: object) -> object:
        """Return a checked value in its JSON form: decimals become texts."""
        return format(value, "f") if isinstance(value, Decimal) else value

    def to_json(self) -> dict[str, object]:
        """Return the setting as it would stand in the manifest, with its defaults written out."""
        data = {
            "kind": self.kind.value,
            "default": self.dump(self.default),
            "min": self.dump(self.minimum),
            "max": self.dump(self.maximum),
            "choices": list(self.choices) or None,
            "max_length": self.max_length,
            "pattern": self.pattern,
            "label": dict(self.label) or None,
            "help": dict(self.help) or None,
            "required": self.required,
            "secret": self.secret,
        }
        return {key: value for key, value in data.items() if value is not None}


def read_settings(root: Section) -> Mapping[str, SettingSpec]:
    """Read all ``[settings.<key>]`` tables."""
    parent = root.section("settings")
    found = {}
    for key, section in parent.sections():
        parent.check(key, key, NAME)
        found[key] = _read_setting(key, section)
        section.finish()
    return MappingProxyType(found)


def _read_setting(key: str, section: Section) -> SettingSpec:
    kind = section.member("kind", SettingKind, example="text")
    spec = SettingSpec(
        key=key,
        kind=kind or SettingKind.TEXT,
        default=None,
        required=section.flag("required"),
        minimum=_read_bound(section, "min", kind),
        maximum=_read_bound(section, "max", kind),
        choices=read_choices(section, kind),
        max_length=read_max_length(section, kind, LONGEST_TEXT),
        pattern=_read_pattern(section, kind),
        label=read_texts(section, "label"),
        help=read_texts(section, "help"),
        secret=_read_secret(section, kind),
    )
    if spec.minimum is not None and spec.maximum is not None and spec.minimum > spec.maximum:
        section.report("min", "greater than max", "swap the two")
    return _with_default(section, spec) if section.has("default") and kind else spec


def _with_default(section: Section, spec: SettingSpec) -> SettingSpec:
    """Return the setting with its default, checked against the setting itself."""
    if spec.required:
        section.report("default", "a required setting has no default", "remove default or required")
    if spec.secret:
        section.report("default", "a secret in a manifest can be read by everybody", "remove it", _HIDDEN)
        return spec
    try:
        return replace(spec, default=spec.validate(section.data["default"]))
    except InvalidSetting as error:
        section.report("default", error.reason, error.fix)
        return spec


def _read_bound(section: Section, key: str, kind: SettingKind | None) -> Decimal | int | None:
    if not section.has(key) or kind is None:
        return None
    if kind not in (SettingKind.INTEGER, SettingKind.DECIMAL):
        section.report(key, "only for kinds integer and decimal", "remove it")
        return None
    try:
        value = section.data[key]
        return values.to_integer(value) if kind is SettingKind.INTEGER else values.to_decimal(value)
    except values.BadValueError as error:
        section.report(key, error.reason, error.fix)
        return None


def _read_pattern(section: Section, kind: SettingKind | None) -> str | None:
    pattern = section.read("pattern", str, example='"[A-Z]{3}"')
    if pattern is None:
        return None
    if kind not in (SettingKind.TEXT, None):
        section.report("pattern", "only for kind text", "remove it")
        return None
    if len(pattern) > _LONGEST_PATTERN:
        section.report("pattern", f"longer than {_LONGEST_PATTERN} characters", "shorten it")
        return None
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError, FutureWarning) as error:
        section.report("pattern", f"not a regular expression ({error})", "correct it")
        return None
    return pattern


def _read_secret(section: Section, kind: SettingKind | None) -> bool:
    secret = section.flag("secret")
    if secret and kind not in (SettingKind.TEXT, None):
        section.report("secret", "only for kind text", 'remove it or write kind = "text"')
    return secret


def validate_settings(specs: Mapping[str, SettingSpec], given: Mapping[str, object]) -> dict[str, object]:
    """Return one Python value per declared setting; raise SettingError with everything that is wrong."""
    problems = [
        InvalidSetting(key, _HIDDEN, "unknown setting", did_you_mean(key, specs)) for key in given if key not in specs
    ]
    result: dict[str, object] = {}
    for key, spec in specs.items():
        value = given.get(key)
        if value is None:
            result[key] = spec.default
            if spec.required:
                problems.append(InvalidSetting(key, None, "required", "give it a value"))
            continue
        try:
            result[key] = spec.validate(value)
        except InvalidSetting as problem:
            problems.append(problem)
    if problems:
        raise InvalidSettings(tuple(problems))
    return result
