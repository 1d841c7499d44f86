"""``crm plugin trust …`` and what belongs to it: who vouches for a plugin's code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crm_core.cli.output import fail, show, table
from crm_core.cli.session import AsJson, Database, operator, require_migrated, settings_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from crm_core.settings import Settings

    T = TypeVar("T")

Tier = Annotated[str, typer.Option("--tier", help="Where it is to run: in_process or isolated.")]


def trust_plugin(name: str, tier: Tier = "in_process", database: Database = None, as_json: AsJson = False) -> None:
    """Vouch for a plugin's code as it is here now; any later change of its files voids it."""
    from crm_core.errors import PluginError
    from crm_core.plugin_host import tiers, trust
    from crm_core.plugin_host.discovery import discover

    def work(settings: Settings) -> str:
        if tier not in list(tiers.Tier):
            message = f"--tier {tier}: there is no such tier; write one of {', '.join(tiers.Tier)}"
            raise PluginError(message)
        each = next((plugin for plugin in discover() if plugin.id == name), None)
        if each is None:
            message = f"no package of plugin {name!r} is installed in this environment; crm plugin list shows all"
            raise PluginError(message)
        return trust.trust(settings.database_url, each, actor=operator(), tier=tiers.Tier(tier))

    digest = _on_database(database, work)
    text = f"{name} is trusted as it is now and runs {tier.replace('_', ' ')} from the next start of crm serve on"
    show({"plugin": name, "digest": digest, "tier": tier}, text, as_json=as_json)


def distrust_plugin(name: str, database: Database = None, as_json: AsJson = False) -> None:
    """Take the trust in a plugin back; it runs isolated from the next start of crm serve on."""
    from crm_core.plugin_host import trust

    _on_database(database, lambda settings: trust.distrust(settings.database_url, name, actor=operator()))
    text = f"{name} is trusted no longer, unless it is signed with a trusted key; restart crm serve"
    show({"plugin": name, "trusted": False}, text, as_json=as_json)


def make_key(file: Path, as_json: AsJson = False) -> None:
    """Make a key to sign plugins with: the private half goes to FILE, the public one is printed."""
    from crm_core.plugin_host.signature import make_key as make

    public = _tried(lambda: make(file))
    show({"public_key": public, "file": str(file)}, public, as_json=as_json)


def sign_plugin(
    wheel: Path, key: Annotated[Path, typer.Option("--key", help="The private key.")], as_json: AsJson = False
) -> None:
    """Sign the wheel of a plugin: its signature is put into it."""
    from crm_core.plugin_host.signature import sign_wheel

    public = _tried(lambda: sign_wheel(wheel, key))
    show({"wheel": str(wheel), "public_key": public}, f"{wheel.name} is signed with the key {public}", as_json=as_json)


def trust_key(name: str, public_key: str, database: Database = None, as_json: AsJson = False) -> None:
    """Trust every plugin signed with a partner's key; NAME is shown with them."""
    from crm_core.plugin_host import trust

    _on_database(database, lambda settings: trust.trust_key(settings.database_url, name, public_key, actor=operator()))
    show({"name": name, "trusted": True}, f"what {name} signs is trusted; restart crm serve", as_json=as_json)


def distrust_key(name: str, database: Database = None, as_json: AsJson = False) -> None:
    """Trust a partner's key no longer."""
    from crm_core.plugin_host import trust

    _on_database(database, lambda settings: trust.distrust_key(settings.database_url, name, actor=operator()))
    show(
        {"name": name, "trusted": False}, f"what {name} signed is trusted no longer; restart crm serve", as_json=as_json
    )


def list_keys(database: Database = None, as_json: AsJson = False) -> None:
    """List the trusted keys."""
    from crm_core.db.migrate import in_transaction
    from crm_core.plugin_host import trust

    def work(settings: Settings) -> list[dict[str, Any]]:
        known = in_transaction(settings.database_url, trust.stored_in, read_only=True)
        return [key._asdict() for key in known.keys]

    rows = _on_database(database, work)
    show(rows, table(rows, ["name", "public_key", "by", "at"]) if rows else "no key is trusted", as_json=as_json)


def add_commands(plugin_app: typer.Typer) -> None:
    """Put the commands under ``crm plugin``."""
    plugin_app.command("trust")(trust_plugin)
    plugin_app.command("distrust")(distrust_plugin)
    plugin_app.command("keygen")(make_key)
    plugin_app.command("sign")(sign_plugin)
    plugin_app.command("trust-key")(trust_key)
    plugin_app.command("distrust-key")(distrust_key)
    plugin_app.command("keys")(list_keys)


def _on_database(database: str | None, work: Callable[[Settings], T]) -> T:
    settings = settings_for(database)
    require_migrated(settings)
    return _tried(lambda: work(settings))


def _tried(work: Callable[[], T]) -> T:
    from crm_core.errors import CrmError

    try:
        return work()
    except CrmError as error:
        fail(error.message)
