"""The functions a plugin's statement may call on SQLite."""

from __future__ import annotations

__all__ = ["FUNCTIONS"]

_AGGREGATES = "avg count group_concat max min sum total"
_WINDOWS = "cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank row_number"
_NUMBERS = "abs ceil ceiling floor mod round sign"
_TEXTS = """
char concat concat_ws glob hex instr length like lower ltrim replace rtrim substr substring trim unicode upper crm_lower
"""
_VALUES = "coalesce iif ifnull nullif typeof"
_TIMES = "current_date current_time current_timestamp date datetime julianday strftime time unixepoch"
_JSON = "json json_array_length json_extract json_quote json_type json_valid -> ->>"
_DEFAULTS = "randomblob"

FUNCTIONS = frozenset(f"{_AGGREGATES} {_WINDOWS} {_NUMBERS} {_TEXTS} {_VALUES} {_TIMES} {_JSON} {_DEFAULTS}".split())
"""What they compute depends on nothing but their arguments, the time and chance: no file, no connection, no settings.

They are those of ``ctx.sql``, what SQLAlchemy writes for its operators (LIKE, JSON, parts of dates), and what
migrations may put into a default or a check of a plugin's own table.
"""
