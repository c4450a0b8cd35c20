"""The Hetzner Cloud driver."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

import anyio

from aiocloud.accounts import Account, Environment
from aiocloud.creation import Creation, new_token
from aiocloud.driver import KeyPairs, NodeAuth, Options, PowerControl, id_of, segment
from aiocloud.errors import CloudError, ConfigurationError, WaitTimeoutError
from aiocloud.http.auth import HeaderAuth
from aiocloud.http.client import Api
from aiocloud.http.paging import Pager
from aiocloud.http.ratelimit import Limits
from aiocloud.http.together import together
from aiocloud.mapping import dig, raw
from aiocloud.models import Image, KeyPair, Location, Node, NodeAuthSSHKey, Offer, Price, Size
from aiocloud.providers.hetzner.shapes import (
    ERRORS,
    IMAGE,
    KEY_PAIR,
    LOCATION,
    MARK,
    NODE,
    PAGES,
    SIZE,
    STATES,
    at_place,
    available,
    hourly,
)
from aiocloud.values import Secret

Json = Mapping[str, Any]


class Hetzner(PowerControl, KeyPairs):
    """Needs an API token, which belongs to one project.

    `region` is the location where nodes are made that name none; without either Hetzner chooses. Sizes, images and
    locations may be given by their names ("cx23", "debian-13", "fsn1"). A node that is made carries one more
    label, `aiocloud-create`, by which it is found if the answer is lost.
    """

    provider = "hetzner"
    title = "Hetzner Cloud"
    website = "https://www.hetzner.com/cloud/"
    protocol = "Hetzner Cloud API v1, JSON"
    features = frozenset({"ssh_key", "generates_password", "user_data", "tags", "idempotent_create"})
    states = {"status": STATES}
    user_data_limit = 32768
    api = Api(
        base_url="https://api.hetzner.cloud/v1",
        paging=PAGES,
        errors=ERRORS,
        limits=Limits(rate=1.0, burst=3600),  # 3600 requests an hour and project; one comes back each second
    )

    def __init__(self, token: str | Secret | None = None, **options: Unpack[Options]) -> None:
        super().__init__(**options)
        self.http = self.connect(auth=HeaderAuth("Authorization", "Bearer ", self.secret(token, "token")))

    @classmethod
    def accounts(cls, environment: Environment) -> Iterable[Account]:
        """HCLOUD_TOKEN (with HCLOUD_ENDPOINT), and the contexts of hcloud's cli.toml (or HCLOUD_CONFIG)."""
        endpoint = environment.get("HCLOUD_ENDPOINT")
        if token := environment.get("HCLOUD_TOKEN"):
            options = {"token": token, "endpoint": endpoint}
            yield Account("hetzner", "default", options, source="environment variables")
        named = environment.get("HCLOUD_CONFIG")
        path = Path(named) if named else environment.home / ".config" / "hcloud" / "cli.toml"
        for context in _contexts(path):
            options = {"token": context["token"], "endpoint": endpoint}
            yield Account("hetzner", str(context.get("name")), options, source=str(path))

    # ---- lists ----

    def list_nodes(self, *, location: Location | str | None = None) -> Pager[Node]:
        """All servers of the project, or those in one location."""
        nodes = self.http.list("/servers", NODE, items="servers")
        if location is None:
            return nodes

        async def here() -> list[Node]:
            return [node for node in await nodes if node.location == id_of(location)]

        return Pager.of(here)

    def list_images(self, *, location: Location | str | None = None) -> Pager[Image]:
        """System images, apps, and the project's snapshots and backups, each for one architecture."""
        return self.http.list("/images", IMAGE, items="images", params={"status": "available"})

    def list_sizes(self, *, location: Location | str | None = None) -> Pager[Size]:
        """The server types; those of one location with its prices, else with a price where all places agree."""
        place = id_of(location) if location is not None else None

        async def sizes() -> list[Size]:
            types = await self._types()
            return [self._priced(size, place) for size in types if place is None or _sold(size, place)]

        return Pager.of(sizes)

    def list_locations(self) -> Pager[Location]:
        """The locations."""
        return self.http.list("/locations", LOCATION, items="locations")

    def list_offers(self, *, location: Location | str | None = None) -> Pager[Offer]:
        """Every server type in every location that sells it, at its price there, available or not."""

        async def offers() -> list[Offer]:
            types, places = await together(self._types, lambda: self.list_locations())
            wanted = [place for place in places if location is None or place.id == id_of(location)]
            return [self._offer(size, place) for place in wanted for size in types if _sold(size, place.id)]

        return Pager.of(offers)

    async def _types(self) -> list[Size]:
        return await self.http.list("/server_types", SIZE, items="server_types")

    def _offer(self, size: Size, place: Location) -> Offer:
        priced = self._priced(size, place.id)
        return Offer(
            provider=self.provider,
            account=self.account,
            location=place,
            size=priced,
            price=priced.price,
            available=available(size, place.id, self.now()),
        )

    def _priced(self, size: Size, place: str | None) -> Size:
        amount = hourly(size, place)
        price = Price(amount=amount, currency="EUR", per="hour", as_of=self.today()) if amount else None
        return replace(size, price=price, location=place)

    # ---- nodes ----

    async def get_node(self, node: Node | str) -> Node:
        """The server as it is now."""
        return await self.http.get(f"/servers/{segment(node)}", NODE, item="server")

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
        ex_ipv4: bool = True,
        ex_ipv6: bool = True,
        ex_start: bool = True,
        ex_firewalls: Sequence[str] = (),
        ex_networks: Sequence[str] = (),
        ex_placement_group: str | None = None,
    ) -> Node:
        """Make a server. See `Compute.create_node`.

        Without a key, Hetzner makes a root password, which stands in `node.password` of the answer.
        ex_ipv4, ex_ipv6    give it a public address of that kind; an IPv4 address costs extra
        ex_start            start it
        ex_firewalls        ids of firewalls to put it behind
        ex_networks         ids of private networks to attach it to
        ex_placement_group  the id of a placement group to put it into
        """
        self.refuse_what_is_not_offered(auth, user_data, tags)
        data, token = self.user_data_text(user_data), new_token()
        place = id_of(location) if location is not None else self.region
        if not isinstance(place, str | None):
            raise ConfigurationError("hetzner needs a `location` for a new node where the driver has several regions")
        body = {
            "name": name,
            "server_type": id_of(size),
            "image": _reference(id_of(image)),
            "location": place,
            "ssh_keys": await self._key_ids(auth),
            "user_data": data,
            "labels": {**(tags or {}), MARK: token},
            "public_net": {"enable_ipv4": ex_ipv4, "enable_ipv6": ex_ipv6},
            "start_after_create": ex_start,
            "firewalls": [{"firewall": _reference(each)} for each in ex_firewalls],
            "networks": [_reference(each) for each in ex_networks],
            "placement_group": _reference(ex_placement_group) if ex_placement_group else None,
        }
        wanted = {key: value for key, value in body.items() if value not in (None, [])}

        async def send() -> Node:
            payload = await self.http.call("POST", "/servers", json=wanted)
            node = self._with_password(self.http.read(NODE, dig(payload, "server")), payload)
            if (failure := self._failure(dig(payload, "action"))) is not None and await find() is None:
                raise failure
            return node

        async def find() -> Node | None:
            params = {"label_selector": f"{MARK}=={token}"}
            return next(iter(await self.http.list("/servers", NODE, items="servers", params=params)), None)

        # Names are unique in a project, so that the request may be sent again when nothing was found.
        making = Creation(name=name, token=token, send=send, find=find, destroy=self.destroy_node, repeat=True)
        return await making.run()

    async def destroy_node(self, node: Node | str, *, ex_wait: float = 60.0) -> None:
        """Delete the server with its disk, and the addresses that were made with it.

        A server that is locked by something under way is waited for, up to `ex_wait` seconds.
        """

        async def delete() -> None:
            self._unless_failed(await self.http.call("DELETE", f"/servers/{segment(node)}"))

        await self.once_allowed(node, delete, wait=ex_wait)

    async def reboot_node(self, node: Node | str) -> None:
        """Ask the operating system to restart. See also `ex_reset_node`."""
        await self.ex_act(node, "reboot")

    async def start_node(self, node: Node | str) -> None:
        """Switch it on."""
        await self.ex_act(node, "poweron")

    async def stop_node(self, node: Node | str) -> None:
        """Ask the operating system to shut down. It goes on costing as much. See also `ex_power_off_node`."""
        await self.ex_act(node, "shutdown")

    def _with_password(self, node: Node, payload: Json) -> Node:
        password = payload.get("root_password")
        return replace(node, password=self.secret(password, "password")) if password else node

    # ---- key pairs ----

    def list_key_pairs(self) -> Pager[KeyPair]:
        """The project's SSH keys."""
        return self.http.list("/ssh_keys", KEY_PAIR, items="ssh_keys")

    async def import_key_pair_from_string(self, name: str, key_material: str) -> KeyPair:
        """Add a public key to the project. Neither its name nor the key itself can be there twice."""
        body = {"name": name, "public_key": key_material.strip()}
        return self.http.read(KEY_PAIR, dig(await self.http.call("POST", "/ssh_keys", json=body), "ssh_key"))

    async def delete_key_pair(self, key_pair: KeyPair | str) -> None:
        """Remove the key of that name from the project. Servers that have it keep it."""
        known = await self.get_key_pair(key_pair) if isinstance(key_pair, str) else key_pair
        await self.http.call("DELETE", f"/ssh_keys/{segment(known)}")

    async def forget_public_key(self, public_key: str, *, location: Location | str | None = None) -> None:
        """Remove the key from the project, if it is there."""
        await self._forget_key(public_key)

    async def _key_ids(self, auth: NodeAuth | None) -> list[int | str]:
        match auth:
            case NodeAuthSSHKey(public_key) | KeyPair(public_key=str(public_key)):
                return [_reference((await self._known_key(public_key)).id)]
            case KeyPair(name=name):
                return [_reference((await self.get_key_pair(name)).id)]
        return []

    # ---- what only Hetzner has ----

    async def ex_act(self, node: Node | str, action: str, body: Json | None = None) -> Json:
        """Begin one of the API's actions on a server ("enable_backup"); the answer, with the action under way.

        https://docs.hetzner.cloud/reference/cloud#tag/server-actions. Raises at once where the action has failed; what
        becomes of it later is for `ex_wait_for_action` to tell.
        """
        path = f"/servers/{segment(node)}/actions/{segment(action)}"
        return self._unless_failed(await self.http.call("POST", path, json=body or {}))

    async def ex_wait_for_action(self, answer: Json | int | str, *, timeout: float = 600.0) -> Json:
        """The action of an answer of `ex_act` (or of that id), when it has succeeded.

        Raises the action's own error if it fails, WaitTimeoutError after `timeout` seconds.
        """
        number = str(dig(answer, "action.id") if isinstance(answer, Mapping) else answer)
        end, pause = anyio.current_time() + timeout, 1.0
        while True:
            payload = self._unless_failed(await self.http.call("GET", f"/actions/{segment(number)}"))
            if dig(payload, "action.status") == "success":
                action: Json = payload["action"]
                return action
            if (left := end - anyio.current_time()) <= 0:
                raise self._late(number, payload, timeout)
            await anyio.sleep(min(pause, left))
            pause = min(15.0, pause * 1.5)

    def _late(self, number: str, payload: Json, timeout: float) -> WaitTimeoutError:
        resources = dig(payload, "action.resources") or ()
        node_id = next((str(each["id"]) for each in resources if each.get("type") == "server"), "")
        message = f"action {number} is not done after {timeout:g} s"
        return WaitTimeoutError(message, node_id=node_id, provider=self.provider, account=self.account)

    def _unless_failed(self, payload: Any) -> Json:
        """The answer. Raises the error of an action in it that has failed, whatever HTTP says."""
        answer: Json = payload if isinstance(payload, Mapping) else {}
        if (failure := self._failure(answer.get("action"))) is not None:
            raise failure
        return answer

    def _failure(self, action: Any) -> CloudError | None:
        """What an action that has failed says of it."""
        if dig(action, "status") != "error":
            return None
        message = dig(action, "error.message") or f"the action {dig(action, 'command')} failed"
        return self.http.errors.stamp(ERRORS.classify(dig(action, "error.code"), message))

    async def ex_reset_node(self, node: Node | str) -> None:
        """Restart it by force, as by its button."""
        await self.ex_act(node, "reset")

    async def ex_power_off_node(self, node: Node | str) -> None:
        """Cut its power."""
        await self.ex_act(node, "poweroff")

    async def ex_rename_node(self, node: Node | str, name: str) -> Node:
        """Give the server another name."""
        return await self._update(node, {"name": name})

    async def ex_set_tags(self, node: Node | str, tags: Mapping[str, str]) -> Node:
        """Replace all its labels."""
        return await self._update(node, {"labels": dict(tags)})

    async def _update(self, node: Node | str, change: Json) -> Node:
        payload = await self.http.call("PUT", f"/servers/{segment(node)}", json=change)
        return self.http.read(NODE, dig(payload, "server"))

    async def ex_resize_node(self, node: Node | str, size: Size | str, *, resize_disk: bool = False) -> Json:
        """Begin to move a server that is off to another type. With a larger disk there is no way back."""
        return await self.ex_act(node, "change_type", {"server_type": id_of(size), "upgrade_disk": resize_disk})

    async def ex_rebuild_node(
        self, node: Node | str, image: Image | str, *, user_data: str | bytes | None = None
    ) -> Node:
        """Install an image anew; the disk is lost. The keys stay; without any there is a new `password`."""
        body: dict[str, Any] = {"image": _reference(id_of(image))}
        if user_data is not None:
            body["user_data"] = self.user_data_text(user_data)
        payload = await self.ex_act(node, "rebuild", body)
        return self._with_password(await self.get_node(node), payload)

    def ex_list_firewalls(self) -> Pager[Json]:
        """The project's firewalls, with their rules."""
        return self.http.list("/firewalls", raw, items="firewalls")

    def ex_list_floating_ips(self) -> Pager[Json]:
        """The project's floating addresses."""
        return self.http.list("/floating_ips", raw, items="floating_ips")

    async def ex_assign_floating_ip(self, floating_ip: int | str, node: Node | str) -> Json:
        """Begin to lead a floating address to a server, in place of any other."""
        path = f"/floating_ips/{segment(str(floating_ip))}/actions/assign"
        payload = await self.http.call("POST", path, json={"server": _reference(id_of(node))})
        return self._unless_failed(payload)

    def ex_list_networks(self) -> Pager[Json]:
        """The project's private networks."""
        return self.http.list("/networks", raw, items="networks")


def _sold(size: Size, place: str) -> bool:
    return any(at_place(size, key, field, place) for key, field in (("prices", "location"), ("locations", "name")))


def _reference(text: str) -> int | str:
    """An id as the API wants it, a number; or a name."""
    return int(text) if text.isdecimal() else text


def _contexts(path: Path) -> list[Mapping[str, Any]]:
    """The contexts of hcloud's configuration that have a token. Raises ConfigurationError, which quotes nothing."""
    try:
        found = tomllib.loads(path.read_text("utf-8")).get("contexts", [])
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {type(error).__name__}") from None
    return [each for each in found if isinstance(each, dict) and isinstance(each.get("token"), str) and each["token"]]
