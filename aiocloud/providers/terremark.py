"""Terremark vCloud Express, which spoke VMware's vCloud API 0.8 with additions of its own.

Its documentation has gone with it. What came of that API: https://developer.broadcom.com/xapis/vmware-cloud-director-api/latest/
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Unpack

from aiocloud.dialects.vcloud.express import ERRORS, EXPRESS, IMAGE, LOCATION, NODE, STATES, entities, order, size_of
from aiocloud.dialects.vcloud.protocol import DOCUMENTS, id_in, linked, many, path_of, write
from aiocloud.dialects.vcloud.sessions import SessionAuth, basic
from aiocloud.dialects.vcloud.vapps import VAppDriver
from aiocloud.driver import NodeAuth, Options, id_of, segment
from aiocloud.driver.base import Retired
from aiocloud.errors import CloudError, ConfigurationError, ConflictError, MalformedResponseError, NotFoundError
from aiocloud.http.auth import Token
from aiocloud.http.client import Api
from aiocloud.http.paging import Pager
from aiocloud.http.ratelimit import RateLimiter
from aiocloud.http.together import together
from aiocloud.mapping import dig
from aiocloud.models import Image, Location, Node, NodeAuthPassword, NodeState, Size
from aiocloud.values import Secret

log = logging.getLogger("aiocloud")

BASE = "/api/v0.8"
AT_ONCE = 8
"""Documents that a list fetches side by side."""


class Terremark(VAppDriver):
    """Needs the e-mail address and the password of the account, and an `endpoint`: the cloud itself has gone."""

    provider = "terremark"
    title = "Terremark vCloud Express"
    website = "https://www.verizon.com/business/"
    protocol = "vCloud API 0.8, XML"
    retired = Retired(since="2016")
    features = frozenset({"password", "generates_password"})
    states = {"@status": STATES}
    vapps = f"{BASE}/vapp/"
    shape = NODE
    api = Api(errors=ERRORS, codec=DOCUMENTS)

    def __init__(
        self, username: str | None = None, password: str | Secret | None = None, **options: Unpack[Options]
    ) -> None:
        if options.get("endpoint"):
            options["endpoint"] = str(options["endpoint"]).rstrip("/").removesuffix(BASE)
        super().__init__(**options)
        secret = self.secret(password, "password")
        if not username:
            raise ConfigurationError("terremark needs `username` and `password`")
        self._turns = {}
        entry = self.connect()

        async def fetch() -> Token:
            response = await entry.send(
                "POST", f"{BASE}/login", headers=basic(username, secret), idempotent=True, operation="sign in"
            )
            found = re.search(r"vcloud-token=([^;\s]+)", response.headers.get("Set-Cookie", ""))
            orgs = many(dig(entry.decode(response, "sign in"), "OrgList.Org"))
            if found is None or not orgs:
                raise MalformedResponseError("signing in gave no session")
            return Token(value=Secret(found[1]), data={"org": path_of(orgs[0]["@href"])})

        self._signed_in = SessionAuth(
            fetch,
            lambda request, token: {"Cookie": f"vcloud-token={token.value.reveal()}"},
            now=self.now,
            redactor=self.redactor,
        )
        limiter = RateLimiter(self._limits or self.api.limits, now=self.now)
        self._site = self.connect(auth=self._signed_in, limiter=limiter)
        # A vApp that is no more is refused as forbidden.
        gone = replace(self.api, errors=replace(ERRORS, statuses={**ERRORS.statuses, 403: NotFoundError}))
        self.http = self.connect(gone, auth=self._signed_in, limiter=limiter)

    # ---- lists ----

    async def _get(self, path: str, root: str) -> Any:
        """One document of the site."""
        return dig(await self._site.call("GET", path), root)

    async def _vdcs(self, location: Location | str | None = None) -> list[Any]:
        """The virtual data centres, or the one."""
        if location is not None:
            return [await self._get(f"{BASE}/vdc/{segment(location)}", "Vdc")]
        org = await self._get((await self._signed_in.token()).data["org"], "Org")
        return list(await together(*[self._getter(path_of(href), "Vdc") for href in linked(org, "vdc")]))

    def _getter(self, path: str, root: str) -> Any:
        return lambda: self._get(path, root)

    def list_nodes(self, *, location: Location | str | None = None) -> Pager[Node]:
        """The vApps, each of which is asked for by itself, eight at a time."""

        async def pages(window: int) -> AsyncIterator[Sequence[Node]]:
            found = [entity for vdc in await self._vdcs(location) for entity in entities(vdc)]
            for begin in range(0, len(found), AT_ONCE):
                batch = [self._if_there(id_in(each["@href"])) for each in found[begin : begin + AT_ONCE]]
                yield [node for node in await together(*batch) if node is not None]

        return Pager(pages)

    def _if_there(self, node: str) -> Any:
        async def get() -> Node | None:
            try:
                return await self.get_node(node)
            except NotFoundError:  # since the list was made
                return None

        return get

    async def _namesakes(self, name: str) -> frozenset[str]:
        found = [entity for vdc in await self._vdcs() for entity in entities(vdc)]
        return frozenset(id_in(each["@href"]) for each in found if each.get("@name") == name)

    async def _items(self, location: Location | str | None) -> list[str]:
        """The paths of the items of all catalogues."""
        paths = []
        for vdc in await self._vdcs(location):
            for href in linked(vdc, "catalog"):
                catalog = await self._get(path_of(href), "Catalog")
                paths += [path_of(each["@href"]) for each in many(dig(catalog, "CatalogItems.CatalogItem"))]
        return list(dict.fromkeys(paths))

    def list_images(self, *, location: Location | str | None = None) -> Pager[Image]:
        """The items of the catalogues."""

        async def images() -> list[Image]:
            items = await together(*[self._getter(path, "CatalogItem") for path in await self._items(location)])
            return [self._site.read(IMAGE, item) for item in items]

        return Pager.of(images)

    def list_sizes(self, *, location: Location | str | None = None) -> Pager[Size]:
        """Processors and memory, with the prices of the first image: see `ex_list_sizes_of` for those of another."""

        async def sizes() -> list[Size]:
            paths = await self._items(location)
            found = await self.ex_list_sizes_of(id_in(paths[0])) if paths else []
            return [replace(size, location=id_of(location) if location is not None else None) for size in found]

        return Pager.of(sizes)

    async def ex_list_sizes_of(self, image: Image | str) -> list[Size]:
        """What an image can be run on, and what that costs an hour in US dollars."""
        path = f"{BASE}/catalogItem/{segment(image)}/options/compute"
        options = many(dig(await self._site.call("GET", path), "ComputeOptions.ComputeOption"))
        return [size_of(option, self.today()) for option in options]

    def list_locations(self) -> Pager[Location]:
        """The virtual data centres, which were all in Miami."""

        async def places() -> list[Location]:
            return [self._site.read(LOCATION, vdc) for vdc in await self._vdcs()]

        return Pager.of(places)

    # ---- nodes ----

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
        ex_network: str | None = None,
        ex_row: str = "aiocloud",
        ex_group: str = "aiocloud",
        ex_key_fingerprint: str | None = None,
    ) -> Node:
        """Make a vApp, and start it: three requests, and minutes between them. See `Compute.create_node`.

        The password is the one in `auth`, or a random one in `node.password`, where the image takes any. A node that
        was made and cannot be started is returned all the same; a warning on the logger `aiocloud` says so.
        ex_network     the name of a network, in place of the first
        ex_row, ex_group  where the console shows it
        ex_key_fingerprint  of a key that Terremark has made: see `ex_list_keys`
        """
        self.refuse_what_is_not_offered(auth, user_data, tags)
        processors = re.fullmatch(r"(\d+)x(\d+)", id_of(size))
        vdc = id_of(location) if location is not None else self.region
        if processors is None or not isinstance(vdc, str):
            raise ConfigurationError("terremark needs a size such as '1x512', and a `location` or a `region`")
        item, (place,), password = await together(
            lambda: self._get(f"{BASE}/catalogItem/{segment(image)}", "CatalogItem"),
            lambda: self._vdcs(vdc),
            lambda: self._password(image, auth),
        )
        networks = [
            each for each in many(dig(place, "AvailableNetworks.Network")) if ex_network in (None, each["@name"])
        ]
        if not networks:
            raise ConfigurationError(f"terremark: there is no network {ex_network or 'at all'} in {vdc}")
        options = order(
            name=name,
            template=item["Entity"]["@href"],
            cpus=processors[1],
            memory=processors[2],
            network=networks[0],
            properties={
                "password": password.reveal() if password else None,
                "row": ex_row,
                "group": ex_group,
                "sshKeyFingerprint": ex_key_fingerprint,
            },
        )

        async def send() -> Node:
            path = f"{BASE}/vdc/{segment(vdc)}/action/instantiateVAppTemplate"
            made = self._site.read(NODE, dig(await self._site.call("POST", path, **options), "VApp"))
            return await self._started(made)

        made = await self._make(name, send)
        return replace(made, size=id_of(size), image=id_of(image), location=vdc, password=password)

    async def _started(self, node: Node) -> Node:
        """Deploy it and switch it on, whatever comes of that."""
        try:
            await self._act(node, "/action/deploy")
            await self.start_node(node)
        except CloudError as error:
            log.warning("node %s (%r) was made, and could not be started: %s", node.id, node.name, error)
        return node

    async def _password(self, image: Image | str, auth: NodeAuth | None) -> Secret | None:
        path = f"{BASE}/catalogItem/{segment(image)}/options/customization"
        told = await self._get(path, "CustomizationParameters")
        if dig(told, "CustomizePassword") == "true":
            given = auth.password if isinstance(auth, NodeAuthPassword) else secrets.token_urlsafe(12) + "aA1"
            return self.secret(given, "password")
        if auth is not None:
            raise ConfigurationError(f"terremark: the image {id_of(image)} takes no password")
        return None

    async def stop_node(self, node: Node | str) -> None:
        """Cut its power: to shut down politely, its operating system would need VMware's tools."""
        await self._act(node, "/power/action/powerOff")

    async def destroy_node(self, node: Node | str) -> None:
        """Cut its power, and delete it, once what runs on it has ended."""
        if (await self.get_node(node)).state is not NodeState.STOPPED:
            await self.stop_node(node)
        await self._delete(node, 600.0)

    async def _act(self, node: Node | str, action: str, root: str = "", body: Mapping[str, Any] | None = None) -> None:
        try:
            await super()._act(node, action, root, body)
        except ConflictError as error:
            if "already powered" not in error.message:
                raise

    # ---- what only Terremark had ----

    async def ex_list_keys(self) -> list[Mapping[str, Any]]:
        """The SSH keys that Terremark has made for the organisation: Id, Name, FingerPrint, IsDefault."""
        return many(dig(await self._site.call("GET", await self._keys()), "Keys.Key"))

    async def ex_create_key(self, name: str) -> Mapping[str, Any]:
        """Let it make a key; `PrivateKey` stands in this answer alone. A key of one's own was not taken."""
        body = write("CreateKeyRequest", {"@xmlns": EXPRESS, "Name": name, "IsDefault": "false"})
        headers = {"Content-Type": "application/xml"}
        made: Mapping[str, Any] = dig(
            await self._site.call("POST", await self._keys(), body=body, headers=headers), "Key"
        )
        self.redactor.add(made.get("PrivateKey"))
        return made

    async def _keys(self) -> str:
        org = (await self._signed_in.token()).data["org"]
        return f"/api/extensions/v1.6/org/{id_in(org)}/keys"

    async def ex_list_internet_services(self, location: Location | str) -> list[Mapping[str, Any]]:
        """The public ports of a data centre, with their addresses (`PublicIpAddress`); nodes have none of their own."""
        path = f"/api/extensions/v1.6/vdc/{segment(location)}/internetServices"
        return many(dig(await self._site.call("GET", path), "InternetServices.InternetService"))
