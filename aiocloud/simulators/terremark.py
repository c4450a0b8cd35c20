"""Terremark vCloud Express in miniature: vCloud API 0.8, on tasks and vApps as its great-grandchild still has them."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from math import ceil
from typing import Any

from aiocloud.http.message import Request, Response, headers_of
from aiocloud.simulators.base import Simulator
from aiocloud.simulators.ssh import Machine
from aiocloud.simulators.vcloud.wire import OVF, Ask, Failure, Routes, Tree, basic, link, many, stamp, xml
from aiocloud.simulators.vcloud.world import Task, Template, VApp, Vdc, World, identifier, known
from aiocloud.values import Secret

NS = "http://www.vmware.com/vcloud/v0.8"
EXPRESS = "urn:tmrk:vCloudExpress-1.0"
EXTENSIONS = "urn:tmrk:vCloudExpressExtensions-1.6"
RASD = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"
BASE = "/api/v0.8"
VAPP = "application/vnd.vmware.vcloud.vApp+xml"
LIFE = timedelta(minutes=20)

MIAMI = Vdc("77", "Miami Environment 1", ("Internal",))
TEMPLATES = (
    Template("12", "CentOS 5 (32-bit)", "CentOS 5 (32-bit)"),
    Template("13", "Windows Standard 2008 (64-bit)", "Windows Standard 2008 (64-bit)"),
    Template("14", "Ubuntu JeOS 9.10 (64-bit)", "Ubuntu JeOS 9.10 (64-bit)"),
)
TAKE_PASSWORDS = frozenset({"12", "13"})

# RAM in MB, and US cents an hour for 1, 2, 4 and 8 processors
COSTS = (
    (512, "3.5", "4", "4.5", "4.9"),
    (1024, "6", "7", "8", "10"),
    (1536, "9", "10.5", "12", "13.5"),
    (2048, "12", "14.1", "16.1", "20"),
    (4096, "21.7", "27.1", "30.1", "35.9"),
    (8192, "40.1", "48.2", "56.7", "63.4"),
    (12288, "60.2", "68.6", "76.2", "82.4"),
    (16384, "80.3", "84.4", "89.9", "93.2"),
)
PROCESSORS = (1, 2, 4, 8)

routes = Routes()


def refuse(status: int, reason: str) -> Response:
    """A no, all of which stands in the reason phrase."""
    return Response(status=status, reason=reason, headers=headers_of({"Server": "Microsoft-IIS/7.0"}))


def bad(reason: str) -> Failure:
    """A request that makes no sense."""
    return Failure(400, "", reason)


class TerremarkSimulator(Simulator):
    """One account with one virtual data centre, in Miami. `world` holds what exists.

    A vApp is made in `boot` seconds, and is then switched off, until it is powered on.
    """

    provider = "terremark"
    facts = (
        "Sizes and their fees are those of Terremark's price list as its API told it about 2010; the rest is invented."
    )
    as_of = date(2010, 12, 31)
    endpoint = f"https://services.vcloudexpress.terremark.com{BASE}"
    creates = f"POST {BASE}/vdc/{{id}}/action/instantiateVAppTemplate"
    proof = "password"
    reachable = False

    def __init__(
        self,
        *,
        username: str = "ops@example.com",
        password: str = "tide-of-pa55",  # noqa: S107 - opens nothing
        **world: Any,
    ) -> None:
        super().__init__(**world)
        self._login = (username, password)
        self.tokens: dict[str, datetime] = {}
        self.keys: dict[str, str] = {"default": "aa:bb:cc:dd"}
        self.sizes: dict[str, tuple[str, str]] = {}
        self.world = World(
            now=lambda: self.now(),
            boot=lambda: self.boot,
            vapp_id=lambda number: str(20410 + number),
            addresses="10.20.30.0",
        )

    @property
    def credentials(self) -> Mapping[str, str]:
        """The e-mail address and the password."""
        return {"username": self._login[0], "password": self._login[1]}

    def nodes(self) -> Iterable[VApp]:
        """The vApps."""
        self.world.settle()
        return list(self.world.vapps.values())

    def addresses(self, node: VApp) -> tuple[str, ...]:
        """The private one."""
        self.world.settle()
        return (node.address,) if node.id in self.world.vapps else ()

    def machine(self, node: VApp) -> Machine:
        """It lets in root, by the password that it was made with."""
        self.world.settle()
        return Machine(id=node.id, name=node.name, running=node.status == 4, password=node.password)

    def populate(self, count: int) -> None:
        """Add so many running vApps."""
        for _ in range(count):
            name = f"boat{len(self.world.vapps)}"
            vapp = self.world.place(name, MIAMI, TEMPLATES[0], self.now() - timedelta(days=30))
            vapp.status, self.sizes[vapp.id] = 4, ("1", "1024")

    def operation(self, request: Request) -> str:
        """The method, and the path with its ids left open."""
        return routes.find(request.method, request.url.path)[0] or f"{request.method} {request.url.path}"

    def answer(self, request: Request) -> Response:
        """Let in, and do it."""
        self.world.settle()
        name, ids = routes.find(request.method, request.url.path)
        ask = Ask(request, str(request.url.origin()), ids)
        if name != f"POST {BASE}/login" and not self._signed_in(request):
            return refuse(401, "Unauthorized")
        if not name:
            return refuse(404, "Not Found")
        try:
            return routes[name](self, ask)
        except Failure as failure:
            if failure.code == "BUSY_ENTITY":
                return refuse(409, "The operation cannot be done because there is a pending task running")
            return refuse(400 if failure.code == "DUPLICATE_NAME" else failure.status, failure.message)

    def throttled(self, request: Request, retry_after: float) -> Response:
        """429. No limits are known: it stands for whatever a gateway in front would say."""
        return Response(
            status=429, reason="Too Many Requests", headers=headers_of({"Retry-After": str(ceil(retry_after))})
        )

    def no_capacity(self, request: Request) -> Response:
        """500; the words are a guess."""
        return refuse(500, "There are insufficient resources available in this environment")

    def sign_in(self, request: Request) -> str | None:
        """A new session's token, for the right password."""
        user, password = basic(request)
        if user != self._login[0] or not hmac.compare_digest(password.encode(), self._login[1].encode()):
            return None
        token = identifier("token", len(self.tokens))
        self.tokens[token] = self.now() + LIFE
        return token

    def _signed_in(self, request: Request) -> bool:
        found = re.search(r"vcloud-token=([^;\s]+)", request.headers.get("Cookie", ""))
        if found is None or self.now() >= self.tokens.get(found[1], self.now()):
            return False
        self.tokens[found[1]] = self.now() + LIFE
        return True

    def find(self, id_: str) -> VApp:
        """The vApp of that id; one that is not there is forbidden."""
        return self.world.vapps.get(id_) or _fail(Failure(403, "", "Forbidden"))


def _fail(failure: Failure) -> VApp:
    raise failure


# ---- the site ----


@routes.route(f"POST {BASE}/login")
def login(cloud: TerremarkSimulator, ask: Ask) -> Response:
    """A session, and the organisation."""
    token = cloud.sign_in(ask.request)
    if token is None:
        return refuse(401, "Unauthorized")
    org = {"@href": ask.href(f"{BASE}/org/5"), "@name": "ops", "@type": "application/vnd.vmware.vcloud.org+xml"}
    return xml("OrgList", {"Org": org}, namespace=NS, Set_Cookie=f"vcloud-token={token}; path=/")


@routes.route(f"GET {BASE}/org/{{id}}")
def org(cloud: TerremarkSimulator, ask: Ask) -> Response:
    """It leads to the data centre."""
    keys = ask.href(f"/api/extensions/v1.6/org/{ask.ids[0]}/keys")
    links: list[Tree] = [
        link("down", ask.href(f"{BASE}/vdc/{MIAMI.id}"), "vdc", name=MIAMI.name),
        link("down", ask.href(f"{BASE}/catalog/9"), "catalog"),
        {"@rel": "down", "@href": keys, "@type": "application/vnd.tmrk.vcloudExpress.keysList+xml"},
    ]
    return xml("Org", {"@name": "ops", "@href": ask.href(f"{BASE}/org/5"), "Link": links}, namespace=NS)


@routes.route(f"GET {BASE}/vdc/{{id}}")
def vdc(cloud: TerremarkSimulator, ask: Ask) -> Response:
    """All that is in the data centre."""
    found = known([MIAMI], ask.ids[0], Failure(404, "", "Not Found"))
    entities = [
        {"@href": ask.href(f"{BASE}/vapp/{each.id}"), "@type": VAPP, "@name": each.name}
        for each in cloud.world.vapps.values()
    ]
    network = {"@href": ask.href(f"{BASE}/network/31"), "@name": "Internal"}
    content = {
        "@href": ask.href(f"{BASE}/vdc/{found.id}"),
        "@name": found.name,
        "Link": [link("down", ask.href(f"{BASE}/catalog/9"), "catalog")],
        "ResourceEntities": {"ResourceEntity": entities},
        "AvailableNetworks": {"Network": network},
    }
    return xml("Vdc", content, namespace=NS)


@routes.route(f"GET {BASE}/catalog/{{id}}")
def catalog(cloud: TerremarkSimulator, ask: Ask) -> Response:
    """Its items."""
    items = [{"@href": ask.href(f"{BASE}/catalogItem/{each.id}"), "@name": each.name} for each in TEMPLATES]
    return xml("Catalog", {"@name": "Miami", "CatalogItems": {"CatalogItem": items}}, namespace=NS)


def _template(ask: Ask) -> Template:
    return known(TEMPLATES, ask.ids[0], Failure(404, "", "Not Found"))


@routes.route(f"GET {BASE}/catalogItem/{{id}}")
def item(cloud: TerremarkSimulator, ask: Ask) -> Response:
    """An item, and the template that it stands for."""
    found = _template(ask)
    href = ask.href(f"{BASE}/vAppTemplate/{found.id}")
    content = {
        "@href": ask.href(f"{BASE}/catalogItem/{found.id}"),
        "@name": found.name,
        "Entity": {"@href": href, "@type": "application/vnd.vmware.vcloud.vAppTemplate+xml", "@name": found.name},
        "Property": {"@key": "LicensingCost", "#text": "0"},
    }
    return xml("CatalogItem", content, namespace=NS)


@routes.route(f"GET {BASE}/catalogItem/{{id}}/options/compute")
def compute(cloud: TerremarkSimulator, ask: Ask) -> Response:
    """What it can be run on, and the dollars an hour."""
    _template(ask)
    options = [
        {"ProcessorCount": str(cpus), "Memory": str(memory), "CostPerHour": f"{float(cost) / 100:.4f}"}
        for memory, *costs in COSTS
        for cpus, cost in zip(PROCESSORS, costs, strict=True)
    ]
    return xml("ComputeOptions", {"ComputeOption": options}, namespace=EXPRESS)


@routes.route(f"GET {BASE}/catalogItem/{{id}}/options/customization")
def customization(cloud: TerremarkSimulator, ask: Ask) -> Response:
    """What may be set in it."""
    password = _template(ask).id in TAKE_PASSWORDS
    told = {
        "CustomizeNetwork": "true",
        "CustomizePassword": str(password).lower(),
        "CustomizeSSH": str(not password).lower(),
    }
    return xml("CustomizationParameters", told, namespace=EXPRESS)


@routes.route("GET /api/extensions/v1.6/org/{id}/keys")
def keys(cloud: TerremarkSimulator, ask: Ask) -> Response:
    """The keys that were made here."""
    rows = [
        {"Id": str(number), "Name": name, "IsDefault": "false", "FingerPrint": print_}
        for number, (name, print_) in enumerate(cloud.keys.items(), 3)
    ]
    return xml("Keys", {"Key": rows}, namespace=EXTENSIONS)


@routes.route("POST /api/extensions/v1.6/org/{id}/keys")
def create_key(cloud: TerremarkSimulator, ask: Ask) -> Response:
    """A key made here; its private half is shown this once."""
    name = ask.document("CreateKeyRequest").get("Name")
    if not name or name in cloud.keys:
        raise bad(f"A key with the name {name} exists")
    cloud.keys[name] = ":".join(re.findall("..", identifier("key", name).replace("-", "")))
    secret = {"PrivateKey": "-----BEGIN RSA PRIVATE KEY-----\ninvented\n-----END RSA PRIVATE KEY-----"}
    return xml("Key", {"Name": name, "FingerPrint": cloud.keys[name], **secret}, 201, namespace=EXTENSIONS)


@routes.route("GET /api/extensions/v1.6/vdc/{id}/internetServices")
def internet_services(cloud: TerremarkSimulator, ask: Ask) -> Response:
    """None."""
    return xml("InternetServices", {}, namespace=EXTENSIONS)


# ---- vApps ----


@routes.route(f"POST {BASE}/vdc/{{id}}/action/instantiateVAppTemplate")
def instantiate(cloud: TerremarkSimulator, ask: Ask) -> Response:
    """A new vApp, which is made while others wait."""
    place = known([MIAMI], ask.ids[0], Failure(404, "", "Not Found"))
    order = ask.document("InstantiateVAppTemplateParams", "VAppTemplate", "InstantiationParams")
    name, params = str(order.get("@name", "")), order["InstantiationParams"]
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,14}", name):
        raise bad("The name must have at most 15 letters, digits and dashes, and begin with a letter")
    wanted = str(order["VAppTemplate"]["@href"]).rpartition("/")[2]
    found = known(TEMPLATES, wanted, bad("The template does not exist here"))
    quantities = {
        each["ResourceType"]: each["VirtualQuantity"] for each in many(params["VirtualHardwareSection"]["Item"])
    }
    cpus, memory = quantities["3"], quantities["4"]
    if not (cpus.isdecimal() and int(cpus) in PROCESSORS and memory in {str(row[0]) for row in COSTS}):
        raise bad(f"{cpus} processors with {memory} MB cannot be had")
    vapp = cloud.world.place(name, place, found, cloud.world.now())
    properties = {each["@key"]: each["@value"] for each in many(params["ProductSection"]["Property"])}
    if "password" in properties:
        if found.id not in TAKE_PASSWORDS:
            del cloud.world.vapps[vapp.id]
            raise bad("The template takes no password")
        vapp.password = Secret(properties["password"])
    cloud.sizes[vapp.id] = (cpus, memory)

    def made() -> None:
        vapp.status = 2

    cloud.world.begin("instantiate", vapp, made, cloud.world.boot())
    return xml("VApp", _head(ask, vapp), 200, namespace=NS)


def _head(ask: Ask, vapp: VApp) -> Tree:
    return {
        "@href": ask.href(f"{BASE}/vapp/{vapp.id}"),
        "@type": VAPP,
        "@name": vapp.name,
        "@status": str(vapp.status),
        "@size": "10",
        "Link": link("up", ask.href(f"{BASE}/vdc/{vapp.vdc.id}"), "vdc"),
    }


@routes.route(f"GET {BASE}/vapp/{{id}}")
def show(cloud: TerremarkSimulator, ask: Ask) -> Response:
    """A vApp; its sections are there when it is made."""
    vapp = cloud.find(ask.ids[0])
    content = _head(ask, vapp)
    if vapp.status:
        pairs = zip(("3", "4"), cloud.sizes[vapp.id], strict=True)
        rows = [
            {"InstanceID": number, "ResourceType": kind, "VirtualQuantity": text}
            for number, (kind, text) in zip("12", pairs, strict=True)
        ]
        items = [{name: {"@xmlns": RASD, "#text": text} for name, text in row.items()} for row in rows]
        connection = {"@Network": "Internal", "@xmlns": NS, "IpAddress": vapp.address}
        content |= {
            "@size": "10485760",
            "NetworkConnectionSection": {"@xmlns": OVF, "NetworkConnection": connection},
            "OperatingSystemSection": {"@xmlns": OVF, "Description": vapp.template.guest},
            "VirtualHardwareSection": {"@xmlns": OVF, "Item": items},
        }
    return xml("VApp", content, namespace=NS)


@routes.route(f"DELETE {BASE}/vapp/{{id}}")
def delete(cloud: TerremarkSimulator, ask: Ask) -> Response:
    """Delete one that is off."""
    vapp = cloud.find(ask.ids[0])
    if vapp.task is None and vapp.status != 2:
        raise bad("The vApp must be powered off")

    def gone() -> None:
        del cloud.world.vapps[vapp.id]

    return _accepted(ask, cloud.world.begin("delete", vapp, gone, cloud.world.boot() / 5))


@routes.route(f"POST {BASE}/vapp/{{id}}/action/deploy")
def deploy(cloud: TerremarkSimulator, ask: Ask) -> Response:
    """It is deployed as soon as it is made: the task is that of its making, or a short one."""
    vapp = cloud.find(ask.ids[0])
    if vapp.task is not None and vapp.task.operation == "instantiate":
        return _accepted(ask, vapp.task)
    return _accepted(ask, cloud.world.begin("deploy", vapp, lambda: None, cloud.world.boot() / 5))


def _power(verb: str, *, on: bool, needed: int) -> None:
    """A route for a power action, of a vApp in that state."""

    @routes.route(f"POST {BASE}/vapp/{{id}}/power/action/{verb}")
    def act(cloud: TerremarkSimulator, ask: Ask) -> Response:
        vapp = cloud.find(ask.ids[0])
        if vapp.task is None and vapp.status != needed:
            raise Failure(500, "", f"The vApp {vapp.name} is already powered {'on' if vapp.status == 4 else 'off'}")

        def effect() -> None:
            vapp.status = 4 if on else 2

        return _accepted(ask, cloud.world.begin(verb, vapp, effect, cloud.world.boot() / 5))


_power("powerOn", on=True, needed=2)
_power("powerOff", on=False, needed=4)
_power("shutdown", on=False, needed=4)
_power("reset", on=True, needed=4)


def _accepted(ask: Ask, task: Task) -> Response:
    return xml("Task", _task(ask, task), 202, namespace=NS)


def _task(ask: Ask, task: Task) -> Tree:
    view: Tree = {
        "@href": ask.href(f"{BASE}/task/{task.id}"),
        "@type": "application/vnd.vmware.vcloud.task+xml",
        "@status": task.status,
        "@startTime": stamp(task.start),
        **({"@endTime": stamp(task.due)} if task.status != "running" else {}),
        "Owner": {"@href": ask.href(f"{BASE}/vapp/{task.owner.id}"), "@type": VAPP, "@name": task.owner.name},
    }
    return {**view, "Error": task.error.element()} if task.error is not None else view


@routes.route(f"GET {BASE}/task/{{id}}")
def task(cloud: TerremarkSimulator, ask: Ask) -> Response:
    """How far it has come."""
    found = cloud.world.tasks.get(ask.ids[0])
    if found is None:
        return refuse(404, "Not Found")
    return xml("Task", _task(ask, found), namespace=NS)
