"""The account's SSH keys, and the accounts that DigitalOcean's own tool knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiocloud.accounts import Account, Environment
from aiocloud.driver import LabelledKeys, NodeAuth, segment
from aiocloud.driver.keypairs import name_for_key
from aiocloud.errors import ConfigurationError, NotFoundError
from aiocloud.http.client import Client
from aiocloud.http.paging import Pager
from aiocloud.models import KeyPair, Location, NodeAuthSSHKey
from aiocloud.providers.digitalocean.wire import KEY_PAIR


class Keys(LabelledKeys):
    """The account's SSH keys, by name. No key can be there twice, but a name can."""

    http: Client

    def list_key_pairs(self) -> Pager[KeyPair]:
        """The account's SSH keys."""
        return self.http.list("/account/keys", KEY_PAIR, items="ssh_keys")

    async def delete_key_pair(self, key_pair: KeyPair | str) -> None:
        """Remove the key of that name."""
        known = await self.get_key_pair(key_pair) if isinstance(key_pair, str) else key_pair
        await self.http.send("DELETE", f"/account/keys/{segment(known)}")

    async def forget_public_key(self, public_key: str, *, location: Location | str | None = None) -> None:
        """Remove the key from the account, if `create_node` has put it there."""
        pair = await self._key_of(public_key)
        if pair is not None and pair.name == name_for_key(public_key):
            with suppress(NotFoundError):
                await self.delete_key_pair(pair)

    async def _key_ids(self, auth: NodeAuth | None) -> list[int | str]:
        """What a new droplet must be told of these keys; one that the account does not know is imported."""
        match auth:
            case NodeAuthSSHKey(public_key):
                pair = await self._known_key(public_key)
            case KeyPair(id=id_) if id_.isdecimal():
                pair = auth
            case KeyPair(name=name):
                pair = await self.get_key_pair(name)
            case _:
                return []
        return [int(pair.id) if pair.id.isdecimal() else pair.id]

    async def _add_key(self, name: str, key_material: str) -> KeyPair:
        body = {"name": name, "public_key": key_material.strip()}
        answer = await self.http.call("POST", "/account/keys", json=body)
        return self.http.read(KEY_PAIR, answer.get("ssh_key"))


def doctl_accounts(environment: Environment) -> Iterable[Account]:
    """The token of the environment; and the contexts of doctl's configuration."""
    if token := environment.get("DIGITALOCEAN_ACCESS_TOKEN", "DIGITALOCEAN_TOKEN"):
        yield Account("digitalocean", "default", {"token": token}, source="environment variables")
    path = environment.home / ".config" / "doctl" / "config.yaml"
    if not path.exists():
        return
    settings = _read(path)
    contexts = settings.get("auth-contexts")
    tokens = {"default": settings.get("access-token"), **(contexts if isinstance(contexts, Mapping) else {})}
    for name, token in tokens.items():
        if isinstance(token, str) and token:
            yield Account("digitalocean", str(name), {"token": token}, source=str(path))


def _read(path: Path) -> Mapping[str, Any]:
    try:
        import yaml
    except ImportError as error:
        raise ConfigurationError(
            f"{path} can be read when PyYAML is installed: pip install 'aiocloud[openstack]'"
        ) from error
    try:
        settings = yaml.safe_load(path.read_text("utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        # The text of a YAML error may quote the file, and with it a token.
        raise ConfigurationError(f"{path} cannot be read: {type(error).__name__}") from None
    if not isinstance(settings, Mapping):
        raise ConfigurationError(f"{path} is no table of settings")
    return settings
