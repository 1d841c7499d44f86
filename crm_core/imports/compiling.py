"""Check a mapping against the file, the record types and the tenant's plugins, and make the plan to run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crm_core.errors import CrmError
from crm_core.imports import cells
from crm_core.imports.mapping import ColumnValue, Constant, RefValue
from crm_core.imports.plan import FieldPlan, PartPlan, Plan, RecordPlan
from crm_core.imports.problems import Problems, nearest
from crm_core.imports.targets import Target, core_target, or_empty, plugin_target
from crm_core.imports.templates import SPECIAL, Template, digest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crm_core.imports.mapping import MappingFile, PartMapping, RecordMapping
    from crm_core.imports.templates import Row
    from crm_core.records.entity import Entity
    from crm_core.records.scope import Scope

_ANY_RECORD = "record"


def compile_mapping(scope: Scope, mapping: MappingFile, columns: Sequence[str]) -> Plan:
    """Return the plan of a mapping for a file with these columns; a MappingError names every problem."""
    compiler = _Compiler(scope, {name: index for index, name in enumerate(columns)}, Problems(mapping.name))
    records = [compiled for record in mapping.records if (compiled := compiler.record(record)) is not None]
    compiler.clashes(mapping.records)
    compiler.problems.finish()
    return Plan(tuple(records))


@dataclass(frozen=True, slots=True)
class _Compiler:
    scope: Scope
    columns: Mapping[str, int]
    problems: Problems

    def record(self, record: RecordMapping) -> RecordPlan | None:
        entity = self.scope.catalog.get(record.record_type)
        if entity is None:
            what = f"there is no record type {record.record_type!r}; {nearest(record.record_type, self.scope.catalog)}"
            self.problems.add(f"{record.where}.record_type", what)
            return None
        self.placeholders(f"{record.where}.ext_id", record.ext_id, constant=False)
        parts = entity.parts
        for name in record.parts:
            if parts is None or name != parts.name:
                known = [parts.name] if parts else []
                self.problems.add(
                    f"{record.where}.{name}", f"{record.record_type} has no such list; {nearest(name, known)}"
                )
        inner: tuple[PartPlan, ...] = ()
        if parts is not None and parts.name in record.parts:
            given = frozenset({parts.key, parts.order})
            inner = tuple(self.part(part, parts.entity, given) for part in record.parts[parts.name])
        return RecordPlan(
            entity,
            record.system,
            record.ext_id.renderer(self.columns),
            self.part(record, entity, frozenset()),
            parts.name if parts and inner else None,
            inner,
            digest(record.fingerprint),
        )

    def part(self, part: PartMapping, entity: Entity, given: frozenset[str]) -> PartPlan:
        """Return the plan of a record's own fields, or of those of a part, whose ``given`` fields the core sets."""
        fields: list[FieldPlan] = []
        constants: dict[str, Any] = {}
        plugin_constants: dict[str, dict[str, Any]] = {}
        for where, target, value in self.targets(part, entity, given):
            made = self.field(where, target, value)
            if isinstance(made, FieldPlan):
                fields.append(made)
            elif made is not None:
                values = plugin_constants.setdefault(target.plugin, {}) if target.plugin else constants
                values[target.name.rpartition(".")[2]] = made[0]
        return PartPlan(tuple(fields), constants, plugin_constants, self.condition(part))

    def targets(self, part: PartMapping, entity: Entity, given: frozenset[str]) -> list[tuple[str, Target, Any]]:
        """Return every mapped field that exists, and report those that do not or that are missing."""
        found: list[tuple[str, Target, Any]] = []
        writable = {field.name: field for field in entity.fields if field.writable and field.name not in given}
        for name, value in part.fields.items():
            where = f"{part.where}.fields.{name}"
            if name in writable:
                found.append((where, core_target(entity, writable[name]), value))
            elif name in entity.by_name:
                self.problems.add(where, f"{entity.record_type}.{name} is set by the core; leave it out")
            else:
                self.problems.add(where, f"{entity.record_type} has no field {name!r}; {nearest(name, writable)}")
        required = {name for name, field in writable.items() if field.required} - entity.filled | entity.demanded
        for name in sorted(required - part.fields.keys()):
            self.problems.add(f"{part.where}.fields", f"{entity.record_type}.{name} is required; map it")
        for plugin, values in part.plugins.items():
            found += self.plugin_targets(part.where, entity, plugin, values)
        return found

    def plugin_targets(
        self, place: str, entity: Entity, plugin: str, values: Mapping[str, Any]
    ) -> list[tuple[str, Target, Any]]:
        tenant = self.scope.hooks.tenant
        known = tenant.fields.of(entity.record_type, tenant.enabled)
        where = f"{place}.plugins.{plugin}"
        if plugin not in known:
            what = f"no enabled plugin {plugin!r} has fields on {entity.record_type}; {nearest(plugin, known)}"
            self.problems.add(where, what)
            return []
        specs = known[plugin].specs
        writable = {key: spec for key, spec in specs.items() if not spec.computed and spec.writable == "api"}
        found: list[tuple[str, Target, Any]] = []
        for key, value in values.items():
            if key in writable:
                found.append((f"{where}.{key}", plugin_target(plugin, writable[key]), value))
            elif key in specs:
                self.problems.add(f"{where}.{key}", f"is set by the plugin {plugin} only; leave it out")
            else:
                self.problems.add(f"{where}.{key}", f"there is no such field; {nearest(key, writable)}")
        return found

    def field(self, where: str, target: Target, value: Any) -> FieldPlan | tuple[Any] | None:
        """Return the plan of one field, or a tuple with its constant value, or None after a problem."""
        if isinstance(value, Constant) or (isinstance(value, Template) and not value.names):
            return self.constant(where, target, value.value if isinstance(value, Constant) else value.parts[0])
        if isinstance(value, RefValue):
            return self.reference(where, target, value)
        if isinstance(value, Template):
            self.placeholders(where, value, constant=True)
            convert = or_empty(target, target.convert, None)
            return FieldPlan(target.name, value.names, value.renderer(self.columns), convert, target.plugin)
        return self.column(where, target, value)

    def constant(self, where: str, target: Target, value: Any) -> tuple[Any] | None:
        try:
            prepared = cells.prepared(ColumnValue(""), target.kind)(value) if isinstance(value, str) else value
            return (target.convert(prepared),)
        except CrmError as error:
            self.problems.add(where, error.message)
            return None

    def reference(self, where: str, target: Target, value: RefValue) -> FieldPlan | None:
        wanted = target.references
        if wanted is None or wanted not in {value.record_type, _ANY_RECORD}:
            what = f"refers to {wanted} records, not to {value.record_type}" if wanted else "is no reference"
            self.problems.add(f"{where}.ref", f"{target.name} {what}")
            return None
        if value.record_type != _ANY_RECORD and value.record_type not in self.scope.catalog:
            known = nearest(value.record_type, self.scope.catalog)
            self.problems.add(f"{where}.ref", f"there is no record type {value.record_type!r}; {known}")
        self.placeholders(f"{where}.ext_id", value.ext_id, constant=True)
        raw = value.ext_id.renderer(self.columns)
        ref = (value.record_type, value.system)
        return FieldPlan(target.name, value.ext_id.names, raw, or_empty(target, _same, None), target.plugin, ref)

    def column(self, where: str, target: Target, value: ColumnValue) -> FieldPlan | None:
        index = self.index(f"{where}.column", value.column)
        steps = cells.prepared(value, value.type or target.kind)
        if value.divide_by is None:
            if index is None:
                return None
            convert = or_empty(target, lambda cell: target.convert(steps(cell)), value)
            return FieldPlan(target.name, (value.column,), _cell(index), convert, target.plugin)
        other = self.index(f"{where}.divide_by", value.divide_by)
        if index is None or other is None:
            return None
        divide = or_empty(target, lambda pair: target.convert(cells.quotient(value, *pair)), value)
        names = (value.column, value.divide_by)
        return FieldPlan(target.name, names, _pair(index, other), divide, target.plugin)

    def condition(self, part: PartMapping) -> Callable[[Row], bool]:
        if part.when is None:
            return lambda _row: True
        when = part.when
        index = self.index(f"{part.where}.when.column", when.column) or 0
        if when.equals:
            return lambda row: row.values[index] in when.equals
        return lambda row: bool(row.values[index])

    def index(self, where: str, column: str) -> int | None:
        if column not in self.columns:
            self.problems.add(where, f"the file has no column {column!r}; {nearest(column, self.columns)}")
        return self.columns.get(column)

    def placeholders(self, where: str, template: Template, *, constant: bool) -> None:
        known = {*self.columns, *SPECIAL}
        for name in template.names:
            if name not in known:
                self.problems.add(where, f"the file has no column {name!r}; {nearest(name, known)}")
        if not template.names and not constant:
            self.problems.add(where, f"{template.text!r} is the same for every row; name a column, or {{line}}")

    def clashes(self, records: Sequence[RecordMapping]) -> None:
        """Report two records of a row that would get one id."""
        seen: dict[tuple[str, str], RecordMapping] = {}
        for record in records:
            first = seen.setdefault((record.system, record.ext_id.text), record)
            if first is not record and not (first.when and record.when):
                what = (
                    f"is also the id of {first.where}; tell them apart, e.g. {record.record_type}:{record.ext_id.text}"
                )
                self.problems.add(f"{record.where}.ext_id", what)


def _same(value: Any) -> Any:
    return value


def _cell(index: int) -> Callable[[Row], Any]:
    return lambda row: row.values[index]


def _pair(first: int, second: int) -> Callable[[Row], Any]:
    """Return both cells, or nothing where one is empty."""

    def read(row: Row) -> Any:
        pair = (row.values[first], row.values[second])
        return None if None in pair or "" in pair else pair

    return read
