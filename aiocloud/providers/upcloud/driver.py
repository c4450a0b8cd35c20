"""The account, and its servers."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal, Unpack

from aiocloud.accounts import Account, Environment
from aiocloud.creation import Creation, new_token
from aiocloud.driver import NodeAuth, Options, PowerControl, id_of, segment
from aiocloud.errors import ConfigurationError, ConflictError
from aiocloud.http.auth import HeaderAuth
from aiocloud.http.paging import Pager
from aiocloud.http.together import together
from aiocloud.mapping import dig, raw
from aiocloud.models import Image, KeyPair, Location, Node, NodeAuthSSHKey, Size
from aiocloud.providers.upcloud.extras import Extras
from aiocloud.providers.upcloud.market import Market
from aiocloud.providers.upcloud.wire import API, MARK, NODE, STATES, given, labels, yes
from aiocloud.values import Secret

PATIENCE = 180.0
"""Seconds for a request that is answered when the server has been started."""

SHUTDOWN = 600.0
"""Seconds that a server which is to be destroyed may take to stop."""

LONGEST_HOSTNAME = 63
"""Characters that every system takes for the name of a host."""

INTERFACES = (("public", "IPv4"), ("utility", "IPv4"), ("public", "IPv6"))
"""The network interfaces of a new server: what the control panel gives one, too."""


class UpCloud(Market, Extras, PowerControl):
    """Needs an API token, or the name and password of a user who may use the API.

    `region` is the zone where nodes are made that name no location. Tags are labels there. A node that is made carries
    one more label, `aiocloud-create`, by which it is found if the answer is lost.
    """

    provider = "upcloud"
    title = "UpCloud"
    website = "https://upcloud.com/"
    protocol = "UpCloud API 1.3, JSON"
    features = frozenset({"ssh_key", "user_data", "tags", "idempotent_create"})
    states = {"state": STATES}
    user_data_limit = 65535  # none is named: this is what others take
    api = API

    def __init__(
        self,
        username: str | None = None,
        password: str | Secret | None = None,
        *,
        token: str | Secret | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(**options)
        self._expect("text", str, username=username)
        self.http = self.connect(auth=self._sign_in(username, password, token))

    def _sign_in(self, username: str | None, password: str | Secret | None, token: str | Secret | None) -> HeaderAuth:
        if token:
            return HeaderAuth("Authorization", "Bearer ", self.secret(token, "token"))
        if not username:
            raise ConfigurationError("upcloud needs a `token`, or a `username` with its `password`")
        pair = f"{username}:{self.secret(password, 'password').reveal()}"
        login = self.secret(b64encode(pair.encode()).decode(), "password")
        return HeaderAuth("Authorization", "Basic ", login)

    @classmethod
    def accounts(cls, environment: Environment) -> Iterable[Account]:
        """UPCLOUD_TOKEN, or UPCLOUD_USERNAME and UPCLOUD_PASSWORD."""
        if token := environment.get("UPCLOUD_TOKEN"):
            yield Account("upcloud", "default", {"token": token}, source="environment variables")
            return
        environment.require_whole("UPCLOUD_USERNAME", "UPCLOUD_PASSWORD")
        username, password = environment.get("UPCLOUD_USERNAME"), environment.get("UPCLOUD_PASSWORD")
        if username and password:
            known = {"username": username, "password": password}
            yield Account("upcloud", "default", known, source="environment variables")

    # ---- lists ----

    def list_nodes(self, *, location: Location | str | None = None) -> Pager[Node]:
        """All servers, or those in one zone. Their addresses are asked for at the same time, in another list."""

        async def nodes() -> list[Node]:
            servers, found = await together(self._servers, self.ex_list_addresses)
            where = id_of(location) if location is not None else None
            held: dict[str, list[Mapping[str, Any]]] = {}
            for row in found:
                held.setdefault(row.get("server") or "", []).append(row)
            return [
                self.http.read(
                    NODE, {**server, "ip_addresses": {"ip_address": held.get(server.get("uuid") or "-", [])}}
                )
                for server in servers
                if where in (None, server.get("zone"))
            ]

        return Pager.of(nodes)

    async def _servers(self, **params: str) -> list[Mapping[str, Any]]:
        return await self.http.list("/server", raw, items="servers.server", params=params)

    # ---- nodes ----

    async def get_node(self, node: Node | str) -> Node:
        """The server as it is now."""
        return await self.http.get(f"/server/{segment(node)}", NODE, item="server")

    async def create_node(
        self,
        name: str,
        *,
        size: Size | str,
        image: Image | str,
        location: Location | str | None = None,
        auth: NodeAuth | None = None,
        user_data: str | bytes | None = None,
        tags: Mapping[str, str] | None = None,
        ex_hostname: str | None = None,
        ex_disk_size: int | None = None,
        ex_disk_tier: str | None = None,
        ex_username: str | None = None,
        ex_create_password: bool | None = None,
        ex_interfaces: Sequence[Mapping[str, Any]] | None = None,
        ex_firewall: bool | None = None,
        ex_simple_backup: str | None = None,
        ex_server_group: str | None = None,
        ex_timezone: str | None = None,
    ) -> Node:
        """Make a server with one disk, cloned from a template. See `Compute.create_node`.

        ex_hostname       its host name; by default the node's name, with a dash for what no host name may have
        ex_disk_size      GiB of its disk, in place of the plan's
        ex_disk_tier      the tier of its disk ("maxiops", "standard"), in place of the plan's
        ex_username       the user who gets the key, in place of root
        ex_create_password  make a password for that user, which stands in `node.password`; templates with cloud-init
                          refuse it
        ex_interfaces     its network interfaces as the API wants them, in place of a public one for each of IPv4 and
                          IPv6 and one in the utility network
        ex_firewall       switch its firewall on, which then lets nothing in that no rule admits
        ex_simple_backup  when to back up, and for how long to keep it ("0100,dailies")
        ex_server_group   the id of the server group to put it in
        ex_timezone       the time zone of its hardware clock, in place of UTC
        """
        self.refuse_what_is_not_offered(auth, user_data, tags)
        zone = location if location is not None else self.region
        if not isinstance(zone, Location | str):
            raise ConfigurationError("upcloud needs a `location` for a new node, or a `region` for the driver")
        token = new_token()
        plan = await self._plan_of(size)
        disk = given(
            action="clone",
            storage=id_of(image),
            title=f"{name} OS disk",
            size=ex_disk_size or (plan.disk if plan else None) or None,
            tier=ex_disk_tier or (plan.extra.get("storage_tier") if plan else None),
        )
        server = given(
            title=name,
            hostname=ex_hostname or hostname(name),
            zone=id_of(zone),
            plan=id_of(size),
            storage_devices={"storage_device": [disk]},
            networking={"interfaces": {"interface": _interfaces(ex_interfaces)}},
            login_user=self._login_user(auth, ex_username, ex_create_password),
            password_delivery="none",  # by mail or SMS it would travel otherwise  # noqa: S106 - no password
            metadata="yes",  # cloud-init has its keys and its user data from there
            user_data=self.user_data_text(user_data),
            labels=labels({**(tags or {}), MARK: token}),
            firewall=yes(ex_firewall, ("off", "on")),
            simple_backup=ex_simple_backup,
            server_group=ex_server_group,
            timezone=ex_timezone,
        )

        async def send() -> Node:
            made = dig(await self.http.call("POST", "/server", json={"server": server}), "server")
            node = self.http.read(NODE, made)
            password = dig(made, "password")
            return replace(node, password=self.secret(password, "password")) if password else node

        async def find() -> Node | None:
            found = await self._servers(label=f"{MARK}={token}")
            return await self.get_node(found[0]["uuid"]) if found else None

        return await Creation(name=name, token=token, send=send, find=find, destroy=self.destroy_node).run()

    async def _plan_of(self, size: Size | str) -> Size | None:
        """The plan, asked for where only its name is known; None for one that there is not, which the API refuses."""
        if isinstance(size, Size) and size.disk is not None:
            return size
        return next((plan for plan in await self._plans() if plan.id == id_of(size)), None)

    def _login_user(self, auth: NodeAuth | None, username: str | None, password: bool | None) -> dict[str, Any] | None:
        key = _public_key(auth)
        user = given(
            username=username,
            create_password=yes(password if password is not None or key is None else False),
            ssh_keys={"ssh_key": [key]} if key else None,
        )
        return user or None

    async def destroy_node(
        self, node: Node | str, *, ex_backups: Literal["keep", "keep_latest", "delete"] = "keep"
    ) -> None:
        """Delete the server with its disks. One that runs is cut off first, and one that still boots awaited.

        ex_backups  what becomes of the backups of its disks, each of which costs money
        """
        path = f"/server/{segment(node)}"

        async def end() -> None:
            try:
                await self.http.call("DELETE", path, params={"storages": "1", "backups": ex_backups})
            except ConflictError:  # it runs, boots or stops: only one that is stopped can be deleted
                with suppress(ConflictError):
                    await self.stop_node(node, ex_hard=True)
                raise

        await self.once_allowed(node, end, wait=SHUTDOWN)

    async def reboot_node(self, node: Node | str, *, ex_hard: bool = False) -> None:
        """Restart the operating system; one that does not stop in a minute, or with `ex_hard`, is cut off."""
        await self._act(node, "restart", {"restart_server": {**_stop(ex_hard), "timeout_action": "destroy"}})

    async def start_node(self, node: Node | str) -> None:
        """Start it. The API answers when that is done."""
        await self._act(node, "start", {"server": {}})

    async def stop_node(self, node: Node | str, *, ex_hard: bool = False) -> None:
        """Shut it down; one that does not stop in a minute, or with `ex_hard`, is cut off. Its plan costs on."""
        await self._act(node, "stop", {"stop_server": _stop(ex_hard)})

    async def _act(self, node: Node | str, action: str, body: Mapping[str, Any]) -> None:
        await self.http.call("POST", f"/server/{segment(node)}/{action}", json=body, timeout=PATIENCE)


def hostname(name: str) -> str:
    """A host name as near to that name as may be.

    >>> hostname("Quay 3 (Öland).example.org")
    'Quay-3-land.example.org'
    """
    labels = re.sub(r"[^A-Za-z0-9.]+", "-", name[:LONGEST_HOSTNAME]).split(".")
    return ".".join(label for each in labels if (label := each.strip("-"))) or "server"


def _stop(hard: bool) -> dict[str, str]:
    return {"stop_type": "hard" if hard else "soft", "timeout": "60"}


def _interfaces(wanted: Sequence[Mapping[str, Any]] | None) -> list[Mapping[str, Any]]:
    if wanted is not None:
        return list(wanted)
    return [{"type": kind, "ip_addresses": {"ip_address": [{"family": family}]}} for kind, family in INTERFACES]


def _public_key(auth: NodeAuth | None) -> str | None:
    match auth:
        case NodeAuthSSHKey(public_key) | KeyPair(public_key=str(public_key)):
            return public_key.strip()
        case KeyPair():
            raise ConfigurationError("upcloud keeps no key pairs: give one that has its public key")
    return None
