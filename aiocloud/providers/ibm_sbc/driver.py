"""Instances, and what they are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from aiocloud.driver import NodeAuth, id_of, segment
from aiocloud.driver.namesakes import Namesakes
from aiocloud.errors import ConfigurationError, NotFoundError
from aiocloud.http.paging import Pager
from aiocloud.mapping import dig
from aiocloud.models import Image, Location, Node, Price, Size
from aiocloud.providers.ibm_sbc.account import SmartCloudAccount
from aiocloud.providers.ibm_sbc.shapes import IMAGE, NODE, SIZE, STATES, many, place


class IBMSBC(SmartCloudAccount, Namesakes):
    """Needs the e-mail address and the password of an IBM web identity; give `endpoint`, for there is none any more.

    An image belongs to a location and an architecture, and names the sizes that it can be used with. A node can be
    neither stopped nor started, and expires: see `ex_extend_node`.
    """

    features = frozenset({"ssh_key"})
    states = {"Status": STATES}
    usernames = ("idcuser", "root")

    # ---- lists ----

    def list_nodes(self, *, location: Location | str | None = None) -> Pager[Node]:
        """All instances, or those in one place."""
        return self._in(location, self.http.list("/instances", NODE, items="Instance"))

    def list_images(self, *, location: Location | str | None = None) -> Pager[Image]:
        """The images, or those of one place."""
        return self._in(location, self.http.list("/offerings/image", IMAGE, items="Image"))

    def _in(self, location: Location | str | None, things: Pager[Any]) -> Pager[Any]:
        if location is None:
            return things
        wanted = id_of(location)

        async def there() -> list[Any]:
            return [thing for thing in await things if thing.location == wanted]

        return Pager.of(there)

    def list_sizes(self, *, location: Location | str | None = None) -> Pager[Size]:
        """The sizes that images of that place, or of any, can be used with.

        What a size costs depends on the image: the price is that of the cheapest, which is a plain Linux.
        """
        where = id_of(location) if location is not None else None

        async def sizes() -> list[Size]:
            images = await self.list_images(location=location)
            return [replace(each, location=where) for each in self._sizes_of(images)]

        return Pager.of(sizes)

    def _sizes_of(self, images: Iterable[Image]) -> Iterable[Size]:
        found: dict[str, Size] = {}
        for image in images:
            for kind in many(dig(image.extra, "SupportedInstanceTypes.InstanceType")):
                payload = kind if isinstance(kind, Mapping) else {"ID": kind}  # a mere name in early 2010
                size = replace(self.http.read(SIZE, payload), price=self._price(payload.get("Price")))
                known = found.get(size.id)
                if known is None or _cheaper(size.price, known.price):
                    found[size.id] = size
        return found.values()

    def _price(self, payload: Any) -> Price | None:
        rate, unit = dig(payload, "Rate"), dig(payload, "UnitOfMeasure")
        if unit != "UHR" or not rate or not Decimal(rate):  # it counts hours
            return None
        amount = Decimal(rate) / Decimal(dig(payload, "PricePerQuantity") or 1)
        return Price(amount=amount, currency=payload["CurrencyCode"], per="hour", as_of=self.today())

    def list_locations(self) -> Pager[Location]:
        """The data centres."""
        return self.http.list("/locations", place, items="Location")

    # ---- nodes ----

    async def get_node(self, node: Node | str) -> Node:
        """The instance as it is now."""
        return await self._one("GET", f"/instances/{segment(node)}", NODE, "Instance")

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
        ex_address: str | None = None,
        ex_volume: str | None = None,
        ex_vlan: str | None = None,
        ex_mini_ephemeral: bool = False,
        ex_not_beside: str | None = None,
        ex_parameters: Mapping[str, str] | None = None,
    ) -> Node:
        """Make an instance. See `Compute.create_node`, and `Namesakes` for what becomes of a lost answer.

        Without a location, and without a `region` of the driver, it is the image's. A public key that the account does
        not know is imported, and stays there. Provisioning takes 10 to 30 minutes.
        ex_address         the id of a reserved address
        ex_volume          the id of a volume to attach
        ex_vlan            the id of a VLAN
        ex_mini_ephemeral  with the first disk alone
        ex_not_beside      the id of an instance with which it shall not share a host
        ex_parameters      what the image asks for: `UserName` and `Password`, with Windows
        """
        self.refuse_what_is_not_offered(auth, user_data, tags)
        self.redactor.add((ex_parameters or {}).get("Password"))
        wanted = {
            "name": name,
            "imageID": id_of(image),
            "instanceType": id_of(size),
            "location": await self._location(location, image),
            "publicKey": await self._key_name(auth),
            "ip": ex_address,
            "volumeID": ex_volume,
            "vlanID": ex_vlan,
            "isMiniEphemeral": "true" if ex_mini_ephemeral else None,
            "antiCollocationInstance": ex_not_beside,
        }
        form = {key: value for key, value in wanted.items() if value is not None} | dict(ex_parameters or {})

        async def send() -> Node:
            return await self._one("POST", "/instances", NODE, "Instance", form=form)

        return await self._made_once(name, send)

    async def _location(self, location: Location | str | None, image: Image | str) -> str:
        if location is not None or isinstance(self.region, str):
            return id_of(location or str(self.region))
        if isinstance(image, str):
            known = {each.id: each for each in await self.list_images()}
            if image not in known:
                raise NotFoundError(f"no image {image!r}", provider=self.provider, account=self.account)
            image = known[image]
        if image.location is None:
            raise ConfigurationError("ibm_sbc needs a `location` for a new node of an image that has none")
        return image.location

    async def destroy_node(self, node: Node | str, *, ex_wait: float = 1800.0) -> None:
        """Delete the instance.

        That is refused while it is provisioned, and while a volume comes or goes. This is waited for, up to `ex_wait`
        seconds; then, or at once with 0, ConflictError is raised.
        """
        await self.once_allowed(node, lambda: self._delete(f"/instances/{segment(node)}"), wait=ex_wait)

    async def reboot_node(self, node: Node | str) -> None:
        """Restart the operating system; it must be active."""
        await self._change(node, idempotent=False, state="restart")


def _cheaper(one: Price | None, other: Price | None) -> bool:
    return one is not None and (other is None or one.amount < other.amount)
