"""VMware Cloud Director: https://developer.broadcom.com/xapis/vmware-cloud-director-api/latest/"""

from __future__ import annotations

import re
import secrets
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal, Unpack

from aiocloud.accounts import Account, Environment
from aiocloud.dialects.vcloud.orders import VCLOUD, Order
from aiocloud.dialects.vcloud.protocol import DOCUMENTS, ERRORS, PATIENCE, finish, id_in, many, query, quoted
from aiocloud.dialects.vcloud.sessions import SessionAuth, exchange, open_session, session_headers
from aiocloud.dialects.vcloud.shapes import IMAGE, NODE, OPERATIONS, SIZE, STATES
from aiocloud.dialects.vcloud.vapps import VAppDriver
from aiocloud.driver import NodeAuth, Options, id_of, segment
from aiocloud.errors import ApiError, ConfigurationError
from aiocloud.http.auth import Token
from aiocloud.http.client import Api
from aiocloud.http.paging import NumberedPaging, Pager
from aiocloud.http.together import together
from aiocloud.mapping import Shape, at, dig, raw
from aiocloud.models import Image, Location, Node, NodeAuthPassword, Size
from aiocloud.values import Secret


class VCloud(VAppDriver):
    """Needs a user, the password and the organisation, or an API token and the organisation; and the `endpoint`.

    `VCloud("alice", "pa55", "acme", endpoint="https://vcd.example.net")`. Nodes are vApps, locations the organisation's
    virtual data centres, sizes its sizing policies, images the templates of its catalogues.

    api_token    takes the place of user and password
    ex_countries ISO country codes by the name of a virtual data centre, which the API does not tell
    """

    provider = "vcloud"
    title = "VMware Cloud Director"
    website = "https://www.vmware.com/products/cloud-infrastructure/cloud-director"
    protocol = "vCloud API up to 39, XML; and its newer half, JSON"
    features = frozenset({"password", "generates_password"})
    states = {"@status": STATES, "Tasks.Task.@operationName": OPERATIONS}
    vapps = "/api/vApp/"
    shape = NODE
    repeat = True
    api = Api(errors=ERRORS, codec=DOCUMENTS)

    def __init__(
        self,
        username: str | None = None,
        password: str | Secret | None = None,
        org: str | None = None,
        *,
        api_token: str | Secret | None = None,
        ex_countries: Mapping[str, str] | None = None,
        **options: Unpack[Options],
    ) -> None:
        if options.get("endpoint"):  # as VMware's own tools write it, too
            options["endpoint"] = re.sub(r"/(api/?)?$", "", str(options["endpoint"]))
        super().__init__(**options)
        if not self.endpoint or not org:
            raise ConfigurationError("vcloud needs `endpoint` (https://vcd.example.net) and `org`")
        self._countries = dict(ex_countries or {})
        self._turns = {}
        entry = self.connect()
        secret = self.secret(api_token or password, "password")
        if not api_token and not username:
            raise ConfigurationError("vcloud needs `username` and `password`, or `api_token`")

        async def fetch() -> Token:
            if api_token:
                return await exchange(entry, org, secret, self.now())
            return await open_session(entry, str(username), org, secret)

        session = SessionAuth(fetch, session_headers, now=self.now, redactor=self.redactor)
        self.http = self.connect(auth=session)

    @classmethod
    def accounts(cls, environment: Environment) -> Iterable[Account]:
        """VCD_URL, VCD_ORG, and VCD_API_TOKEN or VCD_USER and VCD_PASSWORD: those of VMware's Terraform provider."""
        names = {"endpoint": "VCD_URL", "org": "VCD_ORG", "region": "VCD_VDC"}
        if token := environment.get("VCD_API_TOKEN"):
            proof = {"api_token": token}
        elif (user := environment.get("VCD_USER")) and (password := environment.get("VCD_PASSWORD")):
            proof = {"username": user, "password": password}
        else:
            return
        environment.require_whole("VCD_URL", "VCD_ORG")
        options = {option: environment.get(name) for option, name in names.items()}
        if options["endpoint"]:
            yield Account("vcloud", "default", {**proof, **options}, source="environment variables")

    # ---- lists ----

    def list_nodes(self, *, location: Location | str | None = None) -> Pager[Node]:
        """The vApps. Their addresses come from a list of all virtual machines, which is read first."""
        wanted = id_of(location) if location is not None else None

        async def pages(window: int) -> AsyncIterator[Sequence[Node]]:
            machines: dict[str, list[Any]] = {}
            for record in await self.ex_query("vm", "isVAppTemplate==false"):
                machines.setdefault(id_in(record.get("@container", "")), []).append(record)

            def read(record: Any, **context: Any) -> Node:
                return NODE({**record, "machines": machines.get(id_in(record.get("@href", "")), [])}, **context)

            # Which data centre is told apart here: to the server, its URL may be another than to us.
            async for page in query(self.http, "vApp", read).pages(window):
                yield [node for node in page if wanted in (None, node.location)]

        return Pager(pages)

    def list_images(self, *, location: Location | str | None = None) -> Pager[Image]:
        """The vApp templates of all catalogues that the organisation sees."""
        return query(self.http, "vAppTemplate", IMAGE)

    def list_sizes(self, *, location: Location | str | None = None) -> Pager[Size]:
        """The sizing policies. None has a price, since no API tells it."""
        where = id_of(location) if location is not None else None

        def read(policy: Any, **context: Any) -> Size:
            return replace(SIZE(policy, **context), location=where)

        path, params = "/cloudapi/2.0.0/vdcComputePolicies", {"filter": "isSizingOnly==true"}
        paging = NumberedPaging("page", pages="pageCount", size={"pageSize": "128"})
        return self.http.list(path, read, items="values", params=params, paging=paging)

    def list_locations(self) -> Pager[Location]:
        """The organisation's virtual data centres."""
        country = lambda record: self._countries.get(record["@name"])  # noqa: E731 - the shape beside it is one too
        return query(self.http, "orgVdc", Shape(Location, id=at("@href", id_in), name=at("@name"), country=country))

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
        ex_ip_allocation: Literal["POOL", "DHCP"] = "POOL",
        ex_description: str | None = None,
        ex_computer_name: str | None = None,
        ex_customization_script: str | None = None,
        ex_customize: bool = True,
        ex_power_on: bool = True,
    ) -> Node:
        """Make a vApp of a template with one machine, in one request. See `Compute.create_node`.

        The administrator's password is the one in `auth`, or a random one, in `node.password`; the template needs
        VMware Tools to take it. If the answer is lost, the vApp of that name that was not there before is ours: a
        second of one name is refused in a virtual data centre.
        ex_network        the name of the data centre's network, needed where there are several
        ex_ip_allocation  how the machine gets its address there
        ex_description    a text to keep with it
        ex_computer_name  the guest's name, where it is not `name`
        ex_customization_script  a script that VMware Tools run in the guest
        ex_customize      False: leave the guest as it is; it has no password from here then
        ex_power_on       start it
        """
        self.refuse_what_is_not_offered(auth, user_data, tags)
        vdc = id_of(location) if location is not None else self.region
        if not isinstance(vdc, str):
            raise ConfigurationError("vcloud needs a `location` for a new node, or a `region` for the driver")
        template, network = await together(
            lambda: self._machine_of(image), lambda: self._network_named(vdc, ex_network)
        )
        password = self._password(auth) if ex_customize else None
        order = Order(
            name=name,
            template=f"{self.http.base_url}/api/vAppTemplate/{segment(image)}",
            machine=template,
            policy=id_of(size),
            policies=f"{self.http.base_url}/cloudapi/2.0.0/vdcComputePolicies/",
            network=network,
            allocation=ex_ip_allocation,
            description=ex_description,
            password=password,
            computer_name=ex_computer_name or re.sub("[^A-Za-z0-9-]+", "-", name)[:63],
            script=ex_customization_script,
            customize=ex_customize,
            power_on=ex_power_on,
        )

        async def send() -> Node:
            path = f"/api/vdc/{segment(vdc)}/action/instantiateVAppTemplate"
            payload = await self.http.call("POST", path, **order.document())
            return self.http.read(NODE, dig(payload, "VApp"))

        made = await self._make(name, send)
        return replace(made, size=id_of(size), image=id_of(image), location=vdc, password=password)

    async def destroy_node(self, node: Node | str, *, ex_wait: float = PATIENCE) -> None:
        """Undeploy the vApp, which cuts its power, and delete it with its machines.

        What still runs on it is waited for; each step may take `ex_wait` seconds.
        """
        found = dig(await self.http.call("GET", self._path(node)), "VApp")
        if tasks := many(dig(found, "Tasks.Task")):
            for task in tasks:
                with suppress(ApiError):  # however it ends
                    await finish(self.http, {"Task": task}, ex_wait)
            found = dig(await self.http.call("GET", self._path(node)), "VApp")
        if dig(found, "@deployed") == "true":
            await self.ex_undeploy(node, "powerOff", ex_wait=ex_wait)
        await self._delete(node, ex_wait)

    async def stop_node(self, node: Node | str, *, ex_hard: bool = False) -> None:
        """Shut the guests down, or with `ex_hard` cut their power, and give back what the vApp holds (undeploy it)."""
        await self.ex_undeploy(node, "powerOff" if ex_hard else "shutdown")

    async def _namesakes(self, name: str) -> frozenset[str]:
        found = await self.ex_query("vApp", f"name=={quoted(name)}")
        return frozenset(id_in(record["@href"]) for record in found if record.get("@name") == name)

    async def _machine_of(self, image: Image | str) -> Any:
        """The one machine of a template."""
        template = await self.http.call("GET", f"/api/vAppTemplate/{segment(image)}")
        machines = many(dig(template, "VAppTemplate.Children.Vm"))
        if len(machines) != 1:
            raise ConfigurationError(f"the template {id_of(image)} has {len(machines)} machines; a node is made of one")
        return machines[0]

    async def _network_named(self, vdc: str, name: str | None) -> Any:
        """The network of that name, or the only one."""
        found = many(dig(await self.http.call("GET", f"/api/vdc/{segment(vdc)}"), "Vdc.AvailableNetworks.Network"))
        wanted = [each for each in found if name in (None, each.get("@name"))]
        if len(wanted) != 1:
            names = ", ".join(str(each.get("@name")) for each in found) or "none"
            raise ConfigurationError(f"give one network of {vdc} as `ex_network`; there are: {names}")
        return wanted[0]

    def _password(self, auth: NodeAuth | None) -> Secret:
        if isinstance(auth, NodeAuthPassword):
            return self.secret(auth.password, "password")
        return self.secret(secrets.token_urlsafe(16) + "aA1-", "password")  # strong by Windows' rules

    # ---- what only vCloud has ----

    def ex_query(self, kind: str, where: str | None = None) -> Pager[Mapping[str, Any]]:
        """Records of the query service ("vm", "orgVdcNetwork", "media"); `where` as in "name==web;status==MIXED"."""
        return query(self.http, kind, raw, where)

    async def ex_undeploy(
        self,
        node: Node | str,
        action: Literal["powerOff", "suspend", "shutdown", "force", "default"] = "default",
        *,
        ex_wait: float = PATIENCE,
    ) -> None:
        """Give back what a vApp holds; `action` is what becomes of its machines."""
        body = {"@xmlns": VCLOUD, "UndeployPowerAction": action}
        await self._do("POST", f"{self._path(node)}/action/undeploy", "UndeployVAppParams", body, ex_wait)

    async def ex_suspend_node(self, node: Node | str) -> None:
        """Write its machines' memory to disk, and stop them."""
        await self._act(node, "/power/action/suspend")

    async def ex_power_off_node(self, node: Node | str) -> None:
        """Cut the power, and keep the vApp deployed."""
        await self._act(node, "/power/action/powerOff")

    async def ex_create_snapshot(self, node: Node | str, *, name: str = "", memory: bool = False) -> None:
        """Keep its present state, in place of an older snapshot; `memory` keeps that of a running one, too."""
        body = {"@xmlns": VCLOUD, "@name": name, "@memory": str(memory).lower(), "@quiesce": "false"}
        await self._act(node, "/action/createSnapshot", "CreateSnapshotParams", body)

    async def ex_revert_to_snapshot(self, node: Node | str) -> None:
        """Go back to the snapshot."""
        await self._act(node, "/action/revertToCurrentSnapshot")

    async def ex_list_networks(self, location: Location | str) -> list[str]:
        """The names of the networks of a virtual data centre."""
        found = await self.http.call("GET", f"/api/vdc/{segment(location)}")
        return [str(each.get("@name")) for each in many(dig(found, "Vdc.AvailableNetworks.Network"))]
