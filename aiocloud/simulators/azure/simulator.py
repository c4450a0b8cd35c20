"""The front door: routes, tokens, errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from itertools import cycle, islice
from typing import Any, TypeAlias
from urllib.parse import unquote

from aiocloud.http.message import Request, Response
from aiocloud.simulators.azure import catalogue, machines, resources
from aiocloud.simulators.azure.signin import Doorkeeper, configuration
from aiocloud.simulators.azure.wire import Call, RefusedError, answer, body_of
from aiocloud.simulators.azure.world import BEFORE, Machine, Resource, World, addresses_of
from aiocloud.simulators.base import Simulator
from aiocloud.simulators.ssh import Machine as SSHMachine
from aiocloud.values import Secret

Answer: TypeAlias = Callable[[World, Call], Response]

COMPUTE, NETWORK = "/providers/microsoft.compute", "/providers/microsoft.network"
GROUP = "/resourcegroups/{}"
VM = f"{GROUP}{COMPUTE}/virtualmachines/{{}}"
KINDS = (
    "(?:networkinterfaces|publicipaddresses|virtualnetworks|networksecuritygroups|disks|sshpublickeys|images|galleries)"
)
PUBLISHERS = f"{COMPUTE}/locations/{{}}/publishers"


def _alone(answer: Callable[[Call], Response]) -> Answer:
    return lambda _, call: answer(call)


ROUTES: dict[str, tuple[str, Answer]] = {
    "Subscriptions_ListLocations": ("GET /locations", _alone(catalogue.locations)),
    "ResourceSkus_List": (f"GET {COMPUTE}/skus", _alone(catalogue.skus)),
    "VirtualMachineImages_ListPublishers": (f"GET {PUBLISHERS}", _alone(catalogue.marketplace)),
    "VirtualMachineImages_ListOffers": (
        f"GET {PUBLISHERS}/{{}}/artifacttypes/vmimage/offers",
        _alone(catalogue.marketplace),
    ),
    "VirtualMachineImages_ListSkus": (
        f"GET {PUBLISHERS}/{{}}/artifacttypes/vmimage/offers/{{}}/skus",
        _alone(catalogue.marketplace),
    ),
    "VirtualMachineImages_List": (
        f"GET {PUBLISHERS}/{{}}/artifacttypes/vmimage/offers/{{}}/skus/{{}}/versions",
        _alone(catalogue.marketplace),
    ),
    "ResourceGroups_List": ("GET /resourcegroups", resources.groups),
    "ResourceGroups_Get": (f"GET {GROUP}", resources.group),
    "ResourceGroups_CreateOrUpdate": (f"PUT {GROUP}", resources.create_group),
    "ResourceGroups_Delete": (f"DELETE {GROUP}", resources.delete_group),
    "Operations_Get": ("GET /providers/{}/locations/{}/operations/{}", machines.operation),
    "VirtualMachines_ListAll": (f"GET {COMPUTE}/virtualmachines", machines.index),
    "VirtualMachines_List": (f"GET {GROUP}{COMPUTE}/virtualmachines", machines.within),
    "VirtualMachines_Get": (f"GET {VM}", machines.show),
    "VirtualMachines_InstanceView": (f"GET {VM}/instanceview", machines.view),
    "VirtualMachines_CreateOrUpdate": (f"PUT {VM}", machines.create),
    "VirtualMachines_Update": (f"PATCH {VM}", machines.update),
    "VirtualMachines_Delete": (f"DELETE {VM}", machines.delete),
    "VirtualMachines_Start": (f"POST {VM}/start", machines.act),
    "VirtualMachines_Restart": (f"POST {VM}/restart", machines.act),
    "VirtualMachines_Deallocate": (f"POST {VM}/deallocate", machines.act),
    "VirtualMachines_PowerOff": (f"POST {VM}/poweroff", machines.act),
    "VirtualMachines_Redeploy": (f"POST {VM}/redeploy", machines.act),
    "VirtualMachines_RunCommand": (f"POST {VM}/runcommand", machines.run_command),
    "SecurityRules_Get": (
        f"GET {GROUP}{NETWORK}/networksecuritygroups/{{}}/securityrules/{{}}",
        resources.rule,
    ),
    "SecurityRules_CreateOrUpdate": (
        f"PUT {GROUP}{NETWORK}/networksecuritygroups/{{}}/securityrules/{{}}",
        resources.create_rule,
    ),
    "SecurityRules_Delete": (
        f"DELETE {GROUP}{NETWORK}/networksecuritygroups/{{}}/securityrules/{{}}",
        resources.delete_rule,
    ),
    "*_ListAll": (f"GET /providers/{{}}/({KINDS})", resources.everywhere),
    "*_List": (f"GET {GROUP}/providers/{{}}/({KINDS})", resources.within),
    "*_Get": (f"GET {GROUP}/providers/{{}}/({KINDS})/{{}}", resources.show),
    "*_CreateOrUpdate": (f"PUT {GROUP}/providers/{{}}/({KINDS})/{{}}", resources.create),
    "*_Delete": (f"DELETE {GROUP}/providers/{{}}/({KINDS})/{{}}", resources.delete),
}
PATTERNS = {name: re.compile(route.replace("{}", "([^/]+)"), re.IGNORECASE) for name, (route, _) in ROUTES.items()}
ROOT = re.compile(r"/subscriptions/([^/]+)(/.*)", re.IGNORECASE)
TOKEN = re.compile(r"/([^/]+)/oauth2/v2\.0/token")
DISCOVERY = re.compile(r"/([^/]+)/v2\.0/\.well-known/openid-configuration")
METADATA, APP, PRICES = "/metadata/identity/oauth2/token", "/msi/token", "/api/retail/prices"
SUBSCRIPTION = "5e6f7a8b-0000-4000-8000-00000000beef"


class AzureSimulator(Simulator):
    """A subscription at Azure, with an application that may do all there. `world` holds all that exists.

    Beside the application's secret it answers as a machine's metadata service, and tells prices to anybody.
    """

    provider = "azure"
    endpoint = "https://management.azure.com"
    creates = "VirtualMachines_CreateOrUpdate"
    proof = "client_secret"
    unknown_node = "nobody"
    as_of = catalogue.AS_OF
    facts = (
        "Some of Azure's regions and sizes, as its documentation and its API describe them; prices are those of the "
        "table that ships, of about the end of 2020; the versions of the images are invented."
    )

    def __init__(self, *, subscription: str = SUBSCRIPTION, **world: Any) -> None:
        super().__init__(**world)
        self.subscription = subscription
        self.world = World(subscription=subscription, now=lambda: self.now(), boot=lambda: self.boot)
        tenant, client = "7a8b9c0d-0000-4000-8000-00000000cafe", "1b2c3d4e-0000-4000-8000-00000000f00d"
        self.door = Doorkeeper(tenant, client, "harbour-client-secret~Q", now=lambda: self.now())

    @property
    def credentials(self) -> Mapping[str, str]:
        """The application and the subscription."""
        known = {"tenant_id": self.door.tenant, "client_id": self.door.client, "client_secret": self.door.secret}
        return {**known, "subscription_id": self.subscription}

    def expire_tokens(self) -> None:
        """Refuse all tokens that were given so far."""
        self.door.expire()

    def nodes(self) -> Iterable[Machine]:
        """The machines."""
        return self.world.alive()

    def addresses(self, node: Machine) -> Iterable[str]:
        """Private ones and public ones, of all its interfaces."""
        if self.world.status(node) == "gone" or node.id.lower() not in self.world.machines:
            return
        for link in node.body["properties"]["networkProfile"]["networkInterfaces"]:
            interface = self.world.resources.get(link["id"].lower())
            if interface is None:
                continue
            for each in interface.body["properties"]["ipConfigurations"]:
                yield each["properties"]["privateIPAddress"]
            for address in addresses_of(interface):
                if (found := self.world.resources.get(address["id"].lower())) is not None:
                    yield found.body["properties"]["ipAddress"]

    def machine(self, node: Machine) -> SSHMachine:
        """What its SSH server knows of a machine.

        Root is let in, too, as on all simulated nodes; Azure's own images refuse that.
        """
        profile = node.body["properties"].get("osProfile") or {}
        keys = ((profile.get("linuxConfiguration") or {}).get("ssh") or {}).get("publicKeys") or ()
        return SSHMachine(
            id=_with_a_small_group(node.id),  # as those know it who have read a list, where groups are in capitals
            name=node.name,
            running=self.world.status(node) == "running",
            users=tuple(dict.fromkeys(["root", "aiocloud", str(profile.get("adminUsername") or "root")])),
            keys=tuple(key["keyData"] for key in keys),
            password=Secret(node.password) if node.password else None,
            user_data=node.data,
        )

    def populate(self, count: int) -> None:
        """So many running machines in the group "pier", spread over the regions."""
        root = f"/subscriptions/{self.subscription}"
        places = islice(cycle(catalogue.REGIONS), count)
        group = {"id": f"{root}/resourceGroups/pier", "name": "pier", "type": "Microsoft.Resources/resourceGroups"}
        if count:
            self.world.groups["pier"] = {
                **group,
                "location": "eastus",
                "properties": {"provisioningState": "Succeeded"},
            }
        for number, place in enumerate(places, 1):
            self._place(root, f"pier-{number}", place)

    def _place(self, root: str, name: str, place: str) -> None:
        base = f"{root}/resourceGroups/pier/providers"
        address, link = f"{base}/{NET}/publicIPAddresses/{name}", f"{base}/{NET}/networkInterfaces/{name}"
        disk = f"{base}/{CPU}/disks/{name}"
        configuration = {
            "subnet": {"id": f"{base}/{NET}/virtualNetworks/pier/subnets/default"},
            "privateIPAddress": self.world.next_private(),
            "publicIPAddress": {"id": address, "properties": {"deleteOption": "Delete"}},
        }
        bodies = {
            address: {"ipAddress": self.world.next_public()},
            link: {"ipConfigurations": [{"name": "primary", "properties": configuration}]},
            disk: {"diskSizeGB": 30},
        }
        for id, properties in bodies.items():
            kind = "/".join(id.split("/")[-3:-1])
            body = {"location": place, "properties": properties}
            self.world.resources[id.lower()] = Resource(id=id, name=name, type=kind, body=body, ready=BEFORE)
        os_disk = {"name": name, "deleteOption": "Delete", "createOption": "FromImage", "managedDisk": {"id": disk}}
        vm = f"{base}/{CPU}/virtualMachines/{name}"
        publisher, offer, sku, version, _ = catalogue.IMAGES[0]
        image = {"publisher": publisher, "offer": offer, "sku": sku, "version": "latest", "exactVersion": version}
        properties = {
            "hardwareProfile": {"vmSize": "Standard_B1ms"},
            "storageProfile": {"osDisk": os_disk},
            "osProfile": {"computerName": name, "adminUsername": "aiocloud"},
            "networkProfile": {"networkInterfaces": [{"id": link, "properties": {"deleteOption": "Delete"}}]},
        }
        self.world.machines[vm.lower()] = Machine(
            id=vm, name=name, group="pier", location=place, body={"properties": properties}, image=image, created=BEFORE
        )

    def operation(self, request: Request) -> str:
        """Azure's name for the operation, as its published description has it."""
        path = request.url.raw_path
        if TOKEN.fullmatch(path):
            return "POST token"
        found = ROOT.fullmatch(path)
        name, names = _route(f"{request.method} {found[2]}") if found else ("", ())
        if not name:
            return f"{request.method} {path}"
        if not name.startswith("*"):
            return name
        word = resources.KINDS[names[-1 if name in ("*_ListAll", "*_List") else -2].lower()].rpartition("/")[2]
        return f"{word[0].upper()}{word[1:]}{name[1:]}"

    def answer(self, request: Request) -> Response:
        """Give a token, or a price; or check a token, find the route, do it."""
        path = request.url.raw_path
        if found := TOKEN.fullmatch(path):
            return self.door.sign_in(request, unquote(found[1]))
        if found := DISCOVERY.fullmatch(path):
            return configuration(request, unquote(found[1]))
        if path in (METADATA, APP):
            return self.door.metadata(request) if path == METADATA else self.door.app(request)
        try:
            if path == PRICES:
                return catalogue.prices(Call(method="GET", url=request.url, subscription="", names=(), body={}))
            self.door.check(request)
            name, call = self._understood(request)
            return ROUTES[name][1](self.world, call)
        except RefusedError as error:
            return answer(error.payload(), error.status, x_ms_request_id="2d1f0000-0000-4000-8000-000000000001")

    def throttled(self, request: Request, retry_after: float) -> Response:
        """Too many requests in too short a time."""
        text = "Number of requests for subscription exceeded. Please try again later."
        headers = {"Retry_After": str(max(1, round(retry_after))), "x_ms_ratelimit_remaining_subscription_reads": "0"}
        return answer({"error": {"code": "TooManyRequests", "message": text}}, 429, **headers)

    def no_capacity(self, request: Request) -> Response:
        """The request is taken, and its operation fails: a lack of room is only found out then."""
        _, call = self._understood(request)
        return machines.create(self.world, call, room=False)

    def _understood(self, request: Request) -> tuple[str, Call]:
        found = ROOT.fullmatch(request.url.raw_path)
        name, names = _route(f"{request.method} {found[2]}") if found else ("", ())
        if found is None or not name:
            raise RefusedError(404, "InvalidResourceType", "The resource type could not be found.")
        if "api-version" not in request.url.query:
            text = "The api-version query parameter (?api-version=) is required for all requests."
            raise RefusedError(400, "MissingApiVersionParameter", text)
        subscription = unquote(found[1])
        if subscription.lower() != self.subscription.lower():
            text = f"The subscription '{subscription}' could not be found."
            raise RefusedError(404, "SubscriptionNotFound", text)
        body = body_of(request.body)
        about = {"method": request.method, "url": request.url, "names": names, "headers": request.headers}
        return name, Call(subscription=self.subscription, body=body, **about)  # type: ignore[arg-type]  # they are what they are called


NET, CPU = "Microsoft.Network", "Microsoft.Compute"


@lru_cache(maxsize=4096)
def _route(text: str) -> tuple[str, tuple[str, ...]]:
    """The operation's name and what stands in the open places of its path; "" when there is none."""
    for name, pattern in PATTERNS.items():
        if found := pattern.fullmatch(text):
            return name, tuple(unquote(each) for each in found.groups())
    return "", ()


def _with_a_small_group(resource: str) -> str:
    return re.sub("(?<=/resourceGroups/)[^/]+", lambda group: group[0].lower(), resource, flags=re.IGNORECASE)
