"""Write the mapping by which an exported file can be imported, into an empty tenant for one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crm_core.imports.export_cells import Column

_USERS = "principal"


def mapping_text(record_type: str, system: str, form: str, columns: Sequence[Column]) -> str:
    """Return the mapping of an exported file."""
    plugins = sorted({each.plugin for each in columns if each.plugin and each.importable})
    lines = [
        f"# Imports an export of {record_type} records. References are found by the ids of the exported records:",
        "# import the records they name first, with the mapping of their own export.",
        "",
        "[source]",
        f"format = {_text(form)}",
        'encoding = "utf-8"',
        "",
        "[[record]]",
        f"record_type = {_text(record_type)}",
        f"system = {_text(system)}",
        'ext_id = "{id}"',
        "[record.fields]",
        *(_field(each, system) for each in columns if each.importable and each.plugin is None),
    ]
    for plugin in plugins:
        lines.append(f"[record.plugins.{plugin}]")
        lines += [_field(each, system) for each in columns if each.importable and each.plugin == plugin]
    return "\n".join(lines) + "\n"


def _field(column: Column, system: str) -> str:
    key = column.name.rpartition(".")[2]
    if column.references == _USERS:
        return f"# {key}: users are not exported; write a [record.fields] entry here to give the records to somebody"
    if column.references is not None:
        return f'{key} = {{ ref = {_text(column.references)}, system = {_text(system)}, ext_id = "{{{column.name}}}" }}'
    # An empty cell of a field that is never without a value can only be an empty text.
    empty = ', empty = "text"' if column.is_text and not column.may_be_empty else ""
    return f"{key} = {{ column = {_text(column.name)}{empty} }}"


def _text(value: str) -> str:
    """Return a TOML string: JSON's escapes, but for the delete character, which TOML wants escaped too."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
