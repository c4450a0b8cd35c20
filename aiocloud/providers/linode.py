"""Linode (Akamai Cloud), API v4: https://techdocs.akamai.com/linode-api/reference/api"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Unpack

from aiocloud.accounts import Account, Environment, read_ini
from aiocloud.creation import Creation, new_token
from aiocloud.driver import KeyPairs, NodeAuth, Options, PowerControl, id_of, segment
from aiocloud.errors import (
    CapacityError,
    ConfigurationError,
    ConflictError,
    NotFoundError,
    QuotaExceededError,
)
from aiocloud.geography import coordinates
from aiocloud.http.auth import HeaderAuth
from aiocloud.http.client import Api
from aiocloud.http.errors import ErrorTable
from aiocloud.http.paging import NumberedPaging, Pager
from aiocloud.http.ratelimit import Limits
from aiocloud.http.together import together
from aiocloud.mapping import Shape, at, by_reach, one_of, raw, several, timestamp
from aiocloud.models import (
    Image,
    KeyPair,
    Location,
    Node,
    NodeAuthPassword,
    NodeAuthSSHKey,
    NodeState,
    Offer,
    Price,
    Size,
)
from aiocloud.values import FrozenMap, Secret

STATES = {
    "running": NodeState.RUNNING,
    "offline": NodeState.STOPPED,
    "stopped": NodeState.STOPPED,
    "provisioning": NodeState.PENDING,
    "booting": NodeState.PENDING,
    "rebooting": NodeState.REBOOTING,
    "shutting_down": NodeState.STOPPING,
    "busy": NodeState.PENDING,
    "cloning": NodeState.PENDING,
    "migrating": NodeState.PENDING,
    "rebuilding": NodeState.PENDING,
    "resizing": NodeState.PENDING,
    "restoring": NodeState.PENDING,
    "deleting": NodeState.TERMINATED,
    "billing_suspension": NodeState.SUSPENDED,
}

MARK = "aiocloud-create"
"""The key of the tag by which a node is found again whose creation was not confirmed."""


def _message(body: Any) -> str | None:
    """All the reasons, each after the field that it is about."""
    if not isinstance(body, Mapping):
        return None
    reasons = [
        f"{error['field']}: {error['reason']}" if error.get("field") else str(error.get("reason"))
        for error in body.get("errors") or ()
    ]
    return "; ".join(reasons) or None


ERRORS = ErrorTable(
    message=_message,
    # There are no words for errors, only sentences.
    texts={
        "*must be unique*": ConflictError,
        "*[Bb]usy*": ConflictError,
        "*limit*reached*": QuotaExceededError,
        "*capacity*": CapacityError,
        "*sold out*": CapacityError,
        "*not currently available*": CapacityError,
        "*not available in*": CapacityError,
    },
)


def _ips(ipv4: Sequence[str] | None, slaac: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return by_reach([*(ipv4 or ()), slaac.partition("/")[0]] if slaac else ipv4 or ())


def _tags(tags: Iterable[str]) -> FrozenMap[str]:
    """Linode's tags are words; ours that have a value are written `key=value`."""
    pairs = [tag.partition("=") for tag in tags]
    return FrozenMap.over({key: value for key, _, value in pairs if key != MARK})


def _country(code: str) -> str:
    return "GB" if code.lower() == "uk" else code.upper()


def _coordinates(code: str | None, label: str | None) -> tuple[float, float] | None:
    return coordinates(_country(code), _city(label)) if code and label else None


def _city(label: str) -> str | None:
    return label.partition(",")[0].rstrip("0123456789 ") or None  # "Tokyo 2, JP"


NODE = Shape(
    Node,
    id=at("id", str),
    name=at("label"),
    state=at("status", one_of(STATES, NodeState.UNKNOWN)),
    ips=several("ipv4", "ipv6", convert=_ips),
    size=at("type"),
    image=at("image"),
    location=at("region"),
    created_at=at("created", timestamp),
    tags=at("tags", _tags),
)
SIZE = Shape(
    Size,
    id=at("id"),
    name=at("label"),
    vcpus=at("vcpus"),
    ram=at("memory"),
    disk=at("disk", lambda mib: mib // 1024),
    bandwidth=at("transfer"),
    arch=lambda payload: "x86_64",  # there are no others
)
IMAGE = Shape(
    Image,
    id=at("id"),
    name=at("label"),
    os=at("vendor", str.lower),
    version=lambda payload: payload["label"].removeprefix(payload.get("vendor") or "").strip() or None,
    arch=lambda payload: "x86_64",
)
LOCATION = Shape(
    Location,
    id=at("id"),
    name=at("label"),
    country=at("country", _country),
    city=at("label", _city),
    coordinates=several("country", "label", convert=_coordinates),
)
KEY_PAIR = Shape(KeyPair, id=at("id", str), name=at("label"), public_key=at("ssh_key"))


class Linode(PowerControl, KeyPairs):
    """Needs a personal access token, or nothing at all for sizes, prices, places and public images.

    `region` is where nodes are made that name no location. Tags are words there: ours are written `key=value`.
    A node that is made carries one more tag, `aiocloud-create=…`, by which it is found if the answer is lost.
    """

    provider = "linode"
    title = "Linode"
    website = "https://www.linode.com/"
    protocol = "Linode API v4, JSON"
    public = True
    features = frozenset({"ssh_key", "password", "generates_password", "user_data", "tags", "idempotent_create"})
    states = {"status": STATES}
    user_data_limit = 65535
    api = Api(
        base_url="https://api.linode.com/v4",
        paging=NumberedPaging("page", pages="pages", size={"page_size": "500"}),
        errors=ERRORS,
        limits=Limits(rate=6.0, burst=100),  # 800 requests in two minutes
    )

    def __init__(self, token: str | Secret | None = None, **options: Unpack[Options]) -> None:
        super().__init__(**options)
        bearer = self.secret(token, "token") if token else None
        # A wrong token is refused even where none is needed, so none is sent when there is none.
        self.http = self.connect(auth=HeaderAuth("Authorization", "Bearer ", bearer))

    @classmethod
    def accounts(cls, environment: Environment) -> Iterable[Account]:
        """LINODE_TOKEN, LINODE_CLI_TOKEN or LINODE_API_TOKEN; and the users of linode-cli's configuration."""
        names = ("LINODE_TOKEN", "LINODE_CLI_TOKEN", "LINODE_API_TOKEN")
        if token := environment.get(*names):
            yield Account("linode", "default", {"token": token}, source="environment variables")
        path = environment.home / ".config" / "linode-cli"
        parser = read_ini(path)
        for user in parser.sections():
            if token := parser.get(user, "token", fallback=None):
                region = parser.get(user, "region", fallback=None)
                yield Account("linode", user, {"token": token, "region": region}, source=str(path))

    # ---- lists ----

    def list_nodes(self, *, location: Location | str | None = None) -> Pager[Node]:
        """All Linodes, or those of one region."""
        headers = _filter(region=id_of(location)) if location is not None else None
        return self.http.list("/linode/instances", NODE, items="data", headers=headers)

    def list_images(self, *, location: Location | str | None = None) -> Pager[Image]:
        """Public images, and with a token the account's own."""
        return self.http.list("/images", IMAGE, items="data")

    def list_sizes(self, *, location: Location | str | None = None) -> Pager[Size]:
        """The plans, with the prices of that region, or those that hold wherever no other is named."""
        where = id_of(location) if location is not None else None

        def priced(payload: Any, **context: Any) -> Size:
            return SIZE(payload, price=self._price(payload, where), location=where, **context)

        return self.http.list("/linode/types", priced, items="data")

    def list_locations(self) -> Pager[Location]:
        """The regions."""
        return self.http.list("/regions", LOCATION, items="data")

    def list_offers(self, *, location: Location | str | None = None) -> Pager[Offer]:
        """Every plan in every region that takes it, with the region's price, sold out or not."""

        async def offers() -> list[Offer]:
            plans, regions, sold_out = await self._market()
            wanted = [place for place in regions if location is None or place.id == id_of(location)]
            return [
                self._offer(plan, place, sold_out)
                for place in wanted
                for plan in plans
                if "Linodes" in place.extra.get("capabilities", ())
            ]

        return Pager.of(offers)

    async def _market(self) -> tuple[list[Size], list[Location], frozenset[tuple[str, str]]]:
        """Plans, regions, and which plan is sold out where; asked for at the same time."""
        plans, regions, availability = await together(
            lambda: self.http.list("/linode/types", SIZE, items="data"),
            lambda: self.list_locations(),
            lambda: self.http.list("/regions/availability", raw, items="data"),
        )
        gone = frozenset((row["plan"], row["region"]) for row in availability if not row["available"])
        return plans, regions, gone

    def _offer(self, plan: Size, place: Location, sold_out: frozenset[tuple[str, str]]) -> Offer:
        size = replace(plan, price=self._price(plan.extra, place.id), location=place.id)
        return Offer(
            provider=self.provider,
            account=self.account,
            location=place,
            size=size,
            price=size.price,
            available=(plan.id, place.id) not in sold_out and place.extra.get("status") in (None, "ok"),
        )

    def _price(self, plan: Mapping[str, Any], region: str | None) -> Price | None:
        """What an hour of a plan costs in that region."""
        special = [row for row in plan.get("region_prices") or () if row["id"] == region]
        hourly = ((special[0] if special else plan.get("price")) or {}).get("hourly")
        if hourly is None:
            return None
        return Price(amount=Decimal(str(hourly)), currency="USD", per="hour", as_of=self.today())

    # ---- nodes ----

    async def get_node(self, node: Node | str) -> Node:
        """The Linode as it is now."""
        return await self.http.get(f"/linode/instances/{segment(node)}", NODE)

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
        ex_private_ip: bool = False,
        ex_backups: bool = False,
        ex_booted: bool = True,
        ex_swap_size: int | None = None,
        ex_firewall: int | None = None,
        ex_stackscript: int | None = None,
        ex_stackscript_data: Mapping[str, str] | None = None,
    ) -> Node:
        """Make a Linode. See `Compute.create_node`.

        The root password is the one in `auth`, or a random one, which stands in `node.password`.
        ex_private_ip     give it a private IPv4 address too
        ex_backups        enrol it in the backup service
        ex_booted         start it
        ex_swap_size      MiB of swap, in place of the default
        ex_firewall       the id of a Cloud Firewall to put it behind
        ex_stackscript, ex_stackscript_data  the id of a StackScript to run, and its answers
        """
        region = id_of(location) if location is not None else self.region
        if not isinstance(region, str):
            raise ConfigurationError("linode needs a `location` for a new node, or a `region` for the driver")
        token = new_token()
        password = self._password(auth)
        body = {
            "label": name,
            "type": id_of(size),
            "image": id_of(image),
            "region": region,
            "root_pass": password.reveal(),
            "authorized_keys": await self._public_keys(auth),
            "tags": [f"{key}={value}" if value else key for key, value in (tags or {}).items()] + [f"{MARK}={token}"],
            "booted": ex_booted,
            "private_ip": ex_private_ip,
            "backups_enabled": ex_backups,
            "metadata": {"user_data": data} if (data := self.encoded_user_data(user_data)) else None,
            "swap_size": ex_swap_size,
            "firewall_id": ex_firewall,
            "stackscript_id": ex_stackscript,
            "stackscript_data": dict(ex_stackscript_data) if ex_stackscript_data else None,
        }
        wanted = {key: value for key, value in body.items() if value not in (None, [])}

        async def send() -> Node:
            payload = await self.http.call("POST", "/linode/instances", json=wanted)
            return replace(self.http.read(NODE, payload), password=password)

        async def find() -> Node | None:
            node = await self._marked(name, token)
            return replace(node, password=password) if node else None

        # Labels are unique, so that the request may be sent again when nothing was found.
        making = Creation(name=name, token=token, send=send, find=find, destroy=self.destroy_node, repeat=True)
        return await making.run()

    async def destroy_node(self, node: Node | str) -> None:
        """Delete the Linode with its disks."""
        await self.http.call("DELETE", f"/linode/instances/{segment(node)}")

    async def reboot_node(self, node: Node | str) -> None:
        """Restart the operating system."""
        await self._act(node, "reboot")

    async def start_node(self, node: Node | str) -> None:
        """Boot it."""
        await self._act(node, "boot")

    async def stop_node(self, node: Node | str) -> None:
        """Shut it down. It goes on costing as much."""
        await self._act(node, "shutdown")

    async def _act(self, node: Node | str, action: str, body: Mapping[str, Any] | None = None) -> Any:
        return await self.http.call("POST", f"/linode/instances/{segment(node)}/{action}", json=body or {})

    async def _marked(self, name: str, token: str) -> Node | None:
        """The node of that name that this create has made, if it has."""
        found = self.http.list("/linode/instances", NODE, items="data", headers=_filter(label=name))
        async for node in found:
            if f"{MARK}={token}" in (node.extra.get("tags") or ()):
                return node
        return None

    def _password(self, auth: NodeAuth | None) -> Secret:
        if isinstance(auth, NodeAuthPassword):
            return self.secret(auth.password, "password")
        return self.secret(secrets.token_urlsafe(24) + "aA1-", "password")  # strong by their rules

    async def _public_keys(self, auth: NodeAuth | None) -> list[str]:
        match auth:
            case NodeAuthSSHKey(public_key):
                return [public_key.strip()]
            case KeyPair(public_key=str(public_key)):
                return [public_key.strip()]
            case KeyPair(name=name):
                known = await self.get_key_pair(name)
                return [known.public_key] if known.public_key else []
        return []

    # ---- key pairs ----

    def list_key_pairs(self) -> Pager[KeyPair]:
        """The profile's SSH keys."""
        return self.http.list("/profile/sshkeys", KEY_PAIR, items="data")

    async def import_key_pair_from_string(self, name: str, key_material: str) -> KeyPair:
        """Add a public key to the profile. Labels need not be unique here, but ours are."""
        try:
            await self.get_key_pair(name)
        except NotFoundError:
            body = {"label": name, "ssh_key": key_material.strip()}
            return self.http.read(KEY_PAIR, await self.http.call("POST", "/profile/sshkeys", json=body))
        raise ConflictError(f"a key pair {name!r} is there already", provider=self.provider, account=self.account)

    async def delete_key_pair(self, key_pair: KeyPair | str) -> None:
        """Remove the key of that name from the profile."""
        known = await self.get_key_pair(key_pair) if isinstance(key_pair, str) else key_pair
        await self.http.call("DELETE", f"/profile/sshkeys/{segment(known)}")

    # ---- what only Linode has ----

    async def ex_rename_node(self, node: Node | str, name: str) -> Node:
        """Give the Linode another label."""
        return await self._update(node, {"label": name})

    async def ex_set_tags(self, node: Node | str, tags: Mapping[str, str]) -> Node:
        """Replace all its tags."""
        words = [f"{key}={value}" if value else key for key, value in tags.items()]
        return await self._update(node, {"tags": words})

    async def _update(self, node: Node | str, change: Mapping[str, Any]) -> Node:
        payload = await self.http.call("PUT", f"/linode/instances/{segment(node)}", json=change)
        return self.http.read(NODE, payload)

    async def ex_resize_node(self, node: Node | str, size: Size | str, *, resize_disk: bool = True) -> None:
        """Move it to another plan; it is shut down meanwhile."""
        await self._act(node, "resize", {"type": id_of(size), "allow_auto_disk_resize": resize_disk})

    async def ex_rebuild_node(
        self,
        node: Node | str,
        image: Image | str,
        *,
        auth: NodeAuth | None = None,
        user_data: str | bytes | None = None,
    ) -> Node:
        """Install an image anew; all its disks are lost. The root password is as for `create_node`."""
        password = self._password(auth)
        body: dict[str, Any] = {
            "image": id_of(image),
            "root_pass": password.reveal(),
            "authorized_keys": await self._public_keys(auth),
        }
        if data := self.encoded_user_data(user_data):
            body["metadata"] = {"user_data": data}
        payload = await self._act(node, "rebuild", body)
        return replace(self.http.read(NODE, payload), password=password)

    async def ex_list_addresses(self, node: Node | str) -> Mapping[str, Any]:
        """Its addresses as the API tells them, with gateways, prefixes and reverse names."""
        addresses: Mapping[str, Any] = await self.http.call("GET", f"/linode/instances/{segment(node)}/ips")
        return addresses

    def ex_list_kernels(self) -> Pager[Mapping[str, Any]]:
        """The kernels that a configuration can boot."""
        return self.http.list("/linode/kernels", raw, items="data")

    def ex_list_firewalls(self) -> Pager[Mapping[str, Any]]:
        """The account's Cloud Firewalls."""
        return self.http.list("/networking/firewalls", raw, items="data")


def _filter(**equals: str) -> Mapping[str, str]:
    return {"X-Filter": json.dumps(equals)}
