"""The two halves of the API: documents below /api, JSON below /cloudapi."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from aiocloud.http.message import Response
from aiocloud.simulators.vcloud import views
from aiocloud.simulators.vcloud.wire import (
    TYPE,
    Ask,
    Failure,
    Routes,
    Tree,
    bad_request,
    js,
    link,
    many,
    matches,
    xml,
)
from aiocloud.simulators.vcloud.world import POLICIES, TEMPLATES, VDCS, Task, VApp, Vdc, World, identifier
from aiocloud.values import Secret

if TYPE_CHECKING:
    from aiocloud.simulators.vcloud.simulator import VCloudSimulator

routes = Routes()

ORG = f"/api/org/{identifier('org')}"
CATALOG = f"/api/catalog/{identifier('catalog')}"
QUERIES = ("vApp", "vm", "orgVdc", "vAppTemplate", "catalog")


# ---- the organisation ----


@routes.route("GET /api/org")
def organisations(cloud: VCloudSimulator, ask: Ask) -> Response:
    """The one organisation."""
    return xml("OrgList", {"Org": {"@href": ask.href(ORG), "@name": cloud.org, "@type": TYPE.format("org")}})


@routes.route("GET /api/org/{id}")
def organisation(cloud: VCloudSimulator, ask: Ask) -> Response:
    """It leads to its lists by queries, as it does since version 33."""
    links = [
        link("down", ask.href(f"/api/query?type={kind}&format=records"), "query.records")
        for kind in ("orgVdc", "catalog")
    ]
    return xml("Org", {"@name": cloud.org, "@href": ask.href(ORG), "@type": TYPE.format("org"), "Link": links})


@routes.route("GET /api/session")
def session(cloud: VCloudSimulator, ask: Ask) -> Response:
    """Who is signed in, and where to go from here."""
    return xml("Session", session_view(cloud, ask))


def session_view(cloud: VCloudSimulator, ask: Ask) -> Tree:
    """A Session."""
    links = [
        link("down", ask.href("/api/org"), "orgList"),
        link("down", ask.href(ORG), "org", name=cloud.org),
        link("down", ask.href("/api/query"), "query.queryList"),
    ]
    return {"@user": cloud.username, "@org": cloud.org, "@href": ask.href("/api/session"), "Link": links}


@routes.route("GET /api/catalog/{id}")
def catalog(cloud: VCloudSimulator, ask: Ask) -> Response:
    """The templates on offer."""
    items = [
        {"@name": each.name, "@href": ask.href(f"/api/catalogItem/{each.id}"), "@type": TYPE.format("catalogItem")}
        for each in TEMPLATES
    ]
    return xml("Catalog", {"@name": "public", "@href": ask.href(CATALOG), "CatalogItems": {"CatalogItem": items}})


@routes.route("GET /api/catalogItem/{id}")
def catalog_item(cloud: VCloudSimulator, ask: Ask) -> Response:
    """An item, which leads to its template."""
    template = cloud.world.template(ask.ids[0])
    entity = {"@href": ask.href(f"/api/vAppTemplate/{template.id}"), "@type": TYPE.format("vAppTemplate")}
    return xml("CatalogItem", {"@name": template.name, "Entity": {**entity, "@name": template.name}})


@routes.route("GET /api/vAppTemplate/{id}")
def template(cloud: VCloudSimulator, ask: Ask) -> Response:
    """A template."""
    return xml("VAppTemplate", views.template_view(ask, cloud.world.template(ask.ids[0])))


@routes.route("GET /api/vdc/{id}")
def vdc(cloud: VCloudSimulator, ask: Ask) -> Response:
    """A virtual data centre."""
    found = cloud.world.vdc(ask.ids[0])
    inside = [each for each in cloud.world.vapps.values() if each.vdc is found]
    return xml("Vdc", views.vdc_view(ask, found, inside, ORG))


@routes.route("GET /cloudapi/2.0.0/vdcComputePolicies")
def policies(cloud: VCloudSimulator, ask: Ask) -> Response:
    """The sizing policies; there are no others."""
    size, page = int(ask.query.get("pageSize", 25)), int(ask.query.get("page", 1))
    values = [
        {"id": each.id, "name": each.name, "cpuCount": each.cpus, "memory": each.memory, "isSizingOnly": True}
        for each in POLICIES
    ]
    shown = values[(page - 1) * size : page * size]
    pages = ceil(len(values) / size)
    return js({"resultTotal": len(values), "pageCount": pages, "page": page, "pageSize": size, "values": shown})


# ---- the query service ----


def _records(cloud: VCloudSimulator, ask: Ask, kind: str) -> tuple[str, list[Tree]]:
    """The name of a kind's records, and all of them."""
    vapps = cloud.world.vapps.values()
    if kind == "vApp":
        return "VAppRecord", [views.vapp_record(ask, each) for each in vapps]
    if kind == "vm":
        return "VMRecord", [views.machine_record(ask, each) for each in vapps if each.status > 0]
    things: dict[str, tuple[str, Iterable[tuple[str, str]]]] = {
        "orgVdc": ("OrgVdcRecord", ((each.name, f"/api/vdc/{each.id}") for each in VDCS)),
        "vAppTemplate": ("VAppTemplateRecord", ((each.name, f"/api/vAppTemplate/{each.id}") for each in TEMPLATES)),
        "catalog": ("CatalogRecord", [("public", CATALOG)]),
    }
    if kind not in things:
        raise bad_request(f"Bad request: unknown query type {kind}")
    name, found = things[kind]
    return name, [{"@name": title, "@href": ask.href(path)} for title, path in found]


@routes.route("GET /api/query")
def query(cloud: VCloudSimulator, ask: Ask) -> Response:
    """A page of records; without a type, the queries that there are."""
    kind = ask.query.get("type")
    if kind is None:
        links = [
            link("down", ask.href(f"/api/query?type={each}&format={form}"), f"query.{form}", name=each)
            for each in QUERIES
            for form in ("records", "idrecords", "references")
        ]
        return xml("QueryList", {"Link": links})
    name, found = _records(cloud, ask, kind)
    if condition := ask.query.get("filter"):
        found = [each for each in found if matches(each, condition)]
    page, size = int(ask.query.get("page", 1)), int(ask.query.get("pageSize", 25))
    if page < 1 or not 1 <= size <= 128:
        raise bad_request("Bad request: page or pageSize is out of range")
    content: Tree = {"@total": str(len(found)), "@page": str(page), "@pageSize": str(size), "@name": kind}
    if page * size < len(found):
        others = "&".join(f"{key}={quote(value, safe='')}" for key, value in ask.query.items() if key != "page")
        content["Link"] = [link("nextPage", ask.href(f"/api/query?{others}&page={page + 1}"), "query.records")]
    return xml("QueryResultRecords", {**content, name: found[(page - 1) * size : page * size]})


# ---- vApps ----

INSTANTIATE = ("Description", "VAppParent", "InstantiationParams", "Source", "IsSourceDelete", "SourcedItem")


@routes.route("POST /api/vdc/{id}/action/instantiateVAppTemplate")
def instantiate(cloud: VCloudSimulator, ask: Ask) -> Response:
    """A new vApp of a template; made, customised and started by one task."""
    world, place = cloud.world, cloud.world.vdc(ask.ids[0])
    order = ask.document("InstantiateVAppTemplateParams", *INSTANTIATE, "AllEULAsAccepted")
    if not order.get("@name") or len(order["@name"]) > 128:
        raise bad_request("validation error on field 'name': length must be between 1 and 128")
    found = world.template(_last(order, "Source"))
    item = (many(order.get("SourcedItem")) or [{}])[0]
    policy = ((item.get("ComputePolicy") or {}).get("VmSizingPolicy") or {}).get("@id")
    if policy is not None:
        policy = world.policy(policy).id
    network = _network(ask, order, place)
    vapp = world.place(order["@name"], place, found, world.now())
    vapp.policy, vapp.network = policy, network
    vapp.description = order.get("Description") or ""
    _customise(vapp, (item.get("InstantiationParams") or {}).get("GuestCustomizationSection") or {})
    deploy, power = (order.get(word, "true") == "true" for word in ("@deploy", "@powerOn"))

    def made() -> None:
        vapp.deployed, vapp.status = deploy, 4 if deploy and power else 8

    world.begin("vdcInstantiateVapp", vapp, made, world.boot())
    return xml("VApp", views.vapp_view(ask, vapp), 201)


def _last(order: Tree, name: str) -> str:
    return str((order.get(name) or {}).get("@href", "")).rpartition("/")[2]


def _network(ask: Ask, order: Tree, place: Vdc) -> str:
    """The network that an order wants."""
    section = (order.get("InstantiationParams") or {}).get("NetworkConfigSection") or {}
    for config in many(section.get("NetworkConfig")):
        href = config["Configuration"]["ParentNetwork"]["@href"]
        if href not in {ask.href(views.network_path(place, name)) for name in place.networks}:
            raise bad_request(f"The network {href} is not available in this VDC.")
        return str(config["@networkName"])
    return place.networks[0]


def _customise(vapp: VApp, section: Tree) -> None:
    if section.get("AdminPasswordEnabled") == "true" and section.get("AdminPassword"):
        vapp.password = Secret(section["AdminPassword"])
    name = section.get("ComputerName") or vapp.name
    if "." in name or len(name) > 63:
        raise bad_request("The computer name must have no dots and at most 63 characters.")
    vapp.computer_name, vapp.script = name, section.get("CustomizationScript") or ""


@routes.route("GET /api/vApp/{id}")
def show(cloud: VCloudSimulator, ask: Ask) -> Response:
    """A vApp, or a machine."""
    vapp = cloud.world.find(ask.ids[0])
    if ask.ids[0] == vapp.machine:
        return xml("Vm", views.machine_view(ask, vapp))
    return xml("VApp", views.vapp_view(ask, vapp))


@routes.route("DELETE /api/vApp/{id}")
def delete(cloud: VCloudSimulator, ask: Ask) -> Response:
    """Delete one that is not deployed; or any, by force."""
    vapp = cloud.world.find(ask.ids[0])
    if vapp.deployed and ask.query.get("force", "").lower() != "true":
        raise bad_request(f"The requested operation cannot be executed since vApp {vapp.name} is running.")

    def gone() -> None:
        del cloud.world.vapps[vapp.id]

    return _accepted(ask, cloud.world.begin("vdcDeleteVapp", vapp, gone, cloud.world.boot() / 5))


@routes.route("POST /api/vApp/{id}/action/undeploy")
def undeploy(cloud: VCloudSimulator, ask: Ask) -> Response:
    """Stop it, and give back what it holds."""
    vapp = cloud.world.find(ask.ids[0])
    action = ask.document("UndeployVAppParams").get("UndeployPowerAction", "default")
    if action not in ("powerOff", "suspend", "shutdown", "force", "default"):
        raise bad_request(f"validation error on field 'undeployPowerAction': {action}")
    if not vapp.deployed:
        raise bad_request(f"The requested operation cannot be executed since vApp {vapp.name} is not running.")
    return _change(cloud, ask, vapp, "vappUndeployPowerOff", 3 if action == "suspend" else 8, deployed=False)


@routes.route("POST /api/vApp/{id}/action/deploy")
def deploy(cloud: VCloudSimulator, ask: Ask) -> Response:
    """Take what it needs, and start it."""
    vapp = cloud.world.find(ask.ids[0])
    power = ask.document("DeployVAppParams").get("@powerOn", "true") == "true"
    return _change(cloud, ask, vapp, "vappDeploy", 4 if power else 8, deployed=True)


def _power(verb: str, operation: str, needed: frozenset[int], status: int) -> None:
    """A route for a power action that needs one of these states, and leads to that one."""

    @routes.route(f"POST /api/vApp/{{id}}/power/action/{verb}")
    def act(cloud: VCloudSimulator, ask: Ask) -> Response:
        vapp = cloud.world.find(ask.ids[0])
        if vapp.task is None and vapp.status not in needed:
            word = views.WORDS[vapp.status]
            raise bad_request(f"The requested operation could not be executed since vApp {vapp.name} is {word}.")
        return _change(cloud, ask, vapp, operation, status, deployed=True)


ON, OFF = frozenset({4}), frozenset({3, 8})
_power("powerOn", "vappPowerOn", OFF, 4)
_power("powerOff", "vappPowerOff", ON, 8)
_power("shutdown", "vappShutdown", ON, 8)
_power("reset", "vappReset", ON, 4)
_power("reboot", "vappReboot", ON, 4)
_power("suspend", "vappSuspend", ON, 3)


def _snapshot(verb: str, keeps: Literal[True, False, None]) -> None:
    """A route for what is done with snapshots; None needs one."""

    @routes.route(f"POST /api/vApp/{{id}}/action/{verb}")
    def act(cloud: VCloudSimulator, ask: Ask) -> Response:
        vapp = cloud.world.find(ask.ids[0])
        if keeps is None and not vapp.snapshot:
            raise bad_request(f"The vApp {vapp.name} has no snapshot.")

        def effect() -> None:
            vapp.snapshot = vapp.snapshot if keeps is None else keeps

        return _accepted(ask, cloud.world.begin(f"vapp{verb[0].upper()}{verb[1:]}", vapp, effect, 0.0))


_snapshot("createSnapshot", True)
_snapshot("removeAllSnapshots", False)
_snapshot("revertToCurrentSnapshot", None)


def _change(cloud: VCloudSimulator, ask: Ask, vapp: VApp, operation: str, status: int, *, deployed: bool) -> Response:
    def effect() -> None:
        vapp.status, vapp.deployed = status, deployed

    world: World = cloud.world
    return _accepted(ask, world.begin(operation, vapp, effect, world.boot() / 5))


def _accepted(ask: Ask, task: Task) -> Response:
    return xml("Task", views.task_view(ask, task), 202)


@routes.route("GET /api/task/{id}")
def task(cloud: VCloudSimulator, ask: Ask) -> Response:
    """How far it has come."""
    found = cloud.world.tasks.get(ask.ids[0])
    if found is None:
        raise Failure(404, "RESOURCE_NOT_FOUND", "The task is not there.")
    return xml("Task", views.task_view(ask, found))
