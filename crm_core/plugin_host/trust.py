"""Who vouches for a plugin's code: an operator who pinned its files, or a partner whose key signed them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from crm_core.db.migrate import in_transaction
from crm_core.db.statements import Statement
from crm_core.errors import PluginError
from crm_core.plugin_host import tiers
from crm_core.plugin_host.package_files import UnreadablePackage, digest, first_difference, package_files
from crm_core.plugin_host.signature import public_key, read_signature
from crm_core.plugin_host.tiers import Tier, Verdict
from crm_core.schema import plugin_history, plugin_trust, trusted_key
from plugin_sdk.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import sqlalchemy.engine as sqlalchemy

    from crm_core.db.connection import Connection
    from crm_core.plugin_host.discovery import Discovered
    from crm_core.settings import Settings

_PINS = sa.select(
    plugin_trust.c.plugin,
    plugin_trust.c.digest,
    plugin_trust.c.files,
    plugin_trust.c.tier,
    plugin_trust.c.trusted_by,
    plugin_trust.c.trusted_at,
)
_KEYS = sa.select(
    trusted_key.c.name, trusted_key.c.public_key, trusted_key.c.trusted_by, trusted_key.c.trusted_at
).order_by(trusted_key.c.name)
_READ_PINS, _READ_KEYS = Statement(_PINS), Statement(_KEYS)
# The history is by plugin; what is done to a key concerns all of them.
_EVERY_PLUGIN = "*"


class Pin(NamedTuple):
    """An operator's word for the files of a plugin."""

    plugin: str
    digest: str
    files: Mapping[str, str]
    tier: str
    by: str
    at: dt.datetime

    @property
    def words(self) -> str:
        """Return who trusted it when, for sentences."""
        return f"{self.by} on {self.at:%Y-%m-%d}"


class Key(NamedTuple):
    """A partner whose signatures are trusted."""

    name: str
    public_key: str
    by: str
    at: dt.datetime


class Stored(NamedTuple):
    """What a database knows of trust."""

    pins: Mapping[str, Pin]
    keys: Sequence[Key]


def stored(connection: Connection) -> Stored:
    """Read what a database knows of trust, on a connection of the server."""
    return _stored(connection.fetch(_READ_PINS, {}), connection.fetch(_READ_KEYS, {}))


def stored_in(connection: sqlalchemy.Connection) -> Stored:
    """Read what a database knows of trust, in a lifecycle step."""
    return _stored(connection.execute(_PINS).all(), connection.execute(_KEYS).all())


def verdicts(discovered: Iterable[Discovered], known: Stored) -> dict[str, Verdict]:
    """Return for each plugin whether somebody vouches for its files as they are now, and who or why not."""
    return {each.id: _verdict(each, known) for each in discovered}


def tiers_for(settings: Settings, found: Sequence[Discovered], name: str) -> dict[str, Tier]:
    """Return where the plugins of this environment run, to install one of them; raise if that one may not run."""
    known = in_transaction(settings.database_url, stored_in, read_only=True)
    choices = tiers.choices(found, settings, verdicts(found, known))
    refused = choices.get(name)
    if refused is not None and refused.tier is None:
        raise PluginError(refused.why, plugin=name)
    return tiers.tiers_of(choices)


def trust(url: str, each: Discovered, *, actor: str, tier: Tier = Tier.IN_PROCESS) -> str:
    """Vouch for the files of a plugin as they are now; return their digest."""
    files = _require_files(each)
    row = {
        "plugin": each.id,
        "digest": digest(files),
        "files": files,
        "tier": tier.value,
        "trusted_by": actor,
        "trusted_at": _now(),
    }

    def change(connection: sqlalchemy.Connection) -> str:
        connection.execute(sa.delete(plugin_trust).where(plugin_trust.c.plugin == each.id))
        connection.execute(sa.insert(plugin_trust).values(**row))
        version = each.manifest.version_text if each.manifest else None
        _record(connection, each.id, version, "trusted", actor, {"digest": row["digest"], "tier": tier.value})
        return str(row["digest"])

    return in_transaction(url, change)


def distrust(url: str, name: str, *, actor: str) -> None:
    """Take an operator's word for a plugin back."""

    def change(connection: sqlalchemy.Connection) -> None:
        if not connection.execute(sa.delete(plugin_trust).where(plugin_trust.c.plugin == name)).rowcount:
            message = f"no operator trusts plugin {name}; crm plugin list shows why each plugin runs where it does"
            raise PluginError(message, plugin=name)
        _record(connection, name, None, "distrusted", actor, {})

    in_transaction(url, change)


def trust_key(url: str, name: str, key: str, *, actor: str) -> None:
    """Trust whatever is signed with a key, under a name to show."""
    wanted = public_key(key)

    def change(connection: sqlalchemy.Connection) -> None:
        for known in stored_in(connection).keys:
            if known.name == name or known.public_key == wanted:
                message = (
                    f"the key {known.public_key} is trusted as {known.name!r} already; "
                    f"take it back with crm plugin distrust-key {known.name} first"
                )
                raise PluginError(message)
        values = {"name": name, "public_key": wanted, "trusted_by": actor, "trusted_at": _now()}
        connection.execute(sa.insert(trusted_key).values(**values))
        _record(connection, _EVERY_PLUGIN, None, "key_trusted", actor, {"name": name, "public_key": wanted})

    in_transaction(url, change)


def distrust_key(url: str, name: str, *, actor: str) -> None:
    """Trust a key no longer; what it signed runs isolated from the next start on."""

    def change(connection: sqlalchemy.Connection) -> None:
        if not connection.execute(sa.delete(trusted_key).where(trusted_key.c.name == name)).rowcount:
            there = ", ".join(key.name for key in stored_in(connection).keys) or "none"
            message = f"no key is trusted as {name!r}; trusted keys are: {there}"
            raise PluginError(message)
        _record(connection, _EVERY_PLUGIN, None, "key_distrusted", actor, {"name": name})

    in_transaction(url, change)


def _stored(pins: Iterable[Any], keys: Iterable[Any]) -> Stored:
    read = (Pin(*row) for row in pins)
    return Stored({pin.plugin: pin for pin in read}, [Key(*row) for row in keys])


def _require_files(each: Discovered) -> dict[str, str]:
    if each.manifest is None or each.package is None:
        message = f"plugin {each.label} cannot be trusted: {each.problem or 'it has no package with files'}"
        raise PluginError(message, plugin=each.label)
    try:
        return package_files(each.package, each.distribution)
    except UnreadablePackage as error:
        message = f"plugin {each.label} cannot be trusted: {error}"
        raise PluginError(message, plugin=each.label) from error


def _verdict(each: Discovered, known: Stored) -> Verdict:
    if each.package is None or each.manifest is None:
        return Verdict(trusted=False, reason="not trusted")
    try:
        files = package_files(each.package, each.distribution)
    except UnreadablePackage as error:
        return Verdict(trusted=False, reason=f"not trusted: {error}")
    pin = known.pins.get(each.id)
    if pin is not None and pin.digest == digest(files):
        return Verdict(trusted=True, reason=f"trusted by {pin.words}", tier=Tier(pin.tier))
    signed = _signed(each, files, known.keys)
    if signed is not None and signed.trusted:
        return signed
    reasons = [] if signed is None else [signed.reason]
    if pin is not None:
        reasons.insert(0, f"{first_difference(pin.files, files)} since it was trusted by {pin.words}")
    return Verdict(trusted=False, reason=": ".join(["not trusted", "; ".join(reasons)] if reasons else ["not trusted"]))


def _signed(each: Discovered, files: Mapping[str, str], keys: Sequence[Key]) -> Verdict | None:
    signature = read_signature(each.package) if each.package else None
    if signature is None:
        return None
    if isinstance(signature, str):
        return Verdict(trusted=False, reason=signature)
    changed = first_difference(signature.files, files)
    if changed:
        return Verdict(trusted=False, reason=f"{changed} since it was signed; get the package again from its author")
    signer = next((key.name for key in keys if key.public_key == signature.public_key), None)
    if signer is None:
        reason = f"it is signed with the key {signature.public_key}, which is not trusted (crm plugin trust-key)"
        return Verdict(trusted=False, reason=reason)
    return Verdict(trusted=True, reason=f"signed by {signer}")


def _record(
    connection: sqlalchemy.Connection,
    name: str,
    version: str | None,
    action: str,
    actor: str,
    detail: Mapping[str, Any],
) -> None:
    row = {"id": new_id(), "at": _now(), "plugin": name, "version": version, "tenant_id": None}
    connection.execute(sa.insert(plugin_history).values(**row, action=action, detail=dict(detail), actor=actor))


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
