"""Droplets, and what they are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Unpack

from aiocloud.accounts import Account, Environment
from aiocloud.creation import Creation, new_token
from aiocloud.driver import NodeAuth, Options, id_of, segment
from aiocloud.errors import CloudError, NotFoundError
from aiocloud.http.auth import HeaderAuth
from aiocloud.http.paging import Pager
from aiocloud.http.together import together
from aiocloud.models import Image, Location, Node, Offer, Price, Size
from aiocloud.providers.digitalocean.extras import Extras
from aiocloud.providers.digitalocean.keys import doctl_accounts
from aiocloud.providers.digitalocean.wire import API, IMAGE, MARK, NODE, SIZE, STATES, price_of, region, tag_words
from aiocloud.values import Secret

BUSY = 60.0
"""Seconds for which a droplet may refuse to be destroyed because something is being done to it."""


class DigitalOcean(Extras):
    """Needs a personal access token.

    `region` is where nodes are made that name no location; without either, DigitalOcean chooses. Tags are words there:
    ours are written `key:value`. A node that is made carries one more tag, `aiocloud-create:…`, by which it is found if
    the answer is lost.
    """

    provider = "digitalocean"
    title = "DigitalOcean"
    website = "https://www.digitalocean.com/"
    protocol = "DigitalOcean API v2, JSON"
    features = frozenset({"ssh_key", "user_data", "tags", "idempotent_create"})
    states = {"status": STATES}
    user_data_limit = 65536
    api = API

    def __init__(self, token: str | Secret | None = None, **options: Unpack[Options]) -> None:
        super().__init__(**options)
        bearer = self.secret(token, "token")
        self.http = self.connect(auth=HeaderAuth("Authorization", "Bearer ", bearer))

    @classmethod
    def accounts(cls, environment: Environment) -> Iterable[Account]:
        """DIGITALOCEAN_ACCESS_TOKEN or DIGITALOCEAN_TOKEN; and the contexts of doctl's configuration."""
        return doctl_accounts(environment)

    # ---- lists ----

    def list_nodes(self, *, location: Location | str | None = None) -> Pager[Node]:
        """All droplets, or those in one region (they are chosen here: the API cannot)."""
        every = self.http.list("/droplets", NODE, items="droplets")
        if location is None:
            return every
        where = id_of(location)

        async def there() -> list[Node]:
            return [node for node in await every if node.location == where]

        return Pager.of(there)

    def list_images(self, *, location: Location | str | None = None) -> Pager[Image]:
        """Distributions, applications and the account's own images, or those of them that are in one region."""
        every = self.http.list("/images", IMAGE, items="images")
        if location is None:
            return every
        where = id_of(location)

        async def there() -> list[Image]:
            return [image for image in await every if where in (image.extra.get("regions") or ())]

        return Pager.of(there)

    def list_sizes(self, *, location: Location | str | None = None) -> Pager[Size]:
        """The sizes, or those that can be had in one region. Their prices are the same everywhere."""
        where = id_of(location) if location is not None else None

        async def sizes() -> list[Size]:
            every = await self.http.list("/sizes", SIZE, items="sizes")
            return [self._priced(size, where) for size in every if where is None or where in size.extra["regions"]]

        return Pager.of(sizes)

    def list_locations(self) -> Pager[Location]:
        """The regions."""
        return self.http.list("/regions", region, items="regions")

    def list_offers(self, *, location: Location | str | None = None) -> Pager[Offer]:
        """Every size in the regions that it names; a size that is sold out in a region no longer names it."""

        async def offers() -> list[Offer]:
            places, sizes = await together(
                lambda: self.list_locations(),
                lambda: self.http.list("/sizes", SIZE, items="sizes"),
            )
            wanted = [place for place in places if location is None or place.id == id_of(location)]
            pairs = [(place, size) for place in wanted for size in sizes if place.id in size.extra["regions"]]
            return [self._offer(place, self._priced(size, place.id)) for place, size in pairs]

        return Pager.of(offers)

    def _offer(self, place: Location, size: Size) -> Offer:
        open_there = place.extra.get("available") is not False and size.extra.get("available") is not False
        return replace(self.offers_of(place, [size])[0], available=open_there)

    def _priced(self, size: Size, where: str | None) -> Size:
        amount = price_of(size.extra)
        price = Price(amount=amount, currency="USD", per="hour", as_of=self.today()) if amount is not None else None
        return replace(size, price=price, location=where)

    # ---- nodes ----

    async def get_node(self, node: Node | str) -> Node:
        """The droplet as it is now."""
        return await self.http.get(f"/droplets/{segment(node)}", NODE, item="droplet")

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
        ex_monitoring: bool = False,
        ex_backups: bool = False,
        ex_vpc: str | None = None,
        ex_volumes: Sequence[str] = (),
        ex_agent: bool | None = None,
    ) -> Node:
        """Make a droplet. See `Compute.create_node`.

        A public key that the account does not know is imported. Without a key, DigitalOcean mails a root password to
        the account's owner.
        ex_ipv6        give it an IPv6 address, too
        ex_monitoring  install the agent that measures it
        ex_backups     back it up automatically
        ex_vpc         the id of the VPC to put it in, in place of the region's default one
        ex_volumes     ids of volumes to attach
        ex_agent       whether to install the agent for the web console; None: if the image supports it
        """
        self.refuse_what_is_not_offered(auth, user_data, tags)
        token = new_token()
        where = id_of(location) if location is not None else self.region
        body = {
            "name": name,
            "size": id_of(size),
            "image": _number(id_of(image)),
            "region": where,
            "tags": [*tag_words(tags or {}), f"{MARK}:{token}"],
            "user_data": self.user_data_text(user_data),
            "ssh_keys": await self._key_ids(auth),
            "ipv6": ex_ipv6,
            "monitoring": ex_monitoring,
            "backups": ex_backups,
            "vpc_uuid": ex_vpc,
            "volumes": list(ex_volumes),
            "with_droplet_agent": ex_agent,
        }
        wanted = {key: value for key, value in body.items() if value not in (None, [])}

        async def send() -> Node:
            answer = await self.http.call("POST", "/droplets", json=wanted)
            return self.http.read(NODE, answer.get("droplet"))

        async def find() -> Node | None:
            return await self._marked(f"{MARK}:{token}")

        making = Creation(name=name, token=token, send=send, find=find, destroy=self.destroy_node)
        return await making.run()

    async def destroy_node(self, node: Node | str) -> None:
        """Destroy the droplet with its disk and backups, and the tag that marked it.

        Volumes, snapshots and reserved addresses stay. One that is busy is asked again for a minute.
        """
        seen = node if isinstance(node, Node) else await self.get_node(node)
        path = f"/droplets/{segment(node)}"
        await self.once_allowed(node, lambda: self.http.send("DELETE", path), wait=BUSY)
        for word in seen.extra.get("tags") or ():
            if word.startswith(f"{MARK}:"):
                with suppress(CloudError):  # the droplet has gone; a tag that stays costs nothing
                    await self.http.send("DELETE", f"/tags/{segment(word)}")

    async def reboot_node(self, node: Node | str, *, ex_hard: bool = False) -> None:
        """Restart the operating system, or with `ex_hard` cut the power and start again."""
        await self._act(node, "power_cycle" if ex_hard else "reboot")

    async def start_node(self, node: Node | str) -> None:
        """Switch it on."""
        await self._act(node, "power_on")

    async def stop_node(self, node: Node | str, *, ex_hard: bool = False) -> None:
        """Shut it down, or with `ex_hard` cut the power. It goes on costing as much."""
        await self._act(node, "power_off" if ex_hard else "shutdown")

    async def _marked(self, word: str) -> Node | None:
        """The node that carries that tag."""
        try:
            found = await self.http.list("/droplets", NODE, items="droplets", params={"tag_name": word})
        except NotFoundError:  # there is no such tag
            return None
        return next((node for node in found if word in (node.extra.get("tags") or ())), None)


def _number(image: str) -> int | str:
    """Images without a slug are known by numbers."""
    return int(image) if image.isdecimal() else image
