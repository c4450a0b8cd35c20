"""The Vultr driver."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Unpack

from aiocloud.accounts import Account, Environment
from aiocloud.creation import Creation, new_token
from aiocloud.driver import LabelledKeys, NodeAuth, Options, PowerControl, id_of, segment
from aiocloud.errors import ConfigurationError
from aiocloud.http.auth import HeaderAuth
from aiocloud.http.client import Api
from aiocloud.http.paging import Pager, TokenPaging
from aiocloud.http.ratelimit import Limits
from aiocloud.http.together import together
from aiocloud.mapping import dig, raw
from aiocloud.models import Image, KeyPair, Location, Node, NodeAuthSSHKey, Offer, Price, Size
from aiocloud.providers.vultr.shapes import (
    ERRORS,
    IMAGE,
    KEY_PAIR,
    MARK,
    NO_SYSTEMS,
    NODE,
    SIZE,
    SNAPSHOT,
    STATES,
    monthly,
    region,
)
from aiocloud.values import Secret

Json = Mapping[str, Any]

HOSTNAME = re.compile(r"(?=.{1,63}$)[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")


class Vultr(PowerControl, LabelledKeys):
    """Needs an API key, or nothing at all for sizes, prices, places and public images.

    `region` is where nodes are made that name no location. Tags are words there: ours are written `key=value`.
    A node that is made carries one more tag, `aiocloud-create=…`, by which it is found if the answer is lost.
    """

    provider = "vultr"
    title = "Vultr"
    website = "https://www.vultr.com/"
    protocol = "Vultr API v2, JSON"
    public = True
    features = frozenset({"ssh_key", "generates_password", "user_data", "tags", "idempotent_create"})
    states = STATES
    user_data_limit = 65536  # none is documented; so much is known to arrive
    api = Api(
        base_url="https://api.vultr.com/v2",
        paging=TokenPaging("meta.links.next", "cursor", size={"per_page": "500"}),
        errors=ERRORS,
        limits=Limits(rate=20.0, burst=30),  # 30 requests a second and address
    )

    def __init__(self, api_key: str | Secret | None = None, **options: Unpack[Options]) -> None:
        super().__init__(**options)
        key = self.secret(api_key, "api_key") if api_key else None
        self.known = key is not None
        self.http = self.connect(auth=HeaderAuth("Authorization", "Bearer ", key))

    @classmethod
    def accounts(cls, environment: Environment) -> Iterable[Account]:
        """VULTR_API_KEY, and the key in vultr-cli's `~/.vultr-cli.yaml`."""
        if key := environment.get("VULTR_API_KEY"):
            yield Account("vultr", "default", {"api_key": key}, source="environment variables")
        path = environment.home / ".vultr-cli.yaml"
        try:
            text = path.read_text("utf-8-sig")
        except (FileNotFoundError, NotADirectoryError):
            return
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{path} cannot be read: {type(error).__name__}") from None
        if found := re.search(r"""^api-key:[ \t]*["']?([^\s"'#]+)""", text, re.MULTILINE):
            yield Account("vultr", "vultr-cli", {"api_key": found[1]}, source=str(path))

    # ---- lists ----

    def list_nodes(self, *, location: Location | str | None = None) -> Pager[Node]:
        """All instances, or those of one region."""
        params = {"region": id_of(location)} if location is not None else None
        return self.http.list("/instances", NODE, items="instances", params=params)

    def list_images(self, *, location: Location | str | None = None) -> Pager[Image]:
        """The operating systems, and with a key the account's snapshots."""

        async def systems() -> list[Image]:
            found = await self.http.list("/os", IMAGE, items="os")
            return [image for image in found if image.os not in NO_SYSTEMS]

        async def lists() -> Sequence[Pager[Image]]:
            own = [self.http.list("/snapshots", SNAPSHOT, items="snapshots")] if self.known else []
            return [Pager.of(systems), *own]

        return Pager.chain(lists)

    def list_sizes(self, *, location: Location | str | None = None) -> Pager[Size]:
        """The plans; those of one region with its prices, else with those that hold where no other is named."""
        place = id_of(location) if location is not None else None

        async def sizes() -> list[Size]:
            return [self._priced(plan, place) for plan in await self._plans() if place is None or _sold(plan, place)]

        return Pager.of(sizes)

    def list_locations(self) -> Pager[Location]:
        """The regions."""
        return self.http.list("/regions", region, items="regions")

    def list_offers(self, *, location: Location | str | None = None) -> Pager[Offer]:
        """Every plan in every region that sells it, with the region's price, in stock or not.

        What is in stock is asked for region by region.
        """

        async def offers() -> list[Offer]:
            plans, regions = await together(self._plans, lambda: self.list_locations())
            wanted = [place for place in regions if location is None or place.id == id_of(location)]
            stocks = await together(*[self._stock_of(place) for place in wanted])
            return [
                self._offer(plan, place, plan.id in stock)
                for place, stock in zip(wanted, stocks, strict=True)
                for plan in plans
                if _sold(plan, place.id)
            ]

        return Pager.of(offers)

    async def _plans(self) -> list[Size]:
        plans = await self.http.list("/plans", SIZE, items="plans")
        return [plan for plan in plans if plan.extra.get("deploy_ondemand") is not False]

    def _stock_of(self, place: Location) -> Any:
        async def stock() -> frozenset[str]:
            payload = await self.http.call("GET", f"/regions/{segment(place)}/availability")
            return frozenset(dig(payload, "available_plans") or ())

        return stock

    def _offer(self, plan: Size, place: Location, available: bool) -> Offer:
        size = self._priced(plan, place.id)
        return Offer(
            provider=self.provider,
            account=self.account,
            location=place,
            size=size,
            price=size.price,
            available=available,
        )

    def _priced(self, plan: Size, place: str | None) -> Size:
        amount = monthly(plan, place)
        price = Price(amount=amount, currency="USD", per="month", as_of=self.today()) if amount else None
        return replace(plan, price=price, location=place)

    # ---- nodes ----

    async def get_node(self, node: Node | str) -> Node:
        """The instance as it is now."""
        return await self.http.get(f"/instances/{segment(node)}", NODE, item="instance")

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
        ex_ipv6: bool = False,
        ex_backups: bool = False,
        ex_firewall: str | None = None,
        ex_vpcs: Sequence[str] = (),
        ex_script: str | None = None,
        ex_reserved_ip: str | None = None,
    ) -> Node:
        """Make an instance. See `Compute.create_node`.

        `image` is the number of an operating system, or the id of a snapshot. The root password that Vultr makes
        stands in `node.password` of the answer. Where `name` is a hostname, it is the machine's as well.
        ex_ipv6         give it a public IPv6 address too
        ex_backups      have it backed up, for a fee
        ex_firewall     the id of a firewall group to put it behind
        ex_vpcs         ids of private networks to attach it to
        ex_script       the id of a startup script to run
        ex_reserved_ip  the id of a reserved address to give it
        """
        self.refuse_what_is_not_offered(auth, user_data, tags)
        place = id_of(location) if location is not None else self.region
        if not isinstance(place, str):
            raise ConfigurationError("vultr needs a `location` for a new node, or a `region` for the driver")
        token = new_token()
        body = {
            "region": place,
            "plan": id_of(size),
            "label": name,
            "hostname": name if HOSTNAME.fullmatch(name) else None,
            "tags": [*_words(tags or {}), f"{MARK}={token}"],
            "user_data": self.encoded_user_data(user_data),
            "sshkey_id": await self._key_ids(auth),
            "enable_ipv6": ex_ipv6,
            "backups": "enabled" if ex_backups else "disabled",
            "activation_email": False,
            "firewall_group_id": ex_firewall,
            "attach_vpc": list(ex_vpcs),
            "script_id": ex_script,
            "reserved_ipv4": ex_reserved_ip,
            **_source(id_of(image)),
        }
        wanted = {key: value for key, value in body.items() if value not in (None, [])}

        async def send() -> Node:
            return self._with_password(await self.http.call("POST", "/instances", json=wanted))

        async def find() -> Node | None:
            params = {"tag": f"{MARK}={token}"}
            return next(iter(await self.http.list("/instances", NODE, items="instances", params=params)), None)

        # Labels are not unique, so that the request must not be sent again.
        return await Creation(name=name, token=token, send=send, find=find, destroy=self.destroy_node).run()

    async def destroy_node(self, node: Node | str, *, ex_wait: float = 60.0) -> None:
        """Destroy the instance, its disk and its addresses. One that is locked is waited for, `ex_wait` seconds."""

        async def delete() -> None:
            await self.http.call("DELETE", f"/instances/{segment(node)}")

        await self.once_allowed(node, delete, wait=ex_wait)

    async def reboot_node(self, node: Node | str) -> None:
        """Restart it by force: there is no other way."""
        await self._act(node, "reboot")

    async def start_node(self, node: Node | str) -> None:
        """Switch it on. One that runs is restarted."""
        await self._act(node, "start")

    async def stop_node(self, node: Node | str) -> None:
        """Cut its power: there is no other way. It goes on costing as much."""
        await self._act(node, "halt")

    async def _act(self, node: Node | str, action: str, body: Json | None = None) -> Any:
        return await self.http.call("POST", f"/instances/{segment(node)}/{action}", json=body or {})

    def _with_password(self, payload: Any) -> Node:
        node = self.http.read(NODE, dig(payload, "instance"))
        password = dig(payload, "instance.default_password")
        return replace(node, password=self.secret(password, "password")) if password else node

    # ---- key pairs ----

    def list_key_pairs(self) -> Pager[KeyPair]:
        """The account's SSH keys."""
        return self.http.list("/ssh-keys", KEY_PAIR, items="ssh_keys")

    async def delete_key_pair(self, key_pair: KeyPair | str) -> None:
        """Remove the key of that name from the account."""
        known = await self.get_key_pair(key_pair) if isinstance(key_pair, str) else key_pair
        await self.http.call("DELETE", f"/ssh-keys/{segment(known)}")

    async def forget_public_key(self, public_key: str, *, location: Location | str | None = None) -> None:
        """Remove the key from the account, if it is there."""
        await self._forget_key(public_key)

    async def _add_key(self, name: str, key_material: str) -> KeyPair:
        payload = await self.http.call("POST", "/ssh-keys", json={"name": name, "ssh_key": key_material.strip()})
        return self.http.read(KEY_PAIR, dig(payload, "ssh_key"))

    async def _key_ids(self, auth: NodeAuth | None) -> list[str]:
        match auth:
            case NodeAuthSSHKey(public_key) | KeyPair(public_key=str(public_key)):
                return [(await self._known_key(public_key)).id]
            case KeyPair(name=name):
                return [(await self.get_key_pair(name)).id]
        return []

    # ---- what only Vultr has ----

    async def ex_rename_node(self, node: Node | str, name: str) -> Node:
        """Give the instance another label. Its hostname stays."""
        return await self._update(node, {"label": name})

    async def ex_set_tags(self, node: Node | str, tags: Mapping[str, str]) -> Node:
        """Replace all its tags."""
        return await self._update(node, {"tags": _words(tags)})

    async def ex_resize_node(self, node: Node | str, size: Size | str) -> Node:
        """Move it to a larger plan; it is restarted. There is no way back."""
        return await self._update(node, {"plan": id_of(size)})

    async def ex_set_firewall(self, node: Node | str, firewall: str | None) -> Node:
        """Put it behind a firewall group, in place of any other, or behind none."""
        return await self._update(node, {"firewall_group_id": firewall or ""})

    async def _update(self, node: Node | str, change: Json) -> Node:
        payload = await self.http.call("PATCH", f"/instances/{segment(node)}", json=change, idempotent=True)
        return self.http.read(NODE, dig(payload, "instance"))

    async def ex_rebuild_node(self, node: Node | str, image: Image | str | None = None) -> Node:
        """Install its operating system anew, or another one; the disk is lost. The new node's `password` is there."""
        if image is None:
            return self._with_password(await self._act(node, "reinstall"))
        change = _source(id_of(image))
        if "os_id" not in change:
            raise ConfigurationError("vultr rebuilds a node from an operating system; see `ex_restore_node`")
        return self._with_password(await self.http.call("PATCH", f"/instances/{segment(node)}", json=change))

    async def ex_restore_node(self, node: Node | str, snapshot: Image | str) -> None:
        """Write a snapshot over its disk."""
        await self._act(node, "restore", {"snapshot_id": id_of(snapshot)})

    def ex_list_firewalls(self) -> Pager[Json]:
        """The account's firewall groups."""
        return self.http.list("/firewalls", raw, items="firewall_groups")

    def ex_list_vpcs(self) -> Pager[Json]:
        """The account's private networks."""
        return self.http.list("/vpcs", raw, items="vpcs")

    def ex_list_reserved_ips(self) -> Pager[Json]:
        """The account's reserved addresses."""
        return self.http.list("/reserved-ips", raw, items="reserved_ips")

    async def ex_attach_reserved_ip(self, reserved_ip: str, node: Node | str) -> None:
        """Give a reserved address to an instance of its region."""
        body = {"instance_id": id_of(node)}
        await self.http.call("POST", f"/reserved-ips/{segment(reserved_ip)}/attach", json=body)


def _sold(plan: Size, place: str) -> bool:
    return place in (plan.extra.get("locations") or ())


def _words(tags: Mapping[str, str]) -> list[str]:
    return [f"{key}={value}" if value else key for key, value in tags.items()]


def _source(image: str) -> dict[str, Any]:
    """What the image is: an operating system has a number, a snapshot a UUID."""
    return {"os_id": int(image)} if image.isdecimal() else {"snapshot_id": image}
