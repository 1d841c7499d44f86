"""The parts that a statement of a migration may be made of; everything else is refused."""

from __future__ import annotations

from sqlglot import exp
from sqlglot.expressions import DataType

__all__ = ["CATALOG", "CATALOG_FUNCTIONS", "CATALOG_PARTS", "COLLATIONS", "FUNCTIONS", "PARTS", "TYPES"]

_ANY = None

# Each class with what may be said of it; None where whatever the parser knows of it is harmless.
PARTS: dict[type[exp.Expr], frozenset[str] | None] = {
    # Schema changes; the rules for them are in `definitions`.
    exp.Create: frozenset({"this", "kind", "unique", "exists"}),
    exp.Alter: frozenset({"this", "kind", "actions"}),
    exp.Drop: frozenset({"tables", "kind", "exists"}),
    exp.Comment: frozenset({"this", "kind", "expression"}),
    exp.Schema: frozenset({"this", "expressions"}),
    exp.ColumnDef: frozenset({"this", "kind", "constraints", "exists"}),
    exp.ColumnConstraint: frozenset({"this", "kind"}),
    exp.NotNullColumnConstraint: frozenset({"allow_null"}),
    exp.DefaultColumnConstraint: frozenset({"this"}),
    exp.PrimaryKeyColumnConstraint: frozenset(),
    exp.UniqueColumnConstraint: frozenset({"this", "include"}),
    exp.CheckColumnConstraint: frozenset({"this"}),
    exp.ComputedColumnConstraint: frozenset({"this", "persisted"}),
    exp.CollateColumnConstraint: frozenset({"this"}),
    exp.Constraint: frozenset({"this", "expressions"}),
    exp.PrimaryKey: frozenset({"expressions", "include"}),
    exp.ForeignKey: frozenset({"expressions", "reference"}),
    exp.Reference: frozenset({"this", "options"}),
    exp.Index: frozenset({"this", "table", "params"}),
    exp.IndexParameters: frozenset({"using", "columns", "include", "where"}),
    exp.Opclass: frozenset({"this", "expression"}),
    exp.AddConstraint: frozenset({"expressions"}),
    exp.AlterColumn: frozenset({"this", "dtype", "using", "default", "drop", "allow_null"}),
    exp.AlterRename: frozenset({"this"}),
    exp.RenameColumn: frozenset({"this", "to"}),
    # Rows.
    exp.Select: frozenset(
        {"expressions", "from_", "joins", "where", "group", "having", "order", "limit", "offset", "distinct", "with_"}
    ),
    exp.Union: _ANY,
    exp.Intersect: _ANY,
    exp.Except: _ANY,
    exp.Insert: frozenset({"this", "expression", "conflict", "returning", "alternative", "default", "with_"}),
    exp.Update: frozenset({"this", "expressions", "from_", "where", "returning", "with_"}),
    exp.Delete: frozenset({"this", "using", "where", "returning", "with_"}),
    exp.Values: frozenset({"expressions", "alias"}),
    exp.Returning: frozenset({"expressions"}),
    exp.OnConflict: frozenset({"expressions", "action", "conflict_keys", "index_predicate", "where", "constraint"}),
    exp.With: frozenset({"expressions"}),
    exp.CTE: frozenset({"this", "alias"}),
    exp.Table: frozenset({"this", "db", "alias"}),
    exp.Subquery: frozenset({"this", "alias"}),
    exp.From: frozenset({"this"}),
    exp.Join: frozenset({"this", "on", "using", "side", "kind", "method"}),
    exp.Group: frozenset({"expressions"}),
    exp.Order: frozenset({"this", "expressions"}),
    exp.Ordered: frozenset({"this", "desc", "nulls_first"}),
    exp.Limit: frozenset({"expression"}),
    exp.Offset: frozenset({"expression"}),
    exp.Distinct: frozenset({"expressions"}),
    exp.Window: frozenset({"this", "partition_by", "order", "over", "spec"}),
    exp.WindowSpec: _ANY,
    exp.Filter: frozenset({"this", "expression"}),
    exp.DataType: frozenset({"this", "expressions", "nested"}),
    **dict.fromkeys(
        [
            *(exp.Where, exp.Having, exp.Identifier, exp.Column, exp.Star, exp.Alias, exp.TableAlias, exp.Literal),
            *(exp.Null, exp.Boolean, exp.Tuple, exp.Paren, exp.DataTypeParam, exp.Var),
            *(exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is, exp.In),
            *(exp.Between, exp.Like, exp.ILike, exp.Escape, exp.Exists, exp.Any, exp.NullSafeEQ, exp.NullSafeNEQ),
            *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg, exp.DPipe, exp.Collate),
            *(exp.Case, exp.If, exp.Cast, exp.Array, exp.Interval, exp.JSONExtract, exp.JSONExtractScalar),
            *(exp.JSONPath, exp.JSONPathRoot, exp.JSONPathKey, exp.JSONPathSubscript),
        ],
        _ANY,
    ),
    # Functions that the parser knows: what they return depends on nothing but what they are given, and the time.
    **dict.fromkeys(
        [
            *(exp.Abs, exp.Avg, exp.Ceil, exp.Coalesce, exp.Concat, exp.Count, exp.CurrentDate, exp.CurrentTime),
            *(exp.CurrentTimestamp, exp.Extract, exp.Floor, exp.Greatest, exp.Least, exp.Length, exp.Lower, exp.Max),
            *(
                exp.Min,
                exp.Nullif,
                exp.Rank,
                exp.DenseRank,
                exp.Replace,
                exp.Round,
                exp.RowNumber,
                exp.Substring,
                exp.Hex,
            ),
            *(exp.Sum, exp.Trim, exp.Upper, exp.Uuid, exp.Lag, exp.Lead, exp.StrPosition, exp.Left, exp.Right),
            *(exp.LowerHex, exp.TimeToStr, exp.Date, exp.TsOrDsToTimestamp),
        ],
        _ANY,
    ),
}

FUNCTIONS = frozenset(
    """
    abs avg btrim ceil ceiling char_length coalesce concat count date datetime dense_rank extract floor gen_random_uuid
    greatest hex ifnull instr json_array_length json_extract json_quote jsonb_array_length lag lead least left length
    lower ltrim max min now nullif position randomblob rank replace right round row_number rtrim strftime strpos substr
    substring sum total trim upper
    """.split()  # noqa: SIM905 - read by people
)
"""The same functions and some more by the names they have in a text."""

COLLATIONS = frozenset({"C", "BINARY", "NOCASE"})
"""The orders of text there are in every database."""

_T = DataType.Type
TYPES = frozenset(
    {
        *(_T.BOOLEAN, _T.SMALLINT, _T.TINYINT, _T.INT, _T.BIGINT, _T.DECIMAL, _T.FLOAT, _T.DOUBLE, _T.CHAR, _T.VARCHAR),
        *(_T.TEXT, _T.NAME, _T.UUID, _T.DATE, _T.TIME, _T.TIMETZ, _T.TIMESTAMP, _T.TIMESTAMPTZ, _T.TIMESTAMPNTZ),
        *(_T.DATETIME, _T.INTERVAL, _T.JSON, _T.JSONB, _T.VARBINARY, _T.BINARY, _T.BLOB, _T.ARRAY, _T.NCHAR),
        *(_T.NVARCHAR, _T.MEDIUMINT, _T.UNKNOWN),
    }
)

CATALOG = frozenset(
    """
    pg_am pg_attrdef pg_attribute pg_class pg_collation pg_constraint pg_depend pg_description pg_enum pg_index
    pg_inherits pg_namespace pg_opclass pg_sequence pg_tablespace pg_type
    """.split()  # noqa: SIM905 - read by people
)
"""What SQLAlchemy's inspector reads on PostgreSQL; no one's rows are in any of it."""

CATALOG_PARTS: dict[type[exp.Expr], frozenset[str] | None] = {
    **PARTS,
    exp.Dot: _ANY,
    exp.ArrayAgg: _ANY,
    exp.LogicalAnd: _ANY,
    exp.Explode: _ANY,
    exp.Unnest: _ANY,
    exp.ObjectIdentifier: _ANY,
}
CATALOG_FUNCTIONS = FUNCTIONS | frozenset(
    """
    array_agg bool_and col_description current_setting format_type generate_subscripts json_build_object obj_description
    pg_collation_is_visible pg_get_constraintdef pg_get_expr pg_get_indexdef pg_get_serial_sequence
    pg_table_is_visible pg_type_is_visible unnest
    """.split()  # noqa: SIM905 - read by people
)
