"""Manifests that several test modules start from."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

VALID = b"""
[plugin]
id = "loyalty"
name = "Loyalty points"
version = "1.0.0-rc.1"
summary = "Points for orders"
sdk = "^0.1"
core = ">=0.1,<1"
license = "Apache-2.0"
homepage = "https://example.com/loyalty"
requirements = ["REQ-7"]

[requires]
lead_scoring = "^1.0"

[capabilities]
api = ["account:read", "*:create", "ticket:*"]
data = ["core:read"]

[tables]
ledger = "One row per points movement."

[[fields]]
record_type = "account"
key = "tier"
kind = "choice"
label = { en = "Tier", zh = "\xe7\xad\x89\xe7\xba\xa7" }
help = { en = "From bronze to silver" }
choices = ["bronze", "silver"]
searchable = true
writable = "plugin"
pii = false

[[fields]]
record_type = "account"
key = "motto"
kind = "text"
label = { en = "Motto" }
max_length = 40
pii = true

[[fields]]
record_type = "account"
key = "balance"
kind = "money"
label = { en = "Balance" }
computed = true

[settings.points_per_unit]
kind = "decimal"
default = "1.5"
min = "0"
max = "100"
label = { en = "Points per unit" }
help = { en = "How many" }

[settings.prefix]
kind = "text"
default = "LP"
pattern = "[A-Z]{2}"
max_length = 2

[settings.token]
kind = "text"
required = true
secret = true

[settings.mode]
kind = "choice"
choices = ["slow", "fast"]

[settings.days]
kind = "integer"
default = 30
min = 1
max = 90

[settings.active]
kind = "boolean"
default = false

[hooks.record_after_write]
record_types = ["sales_order"]
before = ["other_plugin"]
after = ["third"]

[hooks.record_before_write]
on_conflict_priority = 10

[uninstall]
policy = "export"

[privacy]
pii_tables = ["ledger.note"]
"""
MINIMAL = b"""
[plugin]
id = "a"
name = "A"
version = "1.0.0"
summary = "Does little"
sdk = "*"
core = "*"
"""
DOCUMENT = tomllib.loads(VALID.decode())


def paths(node: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Iterate over the paths of everything in a document: tables, lists and values."""
    if path:
        yield path
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in items:
        yield from paths(child, (*path, key))
