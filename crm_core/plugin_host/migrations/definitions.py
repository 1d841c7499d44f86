"""The rules for changing tables: own ones only, no reference that can hold the core up, nothing put off to the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from crm_core.plugin_host.migrations.refusal import Forbidden

if TYPE_CHECKING:
    from crm_core.plugin_host.migrations.names import Names

__all__ = ["check", "looks_at"]

_ANCHOR_KEY = ["tenant_id", "id"]
_WITH_THE_RECORD = frozenset({"ON DELETE CASCADE", "ON DELETE SET NULL"})
_REFERENCE = (
    'refer to ["core.record.tenant_id", "core.record.id"] or to an own table, with ondelete="CASCADE" and nothing else'
)


def check(tree: exp.Expr, names: Names) -> None:
    """Raise Forbidden if a statement defines what a migration may not define; statements about rows pass."""
    if isinstance(tree, exp.Create):
        _check_create(tree, names)
    elif isinstance(tree, exp.Alter):
        _check_alter(tree, names)
    elif isinstance(tree, exp.Drop):
        _check_drop(tree, names)
    for reference in tree.find_all(exp.Reference):
        _check_reference(reference, names)


def looks_at(node: exp.Table) -> bool:
    """Tell whether the rules here judge this table: what is referred to, and new or constraints' names."""
    parent = node.parent
    if isinstance(parent, exp.Schema):
        parent = parent.parent
    is_part_of_alter = isinstance(parent, exp.Drop) and isinstance(parent.parent, exp.Alter)
    return isinstance(parent, (exp.Reference, exp.AlterRename)) or is_part_of_alter


def _check_create(tree: exp.Create, names: Names) -> None:
    made = tree.this
    if isinstance(made, exp.Schema):
        names.definable(made.this)
        for item in made.expressions:
            if isinstance(item, exp.Identifier) or (isinstance(item, exp.ColumnDef) and item.kind is None):
                raise Forbidden(f"make the column {item.name} without a type", "give it one")
    elif isinstance(made, exp.Index) and made.this is not None and made.args.get("table") is not None:
        names.definable(made.args["table"])
        if not names.inside(made.this):
            raise Forbidden(f"make the index {made.name} outside its schema", f'pass schema="{names.schema}"')
    else:
        raise Forbidden("create a table from a query", "make it with op.create_table, then insert")


def _check_alter(tree: exp.Alter, names: Names) -> None:
    if str(tree.args["kind"]).upper() != "TABLE":
        raise Forbidden(f"use ALTER {tree.args['kind']}", "drop it and make it anew")
    _require_not_version_table(names.definable(tree.this), names)
    for action in tree.args["actions"]:
        if isinstance(action, exp.AlterRename):
            _check_new_name(action.this, names)
        elif isinstance(action, exp.Drop) and str(action.args["kind"]).upper() not in {"COLUMN", "CONSTRAINT"}:
            raise Forbidden(f"use ALTER TABLE DROP {action.args['kind']}", "drop columns and constraints only")
        elif not isinstance(action, _ACTIONS):
            raise Forbidden(f"use this ALTER TABLE ({action.sql()})", "use op.alter_column, op.add_column and the like")


_ACTIONS = (exp.ColumnDef, exp.AddConstraint, exp.Drop, exp.AlterColumn, exp.RenameColumn)


def _check_new_name(node: exp.Table, names: Names) -> None:
    """Require that a renamed table stays where it is; on SQLite its new name must say so."""
    if names.on_sqlite:
        _require_not_version_table(names.definable(node), names)
    elif len(node.parts) > 1:
        raise Forbidden("move a table to another schema", "pass the new name without a schema")
    else:
        _require_not_version_table(names.definable(exp.table_(node.this.copy(), db=names.schema)), names)


def _check_drop(tree: exp.Drop, names: Names) -> None:
    for node in tree.args["tables"]:
        name = names.definable(node) if str(tree.args["kind"]).upper() == "TABLE" else names.table(node)
        _require_not_version_table(name, names)


def _require_not_version_table(name: str, names: Names) -> None:
    if names.is_version_table(name):
        raise Forbidden(f"change {names.schema}.{name}", "leave the table of revisions to the host")


def _check_reference(reference: exp.Reference, names: Names) -> None:
    target = reference.this
    table = target.this if isinstance(target, exp.Schema) else target
    columns = [names.spelled(each) for each in target.expressions] if isinstance(target, exp.Schema) else []
    if not isinstance(table, exp.Table) or not isinstance(table.this, exp.Identifier):
        raise Forbidden("refer to what is no table", _REFERENCE)
    if names.is_anchor(table):
        if columns != _ANCHOR_KEY:
            raise Forbidden(f"refer to core.record by ({', '.join(columns)})", _REFERENCE)
    else:
        _require_own_target(table, names)
    options = [" ".join(str(option).upper().split()) for option in reference.args.get("options") or []]
    others = [option for option in options if option not in _WITH_THE_RECORD]
    if others:
        raise Forbidden(f"make a reference {others[0]}", _REFERENCE)
    if len(options) != 1:
        raise Forbidden(
            "make a reference without ON DELETE CASCADE, which could keep a record from being deleted", _REFERENCE
        )


def _require_own_target(table: exp.Table, names: Names) -> None:
    try:
        names.table(table)
    except Forbidden as refused:
        raise Forbidden(refused.what.replace("touch", "refer to", 1), _REFERENCE) from None
