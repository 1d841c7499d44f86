"""Where a request can name a record, read off the OpenAPI document, and requests that name one there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.crm_core.identity.routes_of import API, smallest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import TypeAlias

    Place: TypeAlias = tuple[str | int, ...]
    Ids: TypeAlias = Mapping[str, str]

OWN = "(the record type of the path)"
KINDS: Mapping[str, tuple[str, ...]] = {
    "account_id": ("accounts",),
    "campaign_id": ("campaigns",),
    "contact_id": ("contacts",),
    "document_id": (OWN,),
    "dst_id": ("contacts", "leads"),
    "group_ids": ("principals",),
    "id": (OWN,),
    "loser_id": (OWN,),
    "opportunity_id": ("opportunities",),
    "origin_id": ("quotes", "sales-orders", "opportunities", "leads"),
    "owner_id": ("principals",),
    "parent_id": (OWN,),
    "pipeline_id": ("pipelines",),
    "price_book_id": ("price-books",),
    "principal_id": ("principals",),
    "product_id": ("products",),
    "record_id": ("leads", "accounts"),
    "regarding_id": ("accounts", "leads"),
    "src_id": ("accounts", "leads"),
    "stage_id": ("stages",),
    "tag_ids": ("tags",),
}
"""What a member with an id names, as the first part of a path. A new one must be added here, or the tests fail."""
# Lines name the document they belong to.
_PARENTS = {"quote-lines": "quotes", "sales-order-lines": "sales-orders"}


@dataclass(frozen=True)
class Operation:
    """One method of one path, with what the document says of it."""

    method: str
    path: str
    described: Mapping[str, Any]
    components: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def collection(self) -> str:
        """The first part of the path below the API."""
        return self.path.removeprefix(f"{API}/").split("/")[0]

    @property
    def body(self) -> Mapping[str, Any] | None:
        """The schema of the body."""
        content = self.described.get("requestBody", {}).get("content", {}).get("application/json")
        return None if content is None else content["schema"]

    @property
    def query(self) -> list[str]:
        """The names of the query parameters."""
        return [each["name"] for each in self.described.get("parameters", ()) if each["in"] == "query"]

    def named_by(self, name: str) -> Sequence[str]:
        """Return the collections whose ids a member may hold."""
        own = _PARENTS.get(self.collection, self.collection) if name == "document_id" else self.collection
        return [own if kind == OWN else kind for kind in KINDS[name]]

    def filled(self, ids: Mapping[str, str]) -> str:
        """Return the path with its parameters."""
        path = self.path
        for name, value in ids.items():
            path = path.replace(f"{{{name}}}", value)
        assert "{" not in path, f"{self}: no value for a parameter; teach path_values of served.py"
        return path

    def places(self) -> list[Place]:
        """Return where the body can hold an id."""
        return list(dict.fromkeys(_places(self.body or {}, self.components)))

    def body_with(self, place: Place, value: str, ids: Ids) -> Any:
        """Return the smallest body that has ``value`` at a place; other ids it cannot do without are from ``ids``."""
        assert self.body is not None
        return self._with(self.body, place, value, ids)

    def smallest_body(self, ids: Ids) -> Any:
        """Return the smallest body, its ids from ``ids``; of many operations it has one, which creates."""
        if self.body is None:
            return {}
        if not self.path.endswith("/bulk"):
            return self._smallest(self.body, "", ids)
        one = _option(self._member(self.body, "operations"), "items", self.components)["items"]
        created = _option(self._member(one, "create"), "properties", self.components)
        return {"operations": [{"create": self._smallest(created, "", ids)}]}

    def _member(self, schema: Mapping[str, Any], name: str) -> Any:
        return _option(schema, "properties", self.components)["properties"][name]

    def _with(self, schema: Mapping[str, Any], place: Place, value: str, ids: Ids) -> Any:
        if not place:
            return value
        first, *rest = place
        if isinstance(first, int):
            return [self._with(_option(schema, "items", self.components)["items"], tuple(rest), value, ids)]
        inner = self._with(self._member(schema, first), tuple(rest), value, ids)
        return {**self._smallest(_option(schema, "properties", self.components), "", ids), first: inner}

    def _smallest(self, schema: Mapping[str, Any], name: str, ids: Ids) -> Any:
        found = _resolved(schema, self.components)
        if found.get("format") == "uuid":
            return ids[self.named_by(name)[0]]
        if "properties" in found:
            return {each: self._smallest(found["properties"][each], each, ids) for each in found.get("required", ())}
        if found.get("minItems"):
            return [self._smallest(found["items"], name, ids)]
        return smallest(found, self.components)


def operations(document: Mapping[str, Any]) -> list[Operation]:
    """Return every operation below the API."""
    return [
        Operation(method.upper(), path, described, document["components"]["schemas"])
        for path, methods in document["paths"].items()
        if path.startswith(f"{API}/")
        for method, described in methods.items()
    ]


def name_of(place: Place) -> str:
    """Return the name of the member at a place."""
    return str([each for each in place if isinstance(each, str)][-1])


def _resolved(schema: Mapping[str, Any], components: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        schema = components[schema["$ref"].rpartition("/")[2]]
    return schema


def _option(schema: Mapping[str, Any], key: str, components: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the one of a schema's options that has a keyword."""
    found = _resolved(schema, components)
    options = [_resolved(each, components) for each in found.get("anyOf", [found])]
    return next(each for each in options if key in each)


def _places(schema: Mapping[str, Any], components: Mapping[str, Any], at: Place = ()) -> Iterator[Place]:
    found = _resolved(schema, components)
    for option in found.get("anyOf", ()):
        yield from _places(option, components, at)
    if found.get("format") == "uuid":
        yield at
    for name, inner in found.get("properties", {}).items():
        yield from _places(inner, components, (*at, name))
    if "items" in found:
        yield from _places(found["items"], components, (*at, 0))
