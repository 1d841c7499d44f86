"""Judging the syntax tree of one statement: every part of it must be known to be harmless, and every table its own."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from crm_core.plugin_host.migrations import definitions, shapes
from crm_core.plugin_host.migrations.refusal import ADVICE, Forbidden
from crm_core.plugin_host.migrations.words import KNOWN, kind

if TYPE_CHECKING:
    from crm_core.plugin_host.migrations.names import Names
    from crm_core.plugin_host.migrations.words import Words

__all__ = ["judge"]

# What it cannot read is refused here, in our words.
logging.getLogger("sqlglot").setLevel(logging.ERROR)

_READ_AS = {"postgresql": "postgres", "sqlite": "sqlite"}
_QUERIES = (exp.Select, exp.Union, exp.Intersect, exp.Except)
_ROWS = (exp.Insert, exp.Update, exp.Delete, *_QUERIES)
_DEFINITIONS = (exp.Create, exp.Alter, exp.Drop, exp.Comment)
_DEFINED = frozenset({"TABLE", "INDEX", "COLUMN"})
_CATALOG = "pg_catalog"


def judge(statement: Words, names: Names) -> tuple[str, ...]:
    """Raise Forbidden unless a statement may run in a migration of the plugin; return the tables that it drops."""
    tree = _parsed(statement, names)
    in_catalog = not names.on_sqlite and isinstance(tree, _QUERIES) and _reads_catalog(tree)
    parts = shapes.CATALOG_PARTS if in_catalog else shapes.PARTS
    functions = shapes.CATALOG_FUNCTIONS if in_catalog else shapes.FUNCTIONS
    for node in tree.walk():
        _require_known(node, parts)
        if isinstance(node, exp.Anonymous) and node.name.lower() not in functions:
            raise Forbidden(f"call {node.name}()", "compute the value in the revision and send it")
        if isinstance(node, exp.Table) and not (in_catalog and _is_catalog(node)):
            _require_own(node, names)
        if isinstance(node, exp.Column) and node.args.get("db") and not in_catalog:
            names.table(exp.table_(node.args["table"], db=node.args["db"], catalog=node.args.get("catalog")))
        if isinstance(node, exp.CTE):
            names.require_free(node.args["alias"].this)
    definitions.check(tree, names)
    _require_no_word_lost(tree, statement, functions)
    dropped = tree.args["tables"] if isinstance(tree, exp.Drop) and tree.args["kind"] == "TABLE" else []
    return tuple(names.table(table) for table in dropped)


def _parsed(statement: Words, names: Names) -> exp.Expr:
    try:
        trees = sqlglot.parse(statement.text, read=_READ_AS[names.dialect])
    except (SqlglotError, RecursionError):
        raise Forbidden(f"use this {kind(statement.words)}, which cannot be read", ADVICE) from None
    tree = trees[0] if len(trees) == 1 else None
    about = str(tree.args.get("kind") or "").upper() if isinstance(tree, _DEFINITIONS) else ""
    if tree is None or not (about in _DEFINED or isinstance(tree, _ROWS)):
        raise Forbidden(f"use this {kind(statement.words)}", ADVICE)
    return tree


def _require_known(node: exp.Expr, parts: dict[type[exp.Expr], frozenset[str] | None]) -> None:
    if isinstance(node, exp.Anonymous):
        return
    if type(node) not in parts:
        raise _unknown(node)
    allowed = parts[type(node)]
    if allowed is not None:
        for name, value in node.args.items():
            if value and name not in allowed and not name.startswith("_"):
                said = _spoken(value.expressions[0]) if isinstance(value, exp.Properties) else name.strip("_").upper()
                raise Forbidden(f"write {said.replace('_', ' ')} in {_spoken(node)}", ADVICE)
    if type(node) is exp.DataType and node.this not in shapes.TYPES:
        raise _unknown_type(node)
    if type(node) in {exp.CollateColumnConstraint, exp.Collate}:
        order = (node.args.get("expression") or node.this).name
        if order not in shapes.COLLATIONS:
            raise Forbidden(f"sort by the collation {order}", f"use one of {', '.join(sorted(shapes.COLLATIONS))}")


def _unknown(node: exp.Expr) -> Forbidden:
    if isinstance(node, (exp.GeneratedAsIdentityColumnConstraint, exp.AutoIncrementColumnConstraint)):
        return _sequence()
    if isinstance(node, exp.Func):
        return Forbidden(f"call {node.sql_name().lower()}()", "compute the value in the revision and send it")
    return Forbidden(f"use {_spoken(node)}", ADVICE)


def _unknown_type(node: exp.DataType) -> Forbidden:
    if "SERIAL" in str(node.this):
        return _sequence()
    return Forbidden(
        f"use the type {node.sql('postgres')}",
        "use the types of sqlalchemy that both databases have (sa.Text, sa.Uuid …)",
    )


def _sequence() -> Forbidden:
    return Forbidden(
        "let the database count (SERIAL, IDENTITY, AUTOINCREMENT)",
        "use sa.Uuid() as the key with ids made by the code, or autoincrement=False",
    )


def _spoken(node: exp.Expr) -> str:
    """Return a part's name as people write it: ForeignKey is FOREIGN KEY."""
    if isinstance(node, exp.Dot):
        return "a name with its schema for what is no table"
    name = type(node).__name__.removesuffix("ColumnConstraint").removesuffix("Property")
    return "".join(f" {letter}" if letter.isupper() else letter for letter in name).strip().upper() or "a setting"


def _reads_catalog(tree: exp.Expr) -> bool:
    return any(map(_is_catalog, tree.find_all(exp.Table)))


def _is_catalog(node: exp.Table) -> bool:
    db = node.args.get("db")
    own = not node.args.get("catalog") and db is not None and db.name == _CATALOG
    return own and node.name in shapes.CATALOG


def _require_own(node: exp.Table, names: Names) -> None:
    parent = node.parent
    if isinstance(parent, exp.Opclass):
        if node.name.lower() not in KNOWN or node.args.get("db"):
            raise Forbidden(f"use the operator class {node.sql()}", "leave it out")
        return
    if definitions.looks_at(node):
        return
    is_source = isinstance(parent, (exp.From, exp.Join, exp.Subquery, exp.Paren)) or node.arg_key == "using"
    if not isinstance(node.this, exp.Identifier):
        raise Forbidden("read from a function", "select from a table of the plugin")
    if not (is_source and len(node.parts) == 1 and _is_named_before(node, names)):
        names.table(node)


def _is_named_before(node: exp.Table, names: Names) -> bool:
    """Tell whether a WITH that can be seen from here names this table; later names of the same WITH cannot."""
    wanted = names.spelled(node.this)
    child: exp.Expr = node
    while child.parent is not None:
        parent = child.parent
        if isinstance(parent, exp.With):
            seen = parent.expressions[: child.index]
        else:
            found = None if isinstance(child, exp.With) else parent.args.get("with_")
            seen = found.expressions if found else []
        if any(names.spelled(cte.args["alias"].this) == wanted for cte in seen):
            return True
        child = parent
    return False


def _require_no_word_lost(tree: exp.Expr, statement: Words, functions: frozenset[str]) -> None:
    """Refuse a word that is in the text and nowhere in the tree: the parser has skipped what the database will not."""
    names = {node.name.lower() for node in tree.find_all(exp.Identifier)}
    lost = [word for word in statement.words if word not in names and word not in KNOWN and word not in functions]
    if lost:
        raise Forbidden(f"use {lost[0].upper()}", ADVICE)
